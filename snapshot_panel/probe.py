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

"""``python -m snapshot_panel.probe``: what a Horizon is like, for install.

Run by it in a process of its own, with Horizon's settings. Prints JSON; the
last line counts, since others may print before. Looks only.
"""

from collections.abc import Iterator
import json
import logging
import sys
import typing

import django

from snapshot_panel.install import Line
from snapshot_panel import policies

# What a policy file is asked about: someone with one role in one project.
_PROJECT = {'project_id': 'project', 'user_id': 'user'}
_MEMBER, _READER = 'member', 'reader'
_WHERE = 'see "Policy" in the documentation'
# What it means that the catalogue lacks a service that need not be there.
_WITHOUT = {
    'Cinder': 'only instances on volumes need it',
    'Mistral': 'users get commands to copy for their schedules'}


def told() -> dict[str, typing.Any]:
    """Return what is needed of Horizon's settings."""
    from django.apps import apps
    from django.conf import settings

    from snapshot_panel import conf

    return {
        'static': settings.STATIC_ROOT,
        'offline': bool(settings.COMPRESS_ENABLED
                        and settings.COMPRESS_OFFLINE),
        'manifest': '%s/%s' % (settings.COMPRESS_OUTPUT_DIR,
                               settings.COMPRESS_OFFLINE_MANIFEST),
        'problems': [problem.text for problem in conf.problems()]
        if apps.is_installed('snapshot_panel') else []}


def look_at_policies() -> Iterator[Line]:
    """Hold the rules that actions ask for against Horizon's policy files."""
    from django.conf import settings
    from horizon.utils import settings as horizon_settings
    from openstack_auth import policy

    if horizon_settings.import_setting(
            'POLICY_CHECK_FUNCTION') is not policy.check:
        yield Line('Policies: not looked at: POLICY_CHECK_FUNCTION is not '
                   'that of Horizon.')
        return
    said = _Said()
    logger = logging.getLogger(policy.__name__)
    logger.addHandler(said)
    try:
        # Horizon has no public way to these. All of its series have this.
        enforcers = policy._get_enforcer()
    finally:
        logger.removeHandler(said)
    found = list(said.lines())
    for service, name in policies.SERVICES.items():
        if service in enforcers:
            found += _unknown(enforcers[service], service, name,
                              settings.POLICY_FILES[service])
        else:
            found.append(Line(
                'Policies: Horizon has no rules of %s (POLICY_FILES). It '
                'offers everything of it to everybody, and %s may refuse.'
                % (name, name), True))
    yield from found
    if not found:
        yield Line('Policies: all rules are known (%s).' % ', '.join(
            settings.POLICY_FILES[service] for service in policies.SERVICES))
        yield from _roles(enforcers)


