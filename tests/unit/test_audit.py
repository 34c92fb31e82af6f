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

import json
import subprocess
from unittest import mock

import pytest

from tests import audit

SOUND = {'name': 'django', 'version': '5.2.19', 'vulns': []}
UNKNOWN = {'name': 'horizon', 'skip_reason': 'Dependency not found on PyPI'}
HIT = {'name': 'pillow', 'version': '1.0', 'vulns': [
    {'id': 'PYSEC-1', 'fix_versions': ['1.1']}]}


@pytest.mark.parametrize('told, status, last', [
    ([SOUND], 0, '1 packages, vulnerabilities: 0, unknown: 0'),
    ([SOUND, HIT], 1, '2 packages, vulnerabilities: 1, unknown: 0'),
    ([SOUND, UNKNOWN], 1, '2 packages, vulnerabilities: 0, unknown: 1'),
    ([UNKNOWN], 0, 'NOT RUN: pypi.org has no data here, of none of 1 '
                   'packages')])
def test_what_is_known_and_what_is_not(told, status, last, capsys):
    assert audit.report(told) == status

    assert capsys.readouterr().out.splitlines()[-1] == last


def test_a_vulnerability_is_named(capsys):
    audit.report([HIT])

    assert 'pillow 1.0: PYSEC-1, corrected in 1.1' in capsys.readouterr().out


@pytest.mark.parametrize('ran, status, start', [
    (mock.Mock(stdout=json.dumps({'dependencies': [HIT]}), stderr=''), 1,
     'pillow'),
    (mock.Mock(stdout='', stderr='ERROR: no connection\n'), 0,
     'NOT RUN: no data of pypi.org: ERROR: no connection'),
    (mock.Mock(stdout='', stderr=''), 0, 'NOT RUN'),
    (subprocess.TimeoutExpired('pip-audit', 1), 0, 'NOT RUN')])
def test_without_data_it_says_that_it_was_not_run(ran, status, start, capsys):
    with mock.patch('subprocess.run', side_effect=[ran]), \
            mock.patch('sys.argv', ['audit']):
        assert audit.main() == status

    assert capsys.readouterr().out.startswith(start)
