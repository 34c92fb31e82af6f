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

"""The pages of images and their properties.

A change goes from form to preview to save, and is carried by the pages
themselves (a :class:`properties.Plan`): nothing is kept here in between.
"""

import uuid

from django.core.exceptions import BadRequest
from django import http
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views import generic

from horizon import tables as horizon_tables
from horizon.utils import functions

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import images
from snapshot_panel.cloud import snapshots
from snapshot_panel.consistency import properties
from snapshot_panel.images import forms
from snapshot_panel.images import rows
from snapshot_panel.images import tables
from snapshot_panel.images import texts
from snapshot_panel import tables as panel_tables
from snapshot_panel import views as panel_views

PANEL = 'horizon:project:consistent_snapshots:'
# How many images one request takes at once.
AT_ONCE = 50


class _ImagesView(panel_views.ProblemMixin, horizon_tables.PagedTableMixin,
                  horizon_tables.DataTableView):
    """The images of one scope."""

    template_name = 'consistent_snapshots/images/index.html'
    page_title = _('Image Properties')
    scope = None

    def get_data(self):
        marker, direction = self._get_marker()
        page = images.list_page(
            self.request, self.scope, functions.get_page_size(self.request),
            marker=marker, backwards=direction == 'asc',
            **self.get_filters())
        self._has_more_data = page.more
        self._has_prev_data = page.previous
        self.page = page
        if page.problem is not None:
            panel_tables.report_error(self.request, page.problem)
        return [rows.ImageRow(
            image, own=image.owner == self.request.user.tenant_id,
            users=None if page.users is None
            else page.users.get(image.id, ())) for image in page.images]

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['scopes'] = [
            (texts.SCOPES[scope], reverse(PANEL + name), scope == self.scope)
            for scope, name in ((images.OWN, 'images'),
                                (images.SHARED, 'shared_images'),
                                (images.PUBLIC, 'public_images'))]
        context['users_cut'] = self.page.users_cut
        context['matched'] = images.INSTANCES_MATCHED
        context['searched'] = images.SEARCHED if self.page.cut else None
        context['foreign'] = self.scope != images.OWN
        return context


class OwnImagesView(_ImagesView):
    table_class = tables.OwnImagesTable
    scope = images.OWN


class OthersImagesView(_ImagesView):
    table_class = tables.OthersImagesTable


class _PageView(panel_views.ProblemMixin, generic.View):
    """A page that is made of what was sent."""

    def page(self, template, title, **context):
        context['page_title'] = title
        return render(self.request,
                      'consistent_snapshots/images/%s.html' % template,
                      context)


def read_plan(text):
    """Return the plan that a page carried.

    :raises BadRequest: it is none.
    """
    try:
        return properties.Plan.load(text)
    except ValueError:
        raise BadRequest('not a plan')


class EditView(_PageView):
    """The form of one image.

    GET shows the image as it is. POST carries a plan, and shows its form
    again, with more rows or as it was left, or the preview of what the user
    wants.
    """

    @cached_property
    def sheet(self):
        return images.open_sheet(self.request, self.kwargs['image_id'])

    def get(self, request, image_id):
        return self._form(forms.Editor(self.sheet, properties.Plan(
            self.sheet.image.id, self.sheet.image.properties, ())))

    def post(self, request, image_id):
        plan = read_plan(request.POST.get('plan', ''))
        if plan.image_id != image_id:
            raise BadRequest('the plan of another image')
        step = request.POST.get('step')
        if step == 'back' or self.sheet.access.refusal is not None:
            return self._form(forms.Editor(self.sheet, plan))
        if step == 'rows':
            return self._form(forms.Editor(
                self.sheet, plan, forms.more_rows(request.POST)))
        editor = forms.Editor(self.sheet, plan, request.POST)
        if not editor.is_valid():
            return self._form(editor)
        return self._preview(editor.wanted)

    def _preview(self, plan):
        preview = images.preview(self.request, plan)
        line = rows.PreviewLine(preview)
        return self.page('preview', _('Preview'), lines=[line], single=True,
                         saveable=line.saveable)

    def _form(self, editor):
        sheet = self.sheet
        own = sheet.image.owner == self.request.user.tenant_id
        row = rows.ImageRow(sheet.image, own, sheet.users)
        if sheet.problem is not None:
            panel_tables.report_error(self.request, sheet.problem)
        return self.page(
            'edit', _('Properties of %s') % row.name, row=row, editor=editor,
            refusal=self._refusal(own), definitions=sorted(sheet.definitions),
            locked=rows.locked_lines(sheet), users_cut=sheet.users_cut,
            lacking=row.lacks(properties.Preset.READY),
            users=sheet.users and rows.user_lines(sheet.users,
                                                  sheet.image.properties))

    def _refusal(self, own):
        """Return why nothing may be changed, or ''."""
        if self.sheet.access.refusal is None:
            return ''
        return texts.READER if own else texts.FOREIGN


class PresetView(_PageView):
    """What a preset would change on each of some images."""

    def get(self, request, code):
        preset = properties.Preset.of(code)
        if preset is None:
            raise http.Http404
        wanted = list(dict.fromkeys(request.GET.getlist('id')))
        found = images.preview_preset(request, preset,
                                      _uuids(wanted)[:AT_ONCE])
        failed = [each for each in found
                  if isinstance(each, errors.CloudError)]
        if failed and len(found) == len(failed):
            raise failed[0]
        for problem in failed:
            panel_tables.report_error(request, problem)
        lines = [rows.PreviewLine(each) for each in found
                 if not isinstance(each, errors.CloudError)]
        return self.page(
            'preview', texts.PRESETS[preset], lines=lines,
            help=texts.PRESET_HELP[preset], at_once=AT_ONCE,
            left_out=len(wanted[AT_ONCE:]),
            saveable=any(line.saveable for line in lines))


def _uuids(texts):
    """Return those that can be the id of an image."""
    try:
        return [str(uuid.UUID(text)) for text in texts]
    except ValueError:
        raise BadRequest('not the id of an image')


class SaveView(_PageView):
    """Write plans, and show what came of each."""

    http_method_names = ['post']

    def post(self, request):
        plans = [self._chosen(read_plan(text)) for text in
                 request.POST.getlist('plan')[:AT_ONCE]]
        outcomes = snapshots.together(*[
            (lambda plan=plan: images.save(request, plan))
            for plan in plans])
        return self.page('saved', _('Image Properties'), lines=[
            rows.OutcomeLine(outcome) for outcome in outcomes])

    def _chosen(self, plan):
        """Return the plan without the changes that the user gave up."""
        return plan.rebased(plan.opened, without=[
            change.name for change in plan.changes
            if self.request.POST.get('side-' + change.name) == 'theirs'])
