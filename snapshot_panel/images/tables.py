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

"""The tables of images."""

from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from horizon import tables

from snapshot_panel.consistency import edits
from snapshot_panel.images import texts
from snapshot_panel import policies
from snapshot_panel.ui import markup
from snapshot_panel.ui.tables import EditImage
from snapshot_panel.ui.tables import LabelledCell
from snapshot_panel.ui.tables import SeveralAction
from snapshot_panel.ui.tables import SeveralMixin
from snapshot_panel.ui.tables import TemplateColumn
from snapshot_panel.ui import urls


class UsePreset(SeveralAction):
    """Show what a preset would change; nothing is changed yet."""

    policy_rules = policies.EDIT
    icon = 'pencil'

    def allowed(self, request, row=None):
        return row is None or row.lacks(self.preset)

    def handle(self, table, request, image_ids):
        return redirect(urls.preset(
            self.preset.code, dict.fromkeys(image_ids)))


class MakeReady(UsePreset):
    name = 'ready'
    verbose_name = _('Give new instances the channel…')
    verbose_name_plural = _('Give new instances the channel…')
    help_text = texts.PRESET_HELP[edits.Preset.READY]
    action_type = 'primary'
    preset = edits.Preset.READY


class MakeStrict(UsePreset):
    name = 'strict'
    verbose_name = _('The channel, and refuse what cannot freeze…')
    verbose_name_plural = _('The channel, and refuse what cannot freeze…')
    preset = edits.Preset.STRICT


class ImagesFilter(tables.FilterAction):
    filter_type = 'server'
    filter_choices = (
        ('name', _('Image name ='), True, _('The whole name.')),
        ('os_distro', _('Distribution ='), True),
        ('hw_qemu_guest_agent', _('Guest agent ='), True),
        ('image_type', _('Kind ='), True,
         _('“snapshot” or “backup” for snapshots')),
        ('status', _('Status ='), True),
    )


class ImagesTable(tables.DataTable):
    name = TemplateColumn('images/_name', verbose_name=_('Image'))
    agent = TemplateColumn(
        'images/_agent', verbose_name=_('Guest agent'),
        help_text=_('hw_qemu_guest_agent: whether new instances get a '
                    'channel to the agent.'))
    quiesce = TemplateColumn(
        'images/_quiesce', verbose_name=_('Quiescing'),
        help_text=_('os_require_quiesce: whether a snapshot is refused '
                    'where the guest cannot be frozen.'))
    system = TemplateColumn('images/_system',
                            verbose_name=_('Operating system'))
    users = TemplateColumn('images/_users', verbose_name=_('Instances'))

    # Which images are listed, and whether there are more than were looked at.
    scope = None
    cut = False

    def get_empty_message(self):
        """Say why there is no row, and what to do."""
        if self.cut:
            return _('None among the newest ones.')
        if self.get_filter_string():
            return _('No image matches the filter.')
        text, link, page = texts.EMPTY[self.scope]
        return markup.linked(text, reverse(page), link) if page else text

    def get_object_display(self, row):
        return row.name


class OwnImagesTable(SeveralMixin, ImagesTable):
    class Meta(object):
        name = 'own_images'
        verbose_name = _('Images')
        table_actions = (ImagesFilter, MakeReady, MakeStrict)
        table_actions_menu = (MakeStrict,)
        row_actions = (MakeReady, EditImage, MakeStrict)
        cell_class = LabelledCell
        css_classes = 'snapshot-panel-cards'
        multi_select = True


class OthersImagesTable(ImagesTable):
    class Meta(object):
        name = 'other_images'
        verbose_name = _('Images')
        table_actions = (ImagesFilter,)
        row_actions = (EditImage,)
        cell_class = LabelledCell
        css_classes = 'snapshot-panel-cards'
        multi_select = False
