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

"""Settings count where they are right, and are named where they are wrong."""

import logging

from django.core import checks
from django.test import utils
from django.views import debug
import hypothesis
from hypothesis import strategies
import pytest

from snapshot_panel import apps
from snapshot_panel import conf
from snapshot_panel.consistency import facts

# Python does not write numbers of so many digits, nor can pytest.
HUGE = 10 ** 5000
WRONG_NUMBERS = [0, -1, 601, HUGE, -HUGE, True, False, '60', '', 2.0, 2.5,
                 float('nan'), float('inf'), None, [2], {}, b'2', object()]
WRONG_BACKENDS = ['rdb', 'RBD', 'rbd ', '', 'ploop', True, 0, ['rbd'],
                  b'rbd', object(), 'x' * 10000]


def named(value):
    return type(value).__name__


def texts():
    return [problem.text for problem in conf.problems()]


def test_without_settings_all_is_well(settings):
    assert conf.get_config() == conf.DEFAULTS
    assert conf.problems() == ()


@pytest.mark.parametrize('name', conf.OPTIONS)
def test_each_default_is_allowed(settings, name):
    settings.SNAPSHOT_PANEL = {name: conf.DEFAULTS[name]}

    assert conf.problems() == ()


@pytest.mark.parametrize('name, value', [
    ('poll_interval', 1), ('poll_interval', 600), ('evidence_age', 0),
    ('disk_stream_mib', 0), ('shutdown_timeout', 0),
    ('shutdown_timeout', None), *[
        ('ephemeral_backend', backend) for backend in facts.BACKENDS]])
def test_what_is_right_counts(settings, name, value):
    settings.SNAPSHOT_PANEL = {name: value}

    assert conf.get_config() == {**conf.DEFAULTS, name: value}
    assert conf.problems() == ()


@pytest.mark.parametrize('value', WRONG_NUMBERS, ids=named)
def test_a_wrong_number_does_not_count(settings, value):
    settings.SNAPSHOT_PANEL = {'poll_interval': value, 'settle_grace': 7}

    assert conf.get_config() == {**conf.DEFAULTS, 'settle_grace': 7}
    [text] = texts()
    assert text.startswith("SNAPSHOT_PANEL: 'poll_interval' is ")
    assert text.endswith(' and must be a whole number from 1 to 600. '
                         'The default is used: 2.')
    assert len(text) < 200


@pytest.mark.parametrize('value', WRONG_BACKENDS, ids=named)
def test_a_backend_that_is_none_tells_nothing(settings, value):
    settings.SNAPSHOT_PANEL = {'ephemeral_backend': value}

    assert conf.deployment() == facts.Deployment()
    [text] = texts()
    assert ("must be one of 'qcow2', 'raw', 'flat', 'default', 'rbd', 'lvm'. "
            'The default is used: None.' in text)
    assert len(text) < 250


@pytest.mark.parametrize('value', ['no', 'False', 0, 1, None, [], 2.0])
def test_what_is_neither_true_nor_false_turns_nothing_off(settings, value):
    settings.SNAPSHOT_PANEL = {'on_instances_page': value}

    assert conf.get_config() == conf.DEFAULTS
    assert texts() == [
        "SNAPSHOT_PANEL: 'on_instances_page' is %r and must be True or False. "
        'The default is used: True.' % (value,)]


@pytest.mark.parametrize('written, similar', [
    ('ephemeral_backed', 'ephemeral_backend'),
    ('EPHEMERAL_BACKEND', 'ephemeral_backend'),
    ('poll-interval', 'poll_interval'), ('request-timeout', 'request_timeout'),
    ('colour', None), ('', None),
    (7, None), (None, None), (('poll_interval',), 'poll_interval')])
def test_a_name_that_is_none_is_named(settings, written, similar):
    settings.SNAPSHOT_PANEL = {written: 5}

    assert conf.get_config() == conf.DEFAULTS
    assert texts() == ['SNAPSHOT_PANEL: %r is no setting.%s' % (
        written, ' Did you mean %r?' % similar if similar else '')]


@pytest.mark.parametrize('written', [
    None, 0, [], [('poll_interval', 5)], 'poll_interval', {'poll_interval'},
    dict, HUGE], ids=named)
