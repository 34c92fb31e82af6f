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

"""What a browser may send to the forms of an image and of a snapshot.

No post may raise anything but what becomes a bad request, or lead to a
change of what nobody may change.
"""

import functools
import json
import random
from unittest import mock

from django.http import QueryDict

from snapshot_panel.cloud import editing
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import facts
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import verdict
from snapshot_panel import forms as panel_forms
from snapshot_panel.images import forms
from tests.fuzz import text
from tests.unit import builders

_SNIPPETS = text.SNIPPETS + (
    'consistency_verdict', 'CONSISTENCY_IMAGE', 'instance_uuid', 'os_glance',
    'id', 'owner', facts.AGENT_PROPERTY, facts.SHUTDOWN_TIMEOUT_PROPERTY,
    'others-0-name', '=yes', 'a=b')
_REQUEST = mock.Mock(POST=QueryDict())


@functools.cache
def _sheet() -> editing.Sheet:
    image = builders.image({**builders.UNUSUAL, 'os_type': 'linux'},
                           id=builders.BASE_IMAGE)
    return editing.Sheet(image, {})


@functools.cache
def _edit() -> str:
    image = _sheet().image
    return edits.Edit(image.id, image.properties, (
        edits.Change('empty', '', 'full'), edits.Change('new', None, 'x'),
        edits.Change('e=q', '=', None)), image.name).dump()


@functools.cache
def _editor() -> dict[str, str]:
    """Return what a browser sends of an image's form."""
    editor = forms.Editor(_sheet(), edits.Edit.load(_edit()))
    sent = {bound.html_name: bound.value() for form in (
        editor.known, editor.others.management_form, *editor.others)
        for bound in form}
    return {name: '' if value is None else str(value)
            for name, value in sent.items() if value is not False}


_DIALOG = {
    'name': 'web-2', 'keep': '2', 'strict': 'on',
    'properties': 'os_type=linux\nteam = a b\nx=', 'promise':
    'filesystem-consistent', 'shown': json.dumps([
        [builders.SNAPSHOT, 1, 'web-1']])}


def complaint(number: int) -> str:
    """Return what is wrong with the answer to an input; '' for nothing."""
    chance = random.Random(number)
    if number % 3 == 0:
        return _carried(text.change(_edit(), chance, _SNIPPETS))
    if number % 3 == 1:
        return _image_form(_sent(_editor(), chance))
    return _snapshot_form(_sent(_DIALOG, chance))


def _sent(fields: dict[str, str], chance: random.Random) -> QueryDict:
    fields = dict(fields)
    for name in chance.sample(sorted(fields), min(
            len(fields), chance.randrange(1, 5))):
        fields[name] = text.change(fields[name], chance, _SNIPPETS)
    if chance.random() < 0.3:
        name = chance.choice(sorted(fields))
        fields[text.change(name, chance, _SNIPPETS)] = fields.pop(name)
    sent = QueryDict(mutable=True)
    sent.update(fields)
    return sent


def _carried(edit: str) -> str:
    """Take an edit as a page carries it."""
    try:
        wanted = edits.Edit.load(edit)
    except ValueError:
        return ''
    again = edits.Edit.load(wanted.dump())
    if again != wanted:
        return f'{wanted} is not {again}'
    edits.disputes(wanted, _sheet().image.properties)
    edits.commands(wanted)
    return _untouchable(wanted)


def _untouchable(wanted: edits.Edit) -> str:
    """Return what an edit that is sound changes and must not, or ''."""
    if edits.unsound(wanted, True) is not None:
        return ''
    touched = [change.name for change in wanted.changes
               if change.name.lower().startswith('consistency_')
               or change.name in properties.SCHEMA]
    json.dumps([change.operation() for change in wanted.changes])
    return f'changes {touched}' if touched else ''


def _image_form(sent: QueryDict) -> str:
    editor = forms.Editor(_sheet(), edits.Edit.load(_edit()),
                          forms.more_rows(sent))
    if not editor.is_valid():
        return ''
    wrong = edits.unsound(editor.wanted, False)
    return f'valid, and not sound: {wrong}' if wrong else _untouchable(
        editor.wanted)


def _snapshot_form(sent: QueryDict) -> str:
    with mock.patch.object(panel_forms, 'may_replace', return_value=True):
        form = panel_forms.SnapshotForm(_REQUEST, sent)
        if not form.is_valid():
            str(form.errors)
            return ''
    extra = form.cleaned_data['properties']
    locked = [name for name in extra if properties.lock(name, True)]
    if verdict.Verdict(form.cleaned_data['promise']) is None or locked:
        return f'gives {locked}'
    if not all(isinstance(keeping, int) for _id, keeping, _name
               in form.cleaned_data['shown']):
        return f'shown: {form.cleaned_data["shown"]}'
    return ''


def run(inputs: int, first: int = 0) -> tuple[list[str], float]:
    """Return what was wrong, and the longest time of one, in seconds."""
    return text.play(complaint, inputs, first)