class _Said(logging.Handler):
    """What Horizon logs about the policy files of our services."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)

    def lines(self) -> Iterator[Line]:
        for record in self._records:
            values = record.args or ()
            if isinstance(values, dict):
                values = tuple(values.values())
            if set(policies.SERVICES) & {
                    value for value in values if isinstance(value, str)}:
                yield Line('Policies: ' + record.getMessage(), True)


def _unknown(enforcer: typing.Any, service: str, name: str, path: str
             ) -> Iterator[Line]:
    """Name the rules that a policy file does not know."""
    actions: dict[str, list[str]] = {}
    for action in policies.ACTIONS:
        for kind, rule in action.rules:
            if kind == service and rule not in enforcer.rules:
                actions.setdefault(rule, []).append(action.name)
    whom = ('whom its rule "default" lets'
            if 'default' in enforcer.rules else 'everybody')
    for rule, names in actions.items():
        yield Line('Policies: %s does not know %s. Horizon then offers to '
                   '%s, and %s may refuse: %s.' % (
                       path, rule, whom, name, ', '.join(names)), True)


def _roles(enforcers: dict[str, typing.Any]) -> Iterator[Line]:
    """Say what is not as by default for who has one role alone."""
    lacks = _names(enforcers, _MEMBER, False)
    if lacks:
        yield Line('Policies: Horizon does not offer to the role %s: %s.' % (
            _MEMBER, ', '.join(lacks)))
    offered = _names(enforcers, _READER, True)
    if offered:
        yield Line('Policies: Horizon offers to the role %s, and by default '
                   'the services refuse: %s; %s.' % (
                       _READER, ', '.join(offered), _WHERE))


def _names(enforcers: dict[str, typing.Any], role: str, allowed: bool
           ) -> list[str]:
    return [action.name for action in policies.ACTIONS
            if allowed == _allows(enforcers, action.rules, role)]


def _allows(enforcers: dict[str, typing.Any], rules: policies.Rules,
            role: str) -> bool:
    """Return whether the files let somebody with one role do something."""
    target = {**_PROJECT, 'tenant_id': _PROJECT['project_id'],
              'owner': _PROJECT['project_id']}
    return all(enforcers[service].enforce(
        rule, dict(target), {**_PROJECT, 'roles': [role]})
        for service, rule in rules)


def look_at_services(cloud: str | None) -> Iterator[Line]:
    """Ask the services as the panel does, with an account that is at hand.

    :param cloud: its name in clouds.yaml; None for the one that openstacksdk
        takes, and then it is no fault that there is none.
    """
    from snapshot_panel.cloud import errors
    try:
        from snapshot_panel.cloud import accounts
    except ImportError as error:
        yield Line('Services: not looked at: %s; that comes with '
                   'snapshot-panel[judge].' % error, bool(cloud))
        return
    if not cloud and not accounts.at_hand():
        yield Line('Services: not looked at: no credentials (clouds.yaml or '
                   'OS_... variables).')
        return
    try:
        [account] = accounts.accounts([cloud] if cloud else ())
    except accounts.Misconfigured as error:
        yield Line('Services: not looked at: %s' % error, bool(cloud))
        return
    try:
        session = account.session()
    except errors.CloudError as problem:
        yield Line('Services: %s' % errors.brief(str(problem)), True)
        return
    yield from _answers(session)


def _answers(session: typing.Any) -> Iterator[Line]:
    """Say of each service whether it answers; each is asked once."""
    from snapshot_panel.cloud import asking
    from snapshot_panel.cloud import cinder
    from snapshot_panel.cloud import errors
    from snapshot_panel.cloud import glance
    from snapshot_panel.cloud import mistral
    from snapshot_panel.cloud import nova
    from snapshot_panel.consistency import workflow

    for name, ask in (
            ('Nova', lambda: nova.list_instances(session, 1)),
            ('Glance', lambda: glance.ask(session, '/v2/images?limit=1')),
            ('Cinder', lambda: cinder.get_usage(session)),
            ('Mistral', lambda: mistral.has_action(session,
                                                   workflow.ACTION))):
        try:
            answer = asking.outcome(ask)
        except errors.UNAUTHORIZED as error:
            answer = errors.Forbidden(name, error)
        if isinstance(answer, errors.CloudError):
            yield _failure(session, name, answer)
        elif answer is False:
            yield Line('Services: Mistral cannot take snapshots: it has no '
                       'action %s (mistral-extra).' % workflow.ACTION, True)
        else:
            yield Line('Services: %s answers.' % name)
            if name == 'Glance':
                yield _reads(session)


def _failure(session: typing.Any, name: str, problem: Exception) -> Line:
    """Say why a service gave no answer, and what that means."""
    from horizon import exceptions
    from snapshot_panel.cloud import errors

    if isinstance(problem.__cause__, exceptions.ServiceCatalogException):
        without = _WITHOUT.get(name)
        return Line('Services: there is no %s in the catalogue of the region '
                    '%s%s.' % (name, session.user.services_region,
                               '; ' + without if without else ''),
                    not without)
    said = errors.brief(str(problem))
    if name == 'Mistral':
        return Line('Services: %s; repair it or take it out of the catalogue: '
                    'users are offered schedules by it.' % said, True)
    return Line('Services: %s' % said, True)


def _reads(session: typing.Any) -> Line:
    """Say whether Glance gives images' data, which verdicts rest on."""
    from snapshot_panel.cloud import asking
    from snapshot_panel.cloud import disks
    from snapshot_panel.cloud import errors
    from snapshot_panel.cloud import glance

    def ask() -> bool | None:
        for image in glance.find(session, {
                'status': 'active', 'size_min': '1'}, 1, 1):
            return disks.gives_parts(session, image)
        return None

    parts = asking.outcome(ask)
    if isinstance(parts, errors.Forbidden):
        return Line('Services: Glance does not let this account read images '
                    '(policy download_image), so no disk gives a verdict: %s'
                    % errors.brief(str(parts)), True)
    if isinstance(parts, errors.CloudError):
        return Line('Services: Glance gave no part of an image: %s'
                    % errors.brief(str(parts)), True)
    if parts is None:
        return Line('Services: whether Glance lets this account read images '
                    'was not looked at: it sees none.')
    return Line('Services: Glance lets this account read images, %s.' % (
        'in parts' if parts else
        'from their beginning only: disk_stream_mib says how far'))


def main(arguments: list[str]) -> int:
    """Print what is asked for: ``settings``, or ``check`` and a cloud."""
    django.setup()
    what, cloud = (arguments + [''])[:2]
    if what == 'settings':
        answer: typing.Any = told()
    else:
        answer = [*look_at_policies(), *look_at_services(cloud or None)]
    print('\n' + json.dumps(answer))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
