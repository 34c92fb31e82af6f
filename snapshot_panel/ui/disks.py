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

"""What a disk says of itself, in words.

What is kept on an image may have been changed by hand: a report that is none
has no words.
"""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from snapshot_panel import disk
from snapshot_panel.ui import markup

Reason = disk.Reason

WORDS = {
    disk.Word.AT_REST: pgettext_lazy('a disk when it was copied', 'at rest'),
    disk.Word.IN_USE: pgettext_lazy('a disk when it was copied', 'in use'),
    disk.Word.DAMAGED: pgettext_lazy('a disk when it was copied', 'damaged'),
    disk.Word.CANNOT_TELL: pgettext_lazy('a disk when it was copied',
                                         'cannot tell'),
}

REASONS = {
    Reason.NO_REPLAY_NEEDED: _('nothing was waiting in its journal'),
    Reason.UNMOUNTED: _('it was unmounted'),
    Reason.REPLAY_NEEDED: _('its journal was not written out'),
    Reason.ERRORS_RECORDED: _('it has recorded errors'),
    Reason.BOOT_LOADER: _('a boot loader, no data'),
    Reason.EFI: _('the EFI partition, no data that changes'),
    Reason.EMPTY: _('empty'),
    Reason.READ_ONLY: _('cannot be written to'),
    Reason.RESERVED: _('reserved, no data'),
    Reason.SWAP: _('swap, no data that is kept'),
    Reason.AMBIGUOUS: _('it looks like several things at once'),
    Reason.CHECKSUM: _('its checksum does not fit'),
    Reason.EXTERNAL_JOURNAL: _('its journal is on another disk'),
    Reason.HIBERNATED: _('the guest hibernated on it'),
    Reason.IMPLAUSIBLE: _('what it says does not fit together'),
    Reason.JOURNAL_DEVICE: _('the journal of another file system'),
    Reason.MEMBER: _('a part of something larger'),
    Reason.MISSING_VOLUME: _('a part of the volume group is on another disk'),
    Reason.NOT_MARKED_CLEAN: _('it has no journal and was not unmounted'),
    Reason.NOT_TOLD: _('this file system does not say whether it was at '
                       'rest'),
    Reason.UNKNOWN: _('unknown content'),
    Reason.VOLUME_METADATA: _('the volume group cannot be read'),
    Reason.VOLUME_TYPE: _('a kind of logical volume that cannot be read'),
    Reason.BACKING_FILE: _('the image is only a part of its disk'),
    Reason.DATA_FILE: _('the image’s data is in another file'),
    Reason.DIRTY: _('the image was not closed'),
    Reason.FORMAT: _('a format that cannot be read'),
    Reason.NOTHING_COUNTS: _('no file system on it'),
    Reason.UNKNOWN_FEATURE: _('the image uses a feature that cannot be '
                              'read'),
    Reason.COMPRESSION: _('compressed in a way that cannot be read'),
    Reason.CORRUPT: _('its structure is broken'),
    Reason.CUT_SHORT: _('it ends too early'),
    Reason.ENCRYPTED: _('encrypted'),
    Reason.OUT_OF_REACH: _('too far from the beginning of the image for '
                           'this store'),
    Reason.TOO_MUCH: _('too much to read'),
}
_BY_CODE = {reason.value: text for reason, text in REASONS.items()}

# Where something is on a disk, by the reader's word for it.
_PLACES = {
    'disk': pgettext_lazy('where on a disk', 'disk'),
    'partition': pgettext_lazy('where on a disk', 'partition %s'),
    'volume': pgettext_lazy('where on a disk', 'volume %s'),
    'group': pgettext_lazy('where on a disk', 'group %s'),
}
# Where something is, what it is, what it says, why.
_PART = _('%(place)s, %(kind)s: %(word)s, %(reason)s (%(field)s)')
_PART_WITHOUT_FIELD = _('%(place)s, %(kind)s: %(word)s, %(reason)s')
_NO_WORD = pgettext_lazy('a part of a disk', 'does not count')
_WHOLE = _('The image as a whole (%(format)s): %(reason)s')


def lines(report: object) -> list[str]:
    """Return a sentence for each part that was read; none without a report.

    They are HTML.

    :param report: what :attr:`facts.DiskReading.report` held, as it came
        back from wherever it was kept.
    """
    reading = disk.Reading.from_json(report)
    if reading is None:
        return []
    sentences = [_line(part) for part in reading.parts]
    if reading.reason:
        sentences.append(markup.fill(_WHOLE, {
            'format': reading.format, 'reason': _BY_CODE[reading.reason]}))
    return sentences


def _line(part):
    text = _PART if part.field else _PART_WITHOUT_FIELD
    return markup.fill(text, {
        'place': _place(part.place),
        # In the words of the format, whatever the reader's language.
        'kind': markup.typed(part.kind), 'field': markup.typed(part.field),
        'word': _NO_WORD if part.word is None else WORDS[part.word],
        'reason': _BY_CODE[part.reason]})


def _place(place):
    kind, _space, name = place.partition(' ')
    text = _PLACES.get(kind)
    if text is None or bool(name) != ('%s' in str(text)):
        return place
    return text % name if name else text


def kinds(report: object, word: disk.Word | None = None) -> tuple[str, ...]:
    """Return the kinds of file system with a certain word, '?' for none.

    :param word: a :class:`disk.Word`, None for all that count.
    """
    reading = disk.Reading.from_json(report)
    named = [part.kind for part in (reading.parts if reading else ())
             if part.word is not None and word in (None, part.word)]
    return tuple(dict.fromkeys(named)) or ('?',)
