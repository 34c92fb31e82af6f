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

"""The words and the reasons: closed sets, for whoever holds texts for them."""

import enum


class Word(enum.Enum):
    """What a disk, or one part of it, says of itself.

    The values are written on images: never change one.
    """

    AT_REST = 'at-rest'
    IN_USE = 'in-use'
    DAMAGED = 'damaged'
    CANNOT_TELL = 'cannot-tell'


class Reason(enum.Enum):
    """Why a part has its word, or why the whole image cannot be told.

    The values are written on images: never change one.
    """

    # At rest.
    NO_REPLAY_NEEDED = 'no-replay-needed'
    UNMOUNTED = 'unmounted'

    # In use.
    REPLAY_NEEDED = 'replay-needed'

    # Damaged.
    ERRORS_RECORDED = 'errors-recorded'

    # Holds no data that counts: no word.
    BOOT_LOADER = 'boot-loader'
    EFI = 'efi'
    EMPTY = 'empty'
    READ_ONLY = 'read-only'
    RESERVED = 'reserved'
    SWAP = 'swap'

    # A part that cannot be told.
    AMBIGUOUS = 'ambiguous'
    CHECKSUM = 'checksum'
    EXTERNAL_JOURNAL = 'external-journal'
    HIBERNATED = 'hibernated'
    IMPLAUSIBLE = 'implausible'
    JOURNAL_DEVICE = 'journal-device'
    MEMBER = 'member'
    MISSING_VOLUME = 'missing-volume'
    NOT_MARKED_CLEAN = 'not-marked-clean'
    NOT_TOLD = 'not-told'
    UNKNOWN = 'unknown'
    VOLUME_METADATA = 'volume-metadata'
    VOLUME_TYPE = 'volume-type'

    # An image that cannot be told.
    BACKING_FILE = 'backing-file'
    DATA_FILE = 'data-file'
    DIRTY = 'dirty'
    FORMAT = 'format'
    NOTHING_COUNTS = 'nothing-counts'
    UNKNOWN_FEATURE = 'unknown-feature'

    # Either.
    COMPRESSION = 'compression'
    CORRUPT = 'corrupt'
    CUT_SHORT = 'cut-short'
    ENCRYPTED = 'encrypted'
    OUT_OF_REACH = 'out-of-reach'
    TOO_MUCH = 'too-much'