def test_what_is_no_dictionary_counts_for_nothing(settings, written):
    settings.SNAPSHOT_PANEL = written

    assert conf.get_config() == conf.DEFAULTS
    assert [problem.fault for problem in conf.problems()] == [
        conf.Fault.NO_DICT]
    assert 'not a dictionary' in texts()[0]


def test_each_of_several_faults_is_named(settings):
    settings.SNAPSHOT_PANEL = {'a': 1, 'poll_interval': 0, 'evidence_age': 5,
                               'ephemeral_backend': 'rdb'}

    assert [problem.fault for problem in conf.problems()] == [
        conf.Fault.NO_NAME, conf.Fault.NO_NUMBER, conf.Fault.NO_CHOICE]
    assert conf.get_config() == {**conf.DEFAULTS, 'evidence_age': 5}


@hypothesis.given(strategies.one_of(
    anything := strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.integers()
        | strategies.floats() | strategies.text() | strategies.binary(),
        strategies.lists, max_leaves=3),
    strategies.dictionaries(
        strategies.sampled_from(list(conf.OPTIONS)) | strategies.text()
        | strategies.integers(), anything)))
def test_whatever_is_written_the_settings_stay_within_their_ranges(written):
    with utils.override_settings(SNAPSHOT_PANEL=written):
        config = conf.get_config()
        texts()

    assert list(config) == list(conf.DEFAULTS)
    for name, option in conf.OPTIONS.items():
        if config[name] is not None or option.default is not None:
            assert type(config[name]) is type(option.type(config[name]))
            assert option.type(config[name]) == config[name]


def test_djangos_check_names_what_is_wrong_as_a_warning(settings):
    settings.SNAPSHOT_PANEL = {'ephemeral_backend': 'rdb', 'pol_interval': 1}

    found = checks.run_checks(tags=['snapshot_panel'])

    assert [(each.id, each.level) for each in found] == [
        ('snapshot_panel.W005', checks.WARNING),
        ('snapshot_panel.W003', checks.WARNING)]
    assert [each.msg for each in found] == texts()


def test_the_log_names_it_when_horizon_starts(settings, caplog):
    settings.SNAPSHOT_PANEL = {'poll_interval': 0}
    settings.LANGUAGE_CODE = 'ru'

    with caplog.at_level(logging.WARNING, logger='snapshot_panel'):
        apps.SnapshotPanelConfig.create('snapshot_panel').ready()

    assert [record.getMessage() for record in caplog.records] == [
        "SNAPSHOT_PANEL: 'poll_interval' is 0 and must be a whole number from "
        '1 to 600. The default is used: 2.']


KEY = 'a secret of thirty-two characters'


def test_keys_sign_in_the_order_in_which_they_are_written(settings):
    settings.SNAPSHOT_PANEL = {'signing_keys': [KEY, KEY[::-1]]}

    assert conf.signing_keys() == (KEY.encode(), KEY[::-1].encode())
    assert conf.problems() == ()


@pytest.mark.parametrize('written', [
    KEY, [KEY[:31]], [KEY, ''], (KEY,), {KEY}, [KEY.encode()], [None], None,
    {KEY: KEY}])
def test_wrong_keys_sign_nothing_and_are_not_told(settings, caplog, written):
    settings.SNAPSHOT_PANEL = {'signing_keys': written}

    assert conf.signing_keys() == ()
    [text] = texts()
    assert 'must be a list of texts of at least 32 characters' in text
    assert KEY[:8] not in text
    assert all(KEY[:8] not in each.msg for each in checks.run_checks(
        tags=['snapshot_panel']))


def test_a_secret_is_not_told_where_the_settings_are_no_dictionary(settings):
    settings.SNAPSHOT_PANEL = [('signing_keys', [KEY])]

    assert KEY[:8] not in texts()[0]


def test_djangos_page_of_an_error_hides_the_keys(settings):
    settings.SNAPSHOT_PANEL = {'signing_keys': [KEY]}

    shown = debug.SafeExceptionReporterFilter().get_safe_settings()

    assert KEY not in repr(shown['SNAPSHOT_PANEL'])
