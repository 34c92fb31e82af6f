# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Signatures on seals, so that one that was written by hand can be told.

A signature is an HMAC-SHA256 over what a seal says and what it is about. It
names the key, but does not tell it, and the image: an instance that is booted
from a snapshot hands all properties on to its own snapshots, whose signatures
would look false otherwise.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import hashlib
import hmac
import json
import re

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records

_VERSION = 'v1'
_KEY_ID_LENGTH = 16
# 128 characters with the id of an image; Glance's databases hold many more.
_SIGNATURE = re.compile(
    r'v1:(?P<key>[0-9a-f]{16}):(?P<image>[0-9a-fA-F-]{36}):'
    r'(?P<mac>[0-9a-f]{64})')


def sign(image: facts.Image, seal: Mapping[str, str], keys: Sequence[bytes]
         ) -> dict[str, str]:
    """Return the property that signs a seal, or takes an older one away.

    :param image: as it was just read, with the checksum of its data.
    :param seal: the properties of :class:`records.Seal`.
    :param keys: the operator's; the first signs.
    """
    if not keys:
        return ({records.SIGNATURE: facts.UNBOUND}
                if records.SIGNATURE in image.properties else {})
    return {records.SIGNATURE: ':'.join((
        _VERSION, key_id(keys[0]), image.id, _mac(keys[0], image, seal)))}


def key_id(key: bytes) -> str:
    """Return the name of a key, which does not tell the key."""
    return hmac.digest(key, b'snapshot_panel key id', 'sha256').hex()[
        :_KEY_ID_LENGTH]


def _mac(key: bytes, image: facts.Image, seal: Mapping[str, str]) -> str:
    # As a list: no text can pass for the end of the one before it. An image
    # made of volumes has no data; which snapshots it is made of is signed.
    signed = json.dumps([
        _VERSION, image.id, image.checksum,
        image.properties.get(facts.MAPPING_PROPERTY, ''),
        *(seal.get(name, '') for name in (
            records.VERDICT, records.RULE, records.EVIDENCE))])
    return hmac.new(key, signed.encode(), hashlib.sha256).hexdigest()


def check(image: facts.Image, keys: Sequence[bytes]
          ) -> facts.Signature | None:
    """Return what the signature on an image says of its seal.

    Whoever may write there can also take a signature away: one that is
    missing proves nothing, in either direction.

    :param keys: the operator's; all verify.
    :returns: None where there is no seal, and where nobody signs.
    """
    if not records.is_sealed(image):
        return None
    text = image.properties.get(records.SIGNATURE, facts.UNBOUND)
    match = _SIGNATURE.fullmatch(text)
    if match is None and text != facts.UNBOUND:
        return facts.Signature.FALSE
    if match is None or match['image'] != image.id:
        return facts.Signature.MISSING if keys else None
    key = next((key for key in keys if key_id(key) == match['key']), None)
    if key is None:
        return facts.Signature.ELSEWHERE
    return (facts.Signature.HERE if hmac.compare_digest(
        match['mac'], _mac(key, image, image.properties))
        else facts.Signature.FALSE)


def checked(image: facts.Image, keys: Sequence[bytes]) -> facts.Image:
    """Return an image with what its signature says."""
    return dataclasses.replace(image, signature=check(image, keys))
