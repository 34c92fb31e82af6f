# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The documentation has the settings as they are, and names each rule."""

import ast
import csv
import pathlib
import re
from unittest import mock

import pytest

from snapshot_panel import conf
from snapshot_panel.consistency import verdict
from snapshot_panel import policies
from tests import catalogues
from tests.faults import document as faults
from tests.faults import looking
from tests.load import document as load
from tests import policies_list
from tests import screenshots
from tests import settings_list

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = pathlib.Path(__file__).parents[2] / 'doc/source'
TERM = re.compile(r'^``([a-z-]+)``$', re.MULTILINE)


def test_the_settings_are_documented_as_they_are_defined():
    assert settings_list.PATH.read_text() == settings_list.document(), (
        'python -m tests.settings_list')
    assert '.. include:: settings.txt' in (
        SOURCE / 'configuration.rst').read_text()


def test_a_documented_setting_has_its_type_its_range_and_its_default():
    document = settings_list.document()

    assert ("``poll_interval`` (a whole number from 1 to 600, in seconds; "
            "default: ``2``)\n    How often" in document)
    assert ("``ephemeral_backend`` (one of ``'qcow2'``, ``'raw'``, "
            in document)
    assert all('``%s`` (' % name in document for name in conf.DEFAULTS)


def test_the_policies_are_documented_as_the_pages_ask_for_them():
    assert policies_list.PATH.read_text() == policies_list.document(), (
        'python -m tests.policies_list')
    assert '.. include:: policies.txt' in (
        SOURCE / 'configuration.rst').read_text()


def test_no_page_asks_for_a_rule_of_its_own():
    package = SOURCE.parents[1] / 'snapshot_panel'
    found = [path.name for path in package.rglob('*.py')
             if re.search(r"\('(compute|image|volume)', '", path.read_text())]

    assert found == ['policies.py']


def test_the_example_of_a_policy_has_each_rule_of_nova():
    example = (SOURCE.parents[1] / 'tests/policies/compute/today.yaml'
               ).read_text()

    assert set(re.findall('^"(.+)":$', example, re.MULTILINE)) == {
        rule for action in policies.ACTIONS
        for service, rule in action.rules if service == 'compute'}


def test_every_rule_is_explained_below_its_verdict():
    text = (SOURCE / 'verdicts.rst').read_text()
    rules = text[text.index('\nRules\n'):text.index('\nWhat is not proven\n')]
    documented, heading = set(), None
    for line, below in zip(rules.splitlines(), rules.splitlines()[1:]):
        if TERM.match(line):
            if below.startswith('---'):
                heading = line.strip('`')
            else:
                documented.add((line.strip('`'), heading))

    assert documented == {(rule.code, rule.verdict.value)
                          for rule in verdict.Rule}


def test_the_table_of_faults_holds_every_fault_of_every_page():
    with faults.PATH.open(newline='') as file:
        headings, *rows = csv.reader(file)

    assert tuple(headings) == faults.HEADINGS
    assert sorted((service, fault, page) for service, names, page, *_rest
                  in rows for fault in names.split(', ')) == sorted(
        (service, fault, page) for service in looking.SERVICES
        for fault in looking.FAULTS[service]
        for page in looking.PAGES[service])


def test_what_happens_in_a_snapshot_is_played_by_the_tests_that_it_names():
    named = re.findall('``(test_[a-z_]+)``',
                       (SOURCE / 'faults.rst').read_text())
    there = {name for path in (ROOT / 'tests').rglob('test_*.py')
             for name in re.findall(r'def (test_\w+)\(', path.read_text())}

    assert len(named) > 20
    assert set(named) <= there


def test_services_that_are_played_again_leave_the_rows_of_the_others(tmp_path):
    table = tmp_path / 'faults.csv'
    row = ('down', 'Index', 'It says so.', 'under 5', 'nothing')
    with table.open('w', newline='') as file:
        csv.writer(file).writerows([faults.HEADINGS, ('Nova', *row),
                                    ('Cinder', *row), ('Keystone', *row)])

    def play(service, *names):
        faults.write({(service, name, 'Index'): looking.Look(
            'Index', 200, 1.0, 10, service, ()) for name in names})
        with table.open(newline='') as file:
            return [tuple(each[:2]) for each in list(csv.reader(file))[1:]]

    with mock.patch.object(faults, 'PATH', table):
        assert play('Glance', '500') == [
            ('Nova', 'down'), ('Glance', '500'), ('Cinder', 'down'),
            ('Keystone', 'down')]
        assert play('Keystone', '500', '503') == [
            ('Nova', 'down'), ('Glance', '500'), ('Cinder', 'down'),
            ('Keystone', '500, 503')]


