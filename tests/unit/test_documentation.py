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

"""The documentation names each setting with its default, and each rule."""

import pathlib
import re

from snapshot_panel import conf
from snapshot_panel.consistency import verdict

SOURCE = pathlib.Path(__file__).parents[2] / 'doc/source'
SETTING = re.compile(r'^``(\w+)`` \(default: ``([^`]+)``', re.MULTILINE)
TERM = re.compile(r'^``([a-z-]+)``$', re.MULTILINE)


def test_every_setting_is_documented_with_its_default():
    documented = SETTING.findall((SOURCE / 'configuration.rst').read_text())

    assert dict(documented) == {name: repr(value)
                                for name, value in conf.DEFAULTS.items()}


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
