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

"""What may be written on an image."""

import pytest

from snapshot_panel.consistency import properties

Flaw = properties.Flaw
Kind = properties.Kind
Lock = properties.Lock


@pytest.mark.parametrize('name, flaw', [
    ('fine', None),
    ('with space', None),
    ('x' * 255, None),
    ('', Flaw.NAME_MISSING),
    ('   ', Flaw.NAME_MISSING),
    ('x' * 256, Flaw.NAME_LONG),
    (' edge', Flaw.NAME_EDGES),
    ('a\nb', Flaw.NAME_CONTROL),
    ('a=b', Flaw.NAME_EQUALS),
    ('a😀', Flaw.FOUR_BYTES),
    ('visibility', Flaw.NAME_RESERVED),
    ('deleted', Flaw.NAME_RESERVED),
    ('os_glance_importing', Flaw.NAME_RESERVED),
    ('image_type', Flaw.NAME_RESERVED),
    ('consistency_verdict', Flaw.NAME_RESERVED),
    ('Consistency_Verdict', Flaw.NAME_RESERVED),
    ('There', Flaw.NAME_TWICE),
])
def test_names_of_new_properties(name, flaw):
    assert properties.name_flaw(name, {'there'}) is flaw


@pytest.mark.parametrize('value, definition, flaw', [
    ('', None, None),
    ('é' * 32767, None, None),
    ('é' * 32768, None, Flaw.VALUE_LONG),
    ('a\0b', None, Flaw.VALUE_NUL),
    ('😀', None, Flaw.FOUR_BYTES),
    ('b', {'choices': ('a', 'b')}, None),
    ('B', {'choices': ('a', 'b')}, Flaw.NOT_A_CHOICE),
    ('0', {'kind': Kind.INTEGER, 'lowest': 0}, None),
    ('-1', {'kind': Kind.INTEGER, 'lowest': 0}, Flaw.OUT_OF_RANGE),
    ('9', {'kind': Kind.INTEGER, 'highest': 8}, Flaw.OUT_OF_RANGE),
    ('1.5', {'kind': Kind.INTEGER}, Flaw.NOT_A_NUMBER),
    ('1.5', {'kind': Kind.NUMBER}, None),
    ('many', {'kind': Kind.NUMBER}, Flaw.NOT_A_NUMBER),
    ('nan', {'kind': Kind.NUMBER, 'lowest': 0}, Flaw.NOT_A_NUMBER),
    ('inf', {'kind': Kind.NUMBER}, Flaw.NOT_A_NUMBER),
    ('True', {'kind': Kind.BOOLEAN}, None),
    ('maybe', {'kind': Kind.BOOLEAN}, Flaw.NOT_A_FLAG),
])
def test_values(value, definition, flaw):
    if definition is not None:
        definition = properties.Definition('x', **definition)

    assert properties.value_flaw(value, definition) is flaw


@pytest.mark.parametrize('name, lock', [
    ('os_type', None),
    ('consistency_evidence', Lock.SEAL),
    ('CONSISTENCY_EVIDENCE', Lock.SEAL),
    ('base_image_ref', Lock.SERVICES),
    ('owner', Lock.SCHEMA),
    ('hw_qemu_guest_agent', Lock.PENDING),
    ('os_shutdown_timeout', Lock.PENDING),
    ('licence', None),
])
def test_locks(name, lock):
    assert properties.lock(name, True) is lock


def test_what_is_settled_does_not_lock_its_evidence():
    assert properties.lock('hw_qemu_guest_agent') is None


def test_the_clouds_definition_comes_first_and_ours_fills_it():
    cloud = {'os_require_quiesce': properties.Definition(
        'os_require_quiesce', title='Quiesce', help='Help')}

    found = properties.known(cloud)['os_require_quiesce']

    assert (found.title, found.choices) == ('Quiesce', ('yes', 'no'))
    assert properties.known({})['os_type'] == properties.KNOWN['os_type']
