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
themselves (a :class:`edits.Edit`): nothing is kept here in between.
"""

import urllib.parse
import uuid

from django.core.exceptions import BadRequest
from django.core import signing
from django import http
from django.shortcuts import redirect
from django.shortcuts import render
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views import generic

from horizon import messages
from horizon import tables as horizon_tables
from horizon.utils import functions
from openstack_dashboard import policy

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import editing
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import images
from snapshot_panel.cloud import settling
from snapshot_panel.consistency import edits
from snapshot_panel.consistency import judging
from snapshot_panel.consistency import verdict
from snapshot_panel.images import forms
from snapshot_panel.images import lines
from snapshot_panel.images import tables
from snapshot_panel.images import texts
from snapshot_panel import policies
from snapshot_panel.ui import tables as ui_tables
from snapshot_panel.ui import urls
from snapshot_panel.ui import views as ui_views
from snapshot_panel.ui import words

# How many images one request takes at once.
AT_ONCE = 50


class _ImagesView(ui_views.ProblemMixin, horizon_tables.PagedTableMixin,
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
        table = self.get_table()
        table.scope, table.cut = self.scope, page.cut
        if page.problem is not None:
            ui_tables.report_error(self.request, page.problem)
        return [lines.ImageRow(
            image, own=image.owner == self.request.user.tenant_id,
            users=None if page.users is None
            else page.users.get(image.id, ())) for image in page.images]

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context['scopes'] = [
            (texts.SCOPES[scope], urls.reverse(name), scope == self.scope)
            for scope, name in ((images.OWN, 'images'),
                                (images.SNAPSHOTS, 'image_snapshots'),
                                (images.SHARED, 'shared_images'),
                                (images.PUBLIC, 'public_images'),
                                (images.COMMUNITY, 'community_images'))]
        context['users_cut'] = self.page.users_cut
        context['matched'] = images.INSTANCES_MATCHED
        context['searched'] = images.SEARCHED if self.page.cut else None
        context['foreign'] = self.scope not in (images.OWN,
                                                images.SNAPSHOTS)
        return context


class OwnImagesView(_ImagesView):
    table_class = tables.OwnImagesTable
    scope = images.OWN


class OwnSnapshotsView(_ImagesView):
    table_class = tables.OwnImagesTable
    scope = images.SNAPSHOTS


class OthersImagesView(_ImagesView):
    table_class = tables.OthersImagesTable


class _PageView(ui_views.ProblemMixin, generic.View):
    """A page that is made of what was sent."""

    def page(self, template, title, images, **context):
        """Return the page that a template makes.

        :param images: those that it is about; it leads to their list.
        """
        context['page_title'] = title
        context['list'] = lines.list_of(images, self.request.user.tenant_id)
        context['list_title'] = texts.LISTS[context['list']]
        return render(self.request,
                      'consistent_snapshots/images/%s.html' % template,
                      context)

    def preview_line(self, preview):
        return lines.PreviewLine(
            preview, preview.image.owner == self.request.user.tenant_id)

    def saved(self, outcomes):
        """Show what came of edits."""
        return self.page(
            'saved', _('Image Properties'),
            [outcome.image for outcome in outcomes if outcome.image],
            lines=[lines.OutcomeLine(outcome) for outcome in outcomes],
            may_launch=policy.check(policies.LAUNCH, self.request))


def read_edit(text):
    """Return the edit that a page carried.

    :raises BadRequest: it is none.
    """
    try:
        return edits.Edit.load(text)
    except ValueError:
        raise BadRequest('not an edit')


class EditView(_PageView):
    """The form of one image.

    GET shows the image as it is. POST carries an edit, and shows its form
    again, with more rows or as it was left, or the preview of what the user
    wants, which may be to undo what was saved.
    """

    @cached_property
    def sheet(self):
        return editing.open_sheet(self.request, self.kwargs['image_id'])

    def get(self, request, image_id):
        return self._form(forms.Editor(self.sheet, edits.Edit(
            self.sheet.image.id, self.sheet.image.properties, (),
            self.sheet.image.name)))

    def post(self, request, image_id):
        edit = read_edit(request.POST.get('edit', ''))
        if edit.image_id != image_id:
            raise BadRequest('the edit of another image')
        step = request.POST.get('step')
        if step == 'back' or not self.sheet.editable:
            return self._form(forms.Editor(self.sheet, edit))
        if step == 'rows':
            return self._form(forms.Editor(
                self.sheet, edit, forms.more_rows(request.POST)))
        if step == 'again':
            return self._form(forms.Editor(self.sheet, edit, request.POST))
        if step == 'undo':
            if edits.unsound(edit, editing.is_pending(self.sheet.image)):
                raise BadRequest('an edit of what is not editable')
            return self._preview(edit)
        editor = forms.Editor(self.sheet, edit, request.POST)
        if not editor.is_valid():
            return self._form(editor)
        return self._preview(editor.wanted)

    def _preview(self, edit):
        preview = editing.preview(self.request, edit)
        line = self.preview_line(preview)
        return self.page('preview', _('Preview'), [line.image], lines=[line],
                         single=True, saveable=line.saveable,
                         origin=urllib.parse.urlencode({'id': edit.image_id}))

    def _form(self, editor):
        sheet = self.sheet
        own = sheet.image.owner == self.request.user.tenant_id
        row = lines.ImageRow(sheet.image, own, sheet.users)
        if sheet.problem is not None:
            ui_tables.report_error(self.request, sheet.problem)
        return self.page(
            'edit', _('Properties of %s') % row.name, [sheet.image], row=row,
            editor=editor, fresh=self.request.method == 'GET',
            refusal=self._refusal(own), definitions=sorted(sheet.definitions),
            locked=lines.locked_lines(sheet), users_cut=sheet.users_cut,
            lacking=row.lacks(edits.Preset.READY),
            judgeable=row.unjudged and policy.check(policies.SETTLE,
                                                    self.request),
            checkable=row.checkable and policy.check(policies.CHECK,
                                                     self.request),
            users=sheet.users and lines.user_lines(sheet.users,
                                                   sheet.image.properties))

    def _refusal(self, own):
        """Return why nothing may be changed, or ''."""
        if self.sheet.editable:
            return ''
        return texts.READER if own else texts.FOREIGN


class JudgeView(ui_views.PostMixin, generic.View):
    """Judge a snapshot whose instance was deleted before it had a verdict."""

    origin = 'image'

    def post(self, request, image_id):
        if not policy.check(policies.SETTLE, request):
            raise errors.Forbidden('Glance', 'image %s' % image_id)
        image = settling.settle_orphan(request, image_id)
        if image is None:
            messages.info(request, _(
                'The instance of this snapshot still exists: its own page '
                'judges it.'))
        else:
            messages.success(request, _('%(name)s: %(verdict)s.') % {
                'name': image.name or image.id,
                'verdict': words.badge(verdict.look(image)).word})
        return redirect(urls.name('image'), image_id)


# What is said of a disk that was read again, and how.
_COMPARISONS = {
    judging.Comparison.CONFIRMED: (messages.success, _(
        'Read again: the disk says so too.')),
    judging.Comparison.OPEN: (messages.info, _(
        'Read again: the disk neither proves nor denies the verdict.')),
    judging.Comparison.CONTRADICTED: (messages.error, _(
        'Read again: the disk denies the verdict. Do not trust it, and tell '
        'the operator.')),
}


class CheckView(ui_views.PostMixin, generic.View):
    """Hold a verdict against the disk, read again."""

    origin = 'image'

    def post(self, request, image_id):
        if not policy.check(policies.CHECK, request):
            raise errors.Forbidden('Glance', 'image %s' % image_id)
        say, text = _COMPARISONS[settling.check_again(request, image_id)]
        say(request, text)
        return redirect(urls.name('image'), image_id)


class PresetView(_PageView):
    """What a preset would change on each of some images."""

    def get(self, request, code):
        preset = edits.Preset.of(code)
        if preset is None:
            raise http.Http404
        wanted = list(dict.fromkeys(request.GET.getlist('id')))
        answers = editing.preview_preset(request, preset,
                                         _uuids(wanted)[:AT_ONCE])
        previews = [self.preview_line(each)
                    for each in _heard(request, answers)]
        return self.page(
            'preview', texts.PRESETS[preset],
            [line.image for line in previews], lines=previews,
            origin=_preset_query(preset, [line.image.id
                                          for line in previews]),
            help=texts.PRESET_HELP[preset], at_once=AT_ONCE,
            left_out=len(wanted[AT_ONCE:]),
            saveable=any(line.saveable for line in previews))


def _preset_query(preset, image_ids):
    return urllib.parse.urlencode({'preset': preset.code, 'id': image_ids},
                                  doseq=True)


def _heard(request, answers):
    """Return the answers that are none of the errors, which are told.

    :raises errors.CloudError: there are only errors.
    """
    failed = [each for each in answers if isinstance(each, errors.CloudError)]
    if failed and len(answers) == len(failed):
        raise failed[0]
    for problem in failed:
        ui_tables.report_error(request, problem)
    return [each for each in answers
            if not isinstance(each, errors.CloudError)]


def _uuids(texts):
    """Return those that can be the id of an image."""
    try:
        return [str(uuid.UUID(text)) for text in texts]
    except ValueError:
        raise BadRequest('not the id of an image')


# What a page's address holds in any browser and server.
_LONGEST_QUERY = 4000
_SALT = 'snapshot_panel.images.saved'


class SaveView(_PageView):
    """Write edits, and lead to the page that shows what came of each.

    Who had to log in first comes back with a GET, and finds the page that
    the edits came from; its script has what was typed.
    """

    def get(self, request):
        image_ids = _uuids(request.GET.getlist('id'))
        preset = edits.Preset.of(request.GET.get('preset'))
        if preset is not None:
            return redirect(urls.preset(preset.code, image_ids))
        if len(image_ids) == 1:
            return redirect(urls.name('image'), *image_ids)
        return redirect(urls.name('images'))

    def post(self, request):
        wanted = [self._chosen(read_edit(text)) for text in
                  request.POST.getlist('edit')[:AT_ONCE]]
        outcomes = asking.for_each(
            lambda edit: editing.save(request, edit), wanted)
        query = _saved_query(outcomes)
        if query and len(query) <= _LONGEST_QUERY:
            return redirect('%s?%s' % (urls.reverse('saved_images'), query))
        return self.saved(outcomes)

    def _chosen(self, edit):
        """Return the edit without the changes that the user gave up."""
        return edit.rebased(edit.opened, without=[
            change.name for change in edit.changes
            if self.request.POST.get('side-' + change.name) == 'theirs'])


def _saved_query(outcomes):
    """Return the query that names what was saved, '' if anything was not.

    It is signed: the page says of it that it was saved.
    """
    if not outcomes or any(outcome.problem or outcome.disputes
                           for outcome in outcomes):
        return ''
    return urllib.parse.urlencode({'done': signing.dumps([
        [outcome.edit.image_id,
         [[change.name, change.old, change.new]
          for change in outcome.edit.changes]]
        for outcome in outcomes], salt=_SALT, compress=True)})


def _read_saved(query):
    """Return the edits that :func:`_saved_query` named.

    :raises django.core.signing.BadSignature: they are not from there.
    """
    return [edits.Edit(image_id,
                       {name: old for name, old, _new in changes
                        if old is not None},
                       tuple(edits.Change(*change) for change in changes))
            for image_id, changes in signing.loads(query.get('done', ''),
                                                   salt=_SALT)]


class SavedView(_PageView):
    """What the image service has now of edits that were saved.

    Loading it again writes nothing.
    """

    def get(self, request):
        try:
            done = _read_saved(request.GET)
        except signing.BadSignature:
            return redirect(urls.name('images'))
        answers = asking.for_each(
            lambda edit: editing.look_back(request, edit), done)
        return self.saved(_heard(request, answers))