def test_no_fault_in_the_table_costs_a_page_more_than_its_bound():
    with faults.PATH.open(newline='') as file:
        rows = list(csv.DictReader(file))

    for row in rows:
        service, page = row['Service'], row['Page']
        bound = max(looking.bound(service, fault, page)
                    for fault in row['Fault'].split(', '))
        assert page == looking.FRAME or int(
            row['Seconds'].removeprefix('under ')) <= bound, row
        assert page == looking.CLICK or row['Written'] == 'nothing', row


def test_the_table_of_many_users_is_of_a_whole_run():
    rows = load.read()

    runs = {run for run, *_rest in rows}
    assert '50 users, 5 minutes' in runs
    # Each has all its goals, and says which of them were missed.
    for run in runs:
        assert len({what for each, what, *_rest in rows
                    if each == run}) >= 6, run
    assert {met for *_rest, met in rows} <= {'met', '**not met**'}


def anything(text):
    """Return a message with … for what differs from time to time."""
    return re.sub(r'%(\(\w+\))?[.\d]*[sdrf]', '…', text)


def spoken():
    """Return all that the panel says: to users, operators and the log."""
    said = {anything(text) for domain in catalogues.DOMAINS
            for message in catalogues.messages(domain) if message.id
            for text in ((message.id,) if isinstance(message.id, str)
                         else message.id)}
    for path in (ROOT / 'snapshot_panel').rglob('*.py'):
        said |= {anything(node.value)
                 for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.Constant)
                 and isinstance(node.value, str)}
    return said


def quoted(name):
    """Return what a document quotes, on one line, without its escapes."""
    text = ' '.join((SOURCE / name).read_text().replace('\\', '').split())
    return re.findall('“([^”]*)”', text)


@pytest.mark.parametrize('name, count', [
    ('troubleshooting.rst', 40), ('operations.rst', 8)])
def test_each_message_that_operators_look_up_is_one_of_the_code(name, count):
    said = '\n'.join(spoken())
    quotes = [each for each in quoted(name)
              if each not in ('…', 'in these marks')]

    assert len(quotes) > count
    assert [each for each in quotes if each not in said] == []


def test_each_symptom_has_its_cause_what_to_do_and_what_shows_it():
    text = (SOURCE / 'troubleshooting.rst').read_text()
    entries = re.findall(r'^(\S.*)\n((?:    .*\n)+)', text, re.MULTILINE)
    symptoms = {term: re.findall(r'^    :(\w+):', body, re.MULTILINE)
                for term, body in entries if '    :' in body}

    assert len(symptoms) > 40
    assert {term: fields for term, fields in symptoms.items()
            if fields != ['Cause', 'Do', 'See']} == {}


def as_shown(text):
    """Return a text of the pages as documents quote it."""
    return ' '.join(anything(text).split()).strip(' .…:').casefold()


def test_what_the_russian_guide_quotes_is_what_the_pages_say():
    said = {as_shown(text) for domain in catalogues.DOMAINS
            for path in catalogues.paths(domain)
            if catalogues.language(path) == 'ru'
            for message in catalogues.read(path) if message.id
            for text in catalogues.forms(message)}
    text = re.sub(r'^\* ', '', (SOURCE / 'user-ru.rst').read_text(),
                  flags=re.MULTILINE)
    quotes = re.findall(r'(?<![*`])\*([^*`]+)\*(?!\*)', text)

    assert len(quotes) > 60
    assert [each for each in quotes if as_shown(each) not in said] == []


def test_the_russian_guide_has_what_the_english_one_has():
    english, russian = ((SOURCE / name).read_text()
                        for name in ('user.rst', 'user-ru.rst'))
    heads = re.compile(r'^\S.*\n=+$', re.MULTILINE)

    # And what the verdicts mean.
    assert len(heads.findall(russian)) == len(heads.findall(english)) + 1
    assert names(english) - names(russian) == {'name=value'}


def names(text):
    """Return the names and commands of a document."""
    return set(re.findall('``([^`]+)``', ' '.join(text.split())))


def test_each_picture_is_small_and_shown_and_each_that_is_shown_is_made():
    shown = {name for path in (*SOURCE.glob('*.rst'), ROOT / 'README.rst')
             for name in re.findall(r'image:: .*images/([a-z-]+)\.png',
                                    path.read_text())}

    assert shown == set(screenshots.PICTURES)
    for name in shown:
        size = (screenshots.IMAGES / f'{name}.png').stat().st_size
        assert 0 < size <= screenshots.MOST, name
