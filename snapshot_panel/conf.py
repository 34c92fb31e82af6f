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

"""The panel's settings: one dict, ``SNAPSHOT_PANEL``.

Each is defined once, in :data:`GROUPS`. The documentation's list is made from
that (``python -m tests.settings_list``), and what the operator wrote is held
against it by oslo.config's types. A setting that is wrong counts as not
written: the panel goes on with its default, and :func:`problems` names it.
"""

from collections.abc import Mapping
import dataclasses
import difflib
import enum
import functools
import reprlib
import typing

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.translation import gettext_lazy as _
from oslo_config import cfg
from oslo_config import types

from snapshot_panel.consistency import facts

NAME = 'SNAPSHOT_PANEL'
# The least characters of a key: nobody guesses half as many random ones.
_KEY_LENGTH = 32


def _number(name: str, default: int | None, least: int, most: int, unit: str,
            text: str) -> cfg.Opt:
    """Define a whole number, with the unit that it is in, '' for none."""
    return cfg.Opt(name, types.Integer(min=least, max=most, type_name=unit),
                   default=default, help=text)


def _switch(name: str, text: str) -> cfg.Opt:
    """Define what can be turned off."""
    return cfg.Opt(name, types.Boolean(), default=True, help=text)


# By the headings that they have in the documentation, whose words the texts
# are (reStructuredText).
GROUPS: Mapping[str, tuple[cfg.Opt, ...]] = {
    'About the cloud': (
        cfg.Opt(
            'ephemeral_backend', types.String(choices=facts.BACKENDS),
            default=None,
            help="Nova's ``[libvirt] images_type``. Users cannot see it, and "
                 "it decides: with ``'rbd'`` and ``'lvm'`` no live snapshot "
                 "freezes the guest, and the panel says so beforehand. Where "
                 "it is not told, an instance on such a storage looks ready, "
                 "and its snapshots turn out ``crash-consistent``, or "
                 "``unproven`` where the disk cannot tell. Do set it. Disks "
                 "on volumes do not depend on it."),
        _number(
            'shutdown_timeout', None, 0, 86400, 'seconds',
            "Nova's option of that name: how long a guest may take to shut "
            "down before it is switched off hard (60 where the operator of "
            "Nova did not change it). It matters only where the disk cannot "
            "tell, such as XFS and volumes, and for what the checklist "
            "promises. There a longer stop is not called clean, and as long "
            "as the panel is not told, no stop is. If you set it, use the "
            "smallest that any of your compute hosts has: with more than "
            "that, a guest that was switched off hard would be called clean. "
            "An image's ``os_shutdown_timeout`` goes before it."),
    ),
    'About evidence': (
        _number(
            'settle_grace', 30, 0, 3600, 'seconds',
            "How long a witness may come after the image became active. "
            "Where the disk cannot tell, the verdict stays ``pending`` for "
            "that time if no witness came, and always after a freeze for "
            "which volumes were copied. The clocks of Horizon and Glance are "
            "compared for that: if they differ, the panel waits longer, or "
            "gives up sooner."),
        _number(
            'evidence_age', 30, 0, 3600, 'seconds',
            "How long what a guest said is shared between the users of its "
            "project, and what is known of the project's quotas. It is kept "
            "in Django's cache."),
    ),
    'About signatures': (
        cfg.Opt(
            'signing_keys', types.List(types.String()), default=[],
            secret=True,
            help="Secrets of the operator's, with which the panel signs the "
                 "verdicts that it writes, see :ref:`signatures`. The first "
                 "signs; all of them verify, so that a key can be replaced. "
                 "Each is a text of at least 32 characters, best a random "
                 "one. Empty: nothing is signed."),
    ),
    'About load': (
        _number(
            'snapshots_listed', 100, 1, 1000, '',
            "How many of the project's newest snapshots the index asks "
            "Glance for. Where an instance has none of them, its own are "
            "looked for behind the page, once its row is seen, so its latest "
            "snapshot is right whatever the number. The page of an instance "
            "shows as many of its own."),
        _number(
            'guests_at_once', 4, 1, 32, '',
            "How many guests one page asks at the same time, and how many "
            "questions to the services that do not depend on each other. "
            "With 1 each waits for the one before."),
        _number(
            'request_timeout', 60, 1, 600, 'seconds',
            "How long one request to a service may take."),
        _number(
            'page_timeout', 8, 1, 600, 'seconds',
            "How long a page waits for Nova, Glance, Cinder, Mistral and, for "
            "the list of projects in Horizon's header, Keystone each. A "
            "service that has not answered by then is not asked again for "
            "that page, which says so. Where the user acts, and behind the "
            "page, it may take as long as ``request_timeout``."),
        _number(
            'disk_stream_mib', 64, 0, 16384, 'MiB',
            "How much of an image is read from its beginning where Glance's "
            "store cannot give parts of it, see :ref:`reading`. 0: such "
            "images are not read."),
        _number(
            'disks_at_once', 4, 1, 32, '',
            "How many disks of snapshots that the panel did not take one "
            "request of a page's script reads."),
        _number(
            'poll_interval', 2, 1, 600, 'seconds',
            "How often a page asks for news while a snapshot runs."),
    ),
    "About Horizon's own pages": (
        _switch(
            'on_instances_page',
            "Whether Horizon's page of instances has the panel's action and "
            "its column, see :doc:`horizon-pages`."),
        _switch(
            'on_instance_details',
            "Whether Horizon's details of an instance have the panel's tab."),
    ),
}
OPTIONS: Mapping[str, cfg.Opt] = {
    option.name: option for group in GROUPS.values() for option in group}
