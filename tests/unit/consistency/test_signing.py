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

"""Signatures on seals: made, checked, inherited, forged, taken away."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st
import pytest

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import signing
from snapshot_panel.consistency import verdict
from tests.unit import builders

OURS, OLDER, THEIRS = b'o' * 32, b'p' * 32, b't' * 32
Signature = facts.Signature
OTHER = '66666666-ffff-4fff-8fff-666666666666'


def changed(image, properties=None, **changes):
    return dataclasses.replace(image, properties={
        **image.properties, **(properties or {})}, **changes)


def signed(*keys, rule=verdict.Rule.DISK_AT_REST, **changes):
    image = builders.sealed(rule, {'seq': 4}, checksum='abc', **changes)
    return changed(image, signing.sign(image, image.properties, keys))


def test_what_is_signed_here_is_known():
    image = signed(OURS)

    assert signing.check(image, [OURS]) is Signature.HERE
    assert len(image.properties[records.SIGNATURE]) <= 255


def test_the_first_key_signs_and_all_verify():
    before, after = signed(OLDER), signed(OURS, OLDER)

    assert signing.check(before, [OURS, OLDER]) is Signature.HERE
    assert signing.check(after, [OURS]) is Signature.HERE
    assert signing.check(after, [OLDER]) is Signature.ELSEWHERE


def test_a_signature_does_not_tell_its_key():
    text = signed(OURS).properties[records.SIGNATURE]

    assert OURS.hex() not in text
    assert OURS.decode() not in text


def test_an_unknown_key_is_elsewhere_and_the_verdict_stays():
    for keys in ([OURS], []):
        image = signing.checked(signed(THEIRS), keys)

        assert image.signature is Signature.ELSEWHERE
        assert verdict.look(image).rule is verdict.Rule.DISK_AT_REST


def test_a_seal_without_a_signature_is_said_and_stays_as_it_is():
    unsigned = builders.sealed(verdict.Rule.DISK_AT_REST)

    image = signing.checked(unsigned, [OURS])

    assert image.signature is Signature.MISSING
    assert verdict.look(image).verdict.consistent


def test_without_keys_nothing_is_written_and_nothing_said():
    image = builders.sealed()

    assert signing.sign(image, image.properties, []) == {}
    assert signing.check(image, []) is None


@pytest.mark.parametrize('forged', [
    {'properties': {records.EVIDENCE: '{}'}},
    {'properties': {records.VERDICT: 'application-consistent',
                    records.RULE: 'hooks-witnessed'}},
    {'properties': {records.RULE: 'clean-stop'}},
    {'properties': {facts.MAPPING_PROPERTY: '[]'}}, {'checksum': 'other'}])
def test_what_was_signed_cannot_be_changed(forged):
    image = signing.checked(changed(signed(OURS), **forged), [OURS])

    assert image.signature is Signature.FALSE
    assert verdict.look(image) == verdict.Decision(verdict.Rule.FORGED)
    assert not verdict.look(image).verdict.consistent


@pytest.mark.parametrize('text', [
    '', 'x', 'v2:', 'v1:' + '0' * 16, 'v1:%s:%s:%s' % (
        signing.key_id(OURS), builders.SNAPSHOT, '0' * 64),
    'v1:%s:%s:%s\n' % (signing.key_id(OURS), builders.SNAPSHOT, '0' * 64)])
@pytest.mark.parametrize('keys', [[OURS], []])
def test_what_is_no_signature_does_not_pass_for_one(text, keys):
    image = changed(signed(OURS), {records.SIGNATURE: text})

    expected = (Signature.ELSEWHERE if text.endswith('0' * 64) and not keys
                else Signature.FALSE)
    assert signing.check(image, keys) is expected


def test_a_signature_moved_to_another_image_is_not_its_own():
    """By hand, with all of the record."""
    good = signed(OURS)
    moved = changed(good, {
        records.IMAGE: OTHER, records.SIGNATURE: good.properties[
            records.SIGNATURE].replace(builders.SNAPSHOT, OTHER)}, id=OTHER)

    assert signing.check(moved, [OURS]) is Signature.FALSE


def test_what_inherits_a_signature_is_not_forged():
    """Nova copies all properties to an instance's own snapshots."""
    parent = signed(OURS)
    child = changed(parent, id=OTHER)
    sealed = changed(child, {records.IMAGE: OTHER})

    assert signing.check(child, [OURS]) is None
    assert signing.check(sealed, [OURS]) is Signature.MISSING
    assert verdict.look(signing.checked(sealed, [OURS])).rule is (
        verdict.Rule.DISK_AT_REST)


def test_a_seal_by_who_has_no_key_takes_an_older_signature_away():
    image = changed(signed(OURS), {records.VERDICT: records.PENDING})

    assert signing.sign(image, image.properties, []) == {
        records.SIGNATURE: 'none'}
    assert signing.check(changed(builders.sealed(), {
        records.SIGNATURE: 'none'}), [OURS]) is Signature.MISSING


def test_what_waits_for_its_verdict_bears_no_signature():
    image = builders.asked(properties={records.SIGNATURE: 'junk'})

    assert signing.check(image, [OURS]) is None
    assert verdict.look(signing.checked(image, [OURS])).rule is (
        verdict.Rule.UNSETTLED)


@given(st.integers(0, 400), st.characters(), st.sampled_from(
    [records.SIGNATURE, records.VERDICT, records.RULE, records.EVIDENCE]))
def test_no_changed_character_is_taken_for_signed(place, character, name):
    image = signed(OURS)
    text = image.properties[name]
    place %= len(text)
    forged = text[:place] + character + text[place + 1:]

    found = signing.check(changed(image, {name: forged}), [OURS])

    # Capitals of an id are another id.
    assert found is not Signature.HERE or forged == text
