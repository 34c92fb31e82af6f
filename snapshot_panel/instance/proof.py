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

"""What is known of one snapshot, in the order in which it happened."""

import dataclasses
import datetime
import typing

from snapshot_panel.consistency import facts
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel import disk
from snapshot_panel.instance import history
from snapshot_panel.instance import texts
from snapshot_panel.ui import disks
from snapshot_panel.ui import words

Rule = verdict.Rule


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a proof, also where nobody knows of it.

    ``at`` is an aware moment, None where no clock says it.
    """

    code: str
    title: str
    badge: words.Badge
    sentences: typing.Sequence[str] = ()
    at: typing.Optional[datetime.datetime] = None


def parts(entry):
    """Return the :class:`Part` of a proof, of a :class:`history.Entry`."""
    image = entry.line.snapshot.image
    request = records.read_request(image) if image else None
    stopped = request is not None and request.state == facts.STOPPED
    return [_asked(entry, request), _hooks(entry.line.decision, stopped),
            _freeze(entry.line.decision, stopped),
            _thaw(entry.line.decision, stopped), _upload(entry),
            _disk(entry.line.decision), _verdict(entry.line)]


def _asked(entry, request):
    line = entry.line
    sentences = [texts.ASKED_BY % line.by] if line.by else []
    if request is not None:
        sentences.append(texts.ASKED_STATE % words.INSTANCE_STATUSES.get(
            request.state, request.state))
    elif line.snapshot.image is not None:
        sentences.append(texts.ASKED_ELSEWHERE)
    noted = request is not None or bool(line.by)
    return Part('asked', texts.PROOF_ASKED,
                texts.FACTS['noted' if noted else 'silent'], sentences,
                request.at if request and request.at else line.at)


def _hooks(decision, stopped):
    sentences = history.hooks(decision)
    told = decision.evidence.get('hooks')
    refused = decision.evidence.get('hook')
    if isinstance(refused, str):
        sentences.append(texts.HOOK_REFUSED % words.plain(refused))
    failed = isinstance(told, dict) and any(
        succeeded is not True for succeeded in told.values())
    return Part('hooks', texts.PROOF_HOOKS, _badge(
        sentences, failed or isinstance(refused, str), stopped), sentences)


def _freeze(decision, stopped):
    sentences = history.freezes(decision)
    still_open = decision.evidence.get('open')
    if isinstance(still_open, list):
        sentences.append(texts.NOT_STILL % words.joined(
            words.plain(still_open)))
    against = isinstance(still_open, list) or decision.rule in (
        Rule.HOOK_REFUSED, Rule.GONE_AFTER_HOOK, Rule.GONE_AFTER_FREEZE)
    return Part('freeze', texts.PROOF_FREEZE, _badge(
        sentences, against, stopped), sentences)


def _thaw(decision, stopped):
    still = history.stall(decision)
    sentences = [] if still is None else [
        texts.STOOD_STILL_AT_MOST % words.joined(still)]
    return Part('thaw', texts.PROOF_THAW, _badge(sentences, False, stopped),
                sentences)


def _badge(sentences, against, stopped):
    """Return the badge of what only the guest can tell."""
    if against:
        return texts.FACTS['against']
    if sentences:
        return texts.FACTS['witnessed']
    return texts.FACTS['unneeded' if stopped else 'silent']


def _upload(entry):
    line, image = entry.line, entry.line.snapshot.image
    if line.gone:
        return Part('upload', texts.PROOF_UPLOAD, texts.FACTS['gone'],
                    [texts.VANISHED], _gone(entry))
    if image is None or not (image.active or image.deactivated):
        return Part('upload', texts.PROOF_UPLOAD, texts.FACTS['unfinished'])
    at = None
    if line.seconds is not None and image.created is not None:
        at = image.created + datetime.timedelta(seconds=line.seconds)
    return Part('upload', texts.PROOF_UPLOAD, texts.FACTS['whole'],
                [*history.copies(line.decision),
                 *([texts.UPLOADED] if at else [])], at)


def _gone(entry):
    """Return when somebody noticed that the image had vanished, or None."""
    return next((memory.gone for memory
                 in records.read_memories(entry.instance)
                 if memory.image_id == entry.id), None)


def _disk(decision):
    report = decision.evidence.get('disk')
    reading = disk.Reading.from_json(report)
    badge = (texts.FACTS['unread'] if reading is None
             else texts.DISK[reading.word])
    return Part('disk', texts.PROOF_DISK, badge, disks.lines(report))


def _verdict(line):
    image = line.snapshot.image
    sealed = image is not None and records.is_sealed(image)
    # The reason stands on top of the page.
    sentences = history.rest(line)
    if sealed:
        sentences.append(texts.SEALED)
    elif image is not None:
        sentences.append(texts.NOT_SEALED)
    return Part('verdict', texts.PROOF_VERDICT, line.badge, sentences,
                image.updated if sealed else None)