DEFAULTS: Mapping[str, typing.Any] = {
    name: option.default for name, option in OPTIONS.items()}


class Fault(enum.Enum):
    """What can be wrong, with the number that Django's checks give it."""

    NO_DICT = 1
    NO_NAME = 2
    MISSPELT = 3
    NO_NUMBER = 4
    NO_CHOICE = 5
    NO_SWITCH = 6
    NO_KEYS = 7


_SENTENCES = {
    Fault.NO_DICT: _(
        '%(setting)s is %(value)s, not a dictionary. Every setting has its '
        'default.'),
    Fault.NO_NAME: _('%(setting)s: %(name)s is no setting.'),
    Fault.MISSPELT: _(
        '%(setting)s: %(name)s is no setting. Did you mean %(similar)s?'),
    Fault.NO_NUMBER: _(
        '%(setting)s: %(name)s is %(value)s and must be a whole number from '
        '%(least)s to %(most)s. The default is used: %(default)s.'),
    Fault.NO_CHOICE: _(
        '%(setting)s: %(name)s is %(value)s and must be one of %(choices)s. '
        'The default is used: %(default)s.'),
    # Without the value, which is a secret.
    Fault.NO_KEYS: _(
        '%(setting)s: %(name)s must be a list of texts of at least %(least)s '
        'characters. Nothing is signed.'),
    Fault.NO_SWITCH: _(
        '%(setting)s: %(name)s is %(value)s and must be True or False. The '
        'default is used: %(default)s.'),
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that the operator wrote and that does not count.

    ``values`` are those of the fault's sentence.
    """

    fault: Fault
    values: Mapping[str, object]

    @property
    def text(self) -> str:
        """A sentence for the operator, in the language that is active."""
        return str(_SENTENCES[self.fault]) % {'setting': NAME, **self.values}


@functools.lru_cache(maxsize=None)
def _read() -> tuple[dict[str, typing.Any], tuple[Problem, ...]]:
    """Return the settings that count, and what is wrong with the others."""
    written = getattr(settings, NAME, {})
    if not isinstance(written, Mapping):
        return dict(DEFAULTS), (
            # Not the value: it may hold a secret.
            Problem(Fault.NO_DICT, {'value': type(written).__name__}),)
    found = {name: _fault(name, value) for name, value in written.items()}
    return ({**DEFAULTS, **{name: value for name, value in written.items()
                            if found[name] is None}},
            tuple(filter(None, found.values())))


def _fault(name: object, value: object) -> Problem | None:
    """Return what is wrong with one setting, None if nothing is."""
    option = OPTIONS.get(name) if isinstance(name, str) else None
    if option is None:
        return _misspelt(name)
    if value is None and option.default is None:
        return None
    # oslo.config reads text, and would take '60', 5.7 and True for numbers,
    # and 'no' for False.
    if isinstance(option.type, types.Boolean):
        return None if isinstance(value, bool) else _unfit(option, value)
    if isinstance(option.type, types.List):
        return None if _are_keys(value) else Problem(Fault.NO_KEYS, {
            'name': _shown(option.name), 'least': _KEY_LENGTH})
    kind = int if isinstance(option.type, types.Integer) else str
    if isinstance(value, kind) and not isinstance(value, bool):
        try:
            option.type(value)
            return None
        except ValueError:
            pass
    return _unfit(option, value)


def _are_keys(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(key, str) and len(key) >= _KEY_LENGTH for key in value)


def _misspelt(name: object) -> Problem:
    similar = difflib.get_close_matches(str(name).lower(), OPTIONS, 1)
    if not similar:
        return Problem(Fault.NO_NAME, {'name': _shown(name)})
    return Problem(Fault.MISSPELT, {'name': _shown(name),
                                    'similar': _shown(similar[0])})


def _unfit(option: cfg.Opt, value: object) -> Problem:
    values = {'name': _shown(option.name), 'value': _shown(value),
              'default': repr(option.default)}
    if isinstance(option.type, types.Boolean):
        return Problem(Fault.NO_SWITCH, values)
    if option.type.choices:
        return Problem(Fault.NO_CHOICE, {
            **values, 'choices': ', '.join(map(repr, option.type.choices))})
    return Problem(Fault.NO_NUMBER, {
        **values, 'least': option.type.min, 'most': option.type.max})


def _shown(value: object) -> str:
    """Return what the operator wrote, shortened, as Python writes it."""
    try:
        return reprlib.repr(value)
    except ValueError:
        # Python writes no number of thousands of digits.
        return type(value).__name__


def get_config() -> dict[str, typing.Any]:
    """Return the settings as a dict: what counts, and defaults."""
    return _read()[0]


def problems() -> tuple[Problem, ...]:
    """Return what the operator wrote that does not count."""
    return _read()[1]


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == NAME:
        _read.cache_clear()


setting_changed.connect(_forget)


def deployment() -> facts.Deployment:
    """Return what the operator told, as the rules take it."""
    config = get_config()
    return facts.Deployment(
        ephemeral_backend=config['ephemeral_backend'],
        shutdown_timeout=config['shutdown_timeout'],
        settle_grace=config['settle_grace'])


def signing_keys() -> tuple[bytes, ...]:
    """Return the operator's keys, the one that signs first."""
    return tuple(key.encode(errors='replace')
                 for key in get_config()['signing_keys'])
