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

"""What the panel adds to Horizon's own page of instances.

Horizon has no registry for a table's actions and columns. What it documents
for that is a table derived from its own, which the view is given
(``IndexView.table_class``). The page is Horizon's: whatever is broken here is
written in the log and left out.
"""

import functools
import logging

from django.utils.translation import gettext_lazy as _

import horizon
from horizon import base
from horizon import tables
from horizon.utils import memoized

from snapshot_panel import conf
from snapshot_panel.consistency import facts
from snapshot_panel.ui import standings
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls

LOG = logging.getLogger(__name__)

# Nova takes snapshots in these, and Horizon offers its own.
STATUSES = (facts.RUNNING, facts.STOPPED, *facts.NEVER_FROZEN)


def left_out_if_broken(instead):
    """Let a function return ``instead`` where it fails, and log why.

    Any exception counts: the page around it is not ours.
    """
    def decorate(function):
        @functools.wraps(function)
        def guarded(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Exception:
                LOG.exception('Left out of a page of Horizon')
                return instead
        return guarded
    return decorate


@memoized.memoized
def is_shown_to(request):
    """Return whether the user has the panel at all."""
    try:
        ours = horizon.get_dashboard('project').get_panel(
            'consistent_snapshots')
    except base.NotRegistered:
        # A site may take a panel away after it was made.
        return False
    return (request.user.has_perms(ours.permissions)
            and ours.can_access({'request': request}))


class ConsistentSnapshot(tables.LinkAction):
    """The link to the panel's dialog, which says whether it is ready."""

    name = 'consistent_snapshot'
    verbose_name = _('Consistent snapshot…')
    url = urls.name('snapshot')
    classes = ('ajax-modal',)
    icon = 'camera'

    @left_out_if_broken(False)
    def allowed(self, request, instance=None):
        # The address is made here first, because nobody catches it later.
        return (instance.status in STATUSES and is_shown_to(request)
                and ui_tables.may_take(request)
                and bool(urls.reverse('snapshot', instance.id)))


class ReadinessColumn(ui_tables.TemplateColumn):
    """What is known without asking anybody, nothing where that is nothing."""

    @left_out_if_broken(None)
    def get_raw_data(self, instance):
        if instance.id not in _standings(self.table, instance):
            return None
        return super().get_raw_data(instance)

    def values(self, instance):
        # Read here: a template would show what it cannot read as nothing.
        standing = _standings(self.table, instance)[instance.id]
        return {'id': instance.id, 'badge': standing.badge,
                'reason': standing.reason, 'minutes': standing.minutes}


def _standings(table, instance):
    """Return what is known of all of a table's instances, looked up once.

    :param instance: one of them. A row that is asked for by itself is in a
        table without data.
    """
    if not hasattr(table, 'consistent_snapshots'):
        # A cache that fails is asked once, not for each row.
        table.consistent_snapshots = {}
        if is_shown_to(table.request):
            table.consistent_snapshots = standings.recall(
                table.data or [instance])
    return table.consistent_snapshots


def extend_instances():
    """Give Horizon's page of instances the action and the column."""
    # Not before Horizon makes the panel: it imports half of Horizon.
    from openstack_dashboard.dashboards.project.instances import views
    if not issubclass(views.IndexView.table_class, _Extended):
        views.IndexView.table_class = _extended(views.IndexView.table_class)


class _Extended(object):
    """Marks a table that has what the panel adds."""


def _extended(base):
    """Return the table of instances with what the panel adds."""
    class InstancesTable(_Extended, base):
        readiness = ReadinessColumn(
            '_standing', verbose_name=_('Readiness'), sortable=False,
            help_text=_('Whether a snapshot can be proven consistent, as far '
                        'as somebody asked in the last minutes. The row\'s '
                        'action “Consistent snapshot…” asks again.'))

        class Meta(base.Meta):
            row_actions = _after(
                'snapshot', base._meta.row_actions, ConsistentSnapshot,
                [action.name for action in base._meta.row_actions])
            columns = _after(
                'status', base._meta.columns or tuple(base.base_columns),
                'readiness')

    return InstancesTable


def _after(name, items, item, names=None):
    """Return items with one more after the one of that name, or at the end.

    :param names: those of the items, where they are not names themselves.
    """
    names = list(items if names is None else names)
    place = names.index(name) + 1 if name in names else len(names)
    return (*items[:place], item, *items[place:])


@left_out_if_broken(None)
def extend():
    """Add to Horizon's pages what the operator did not turn off."""
    if conf.get_config()['on_instances_page']:
        extend_instances()
