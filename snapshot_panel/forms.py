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


"""The form of one snapshot."""

import json

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from horizon import exceptions
from horizon import forms
from horizon import messages

from openstack_dashboard import policy

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import restarting
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import bounded
from snapshot_panel.consistency import properties
from snapshot_panel.consistency import records
from snapshot_panel.consistency import verdict
from snapshot_panel.images import texts as image_texts
from snapshot_panel import policies
from snapshot_panel import tables
from snapshot_panel.ui import findings
from snapshot_panel.ui import words

_KEEP = ngettext_lazy(
    'Keep the last %(keep)d proven consistent, the new one counted: '
    '%(count)d older snapshot goes',
    'Keep the last %(keep)d proven consistent, the new one counted: '
    '%(count)d older snapshots go', 'count')
_REPLACES = ngettext_lazy(
    'Once it is proven consistent, %(count)d older snapshot will be deleted.',
    'Once it is proven consistent, %(count)d older snapshots will be '
    'deleted.', 'count')


class _InstanceForm(forms.SelfHandlingForm):
    """A form that stays open and says so where a service refused."""

    def handle(self, request, data):
        try:
            return self.act(request, data)
        except errors.UNAUTHORIZED:
            # Else Horizon's view would say that it is not allowed.
            raise exceptions.NotAuthenticated()
        except errors.CloudError as problem:
            self.api_error(words.say(problem))
            return False


class RestartForm(_InstanceForm):
    """Stop, snapshot and start again: nothing to fill in."""

    def act(self, request, data):
        instance = restarting.begin(request, self.initial['instance_id'])
        messages.success(request, _(
            '%(name)s is being shut down for a snapshot and will be started '
            'again. Until then it is not available.') % {
                'name': instance.name})
        return instance


def may_replace(request):
    """Return whether this user may delete the snapshots that go."""
    return policy.check(policies.REPLACE, request)


class SnapshotForm(_InstanceForm):
    """How to take one snapshot.

    ``promise`` is the verdict that the button named, ``shown`` with which
    number to keep each older snapshot goes, and its name, as the user was
    shown it.
    """

    name = forms.CharField(
        max_length=255, label=_('Name'))
    keep = forms.IntegerField(
        required=False, min_value=1, label=_('Older snapshots'),
        widget=forms.Select(attrs={'class': 'switchable',
                                   'data-slug': 'keep'}),
        help_text=_('Only what was made with this panel can go.'))
    properties = forms.CharField(
        required=False, strip=False, max_length=properties.EXTRA_TEXT_LIMIT,
        label=_('Properties'),
        widget=forms.Textarea(attrs={'rows': 3, 'spellcheck': 'false',
                                     'placeholder': _('name=value')}),
        help_text=_('One name=value a line.'))
    strict = forms.BooleanField(
        required=False, initial=True,
        label=_('Only if provable'),
        help_text=_('Without this the snapshot is taken whatever is found, '
                    'and gets the verdict that it deserves.'))
    promise = forms.CharField(widget=forms.HiddenInput())
    shown = forms.CharField(required=False, widget=forms.HiddenInput())

    def offer(self, row, retention):
        """Fit the form to what is known of the instance as it is now.

        :param row: a :class:`lines.InstanceRow`.
        :param retention: its :class:`lines.Retention`.
        """
        prediction = row.checklist.prediction
        self._show('promise', prediction.value)
        self.initial['name'] = taking.default_name(row.instance)
        if not prediction.consistent:
            del self.fields['strict']
        self._show('shown', json.dumps([
            [line.id, line.keeping, line.line.name]
            for line in retention.lines]))
        if not retention.choices:
            del self.fields['keep']
            return
        self.fields['keep'].widget.choices = [('', _('Keep all'))] + [
            (choice.keep, _KEEP % {'keep': choice.keep,
                                   'count': len(choice.going)})
            for choice in retention.choices]

    def _show(self, name, value):
        """Set a hidden field, whatever was sent."""
        self.initial[name] = value
        if self.is_bound:
            self.data = self.data.copy()
            self.data[name] = value

    def clean_shown(self):
        """Return ids, numbers, names, or nothing where they are broken."""
        try:
            return [(str(image_id), int(keeping), str(name))
                    for image_id, keeping, name in bounded.load(
                        self.cleaned_data['shown'] or '[]')]
        except (ValueError, TypeError):
            return []

    def clean_keep(self):
        keep = self.cleaned_data['keep']
        if keep is not None and not may_replace(self.request):
            raise forms.ValidationError(_(
                'Your role may not delete images: keep all.'))
        return keep

    def clean_name(self):
        name = self.cleaned_data['name']
        if name != records.for_services(name):
            raise forms.ValidationError(_(
                'The services do not take this name: it has a character '
                'such as an emoji, or one that cannot be printed.'))
        return name

    def clean_properties(self):
        """Return a dict."""
        lines = properties.read_lines(self.cleaned_data['properties'])
        if len(lines) > properties.EXTRA_LIMIT:
            raise forms.ValidationError(
                _('A snapshot can be given at most %d properties.')
                % properties.EXTRA_LIMIT)
        extra, taken, problems = {}, set(), []
        for number, (name, value) in enumerate(lines, 1):
            flaw = properties.extra_flaw(name, value, taken)
            if flaw is None:
                extra[name] = value
                taken.add(properties.fold(name))
                continue
            problems.append(_('Line %(number)d, “%(name)s”: %(flaw)s') % {
                'number': number, 'name': name[:properties.NAME_LIMIT],
                'flaw': image_texts.flaw(flaw, properties.KNOWN.get(name))})
        if problems:
            raise forms.ValidationError(problems)
        return extra

    def clean(self):
        data = super().clean()
        # The field is hidden, so the whole form has to say it.
        if data.get('promise') not in [known.value for known in words.ANYWAY]:
            raise forms.ValidationError(_(
                'This form is broken. Close it and open it again.'))
        return data

    def act(self, request, data):
        shown = {image_id: name for image_id, keeping, name in data['shown']
                 if data['keep'] is not None and data['keep'] <= keeping}
        attempt = taking.take_if_ready(
            request, self.initial['instance_id'], data['name'],
            accept=self._accept(data), extra=data['properties'],
            keep=data['keep'], shown=shown, told=True)
        if attempt.taken is None:
            self.api_error(self._refusal(attempt))
            return False
        tables.report_taken(request, attempt)
        if shown:
            messages.info(request, _REPLACES % {'count': len(shown)})
        return attempt

    @staticmethod
    def _accept(data):
        promise = verdict.Verdict(data['promise'])
        if promise.consistent and not data['strict']:
            return verdict.Verdict.CRASH
        return promise

    @staticmethod
    def _refusal(attempt):
        if attempt.moved:
            return _('No snapshot was taken: the snapshots that would go are '
                     'not those that you were shown. Look at them again.')
        missing = words.listed(
            findings.CHECKS[result.finding.check].title
            for result in attempt.checklist.missing)
        return _('No snapshot was taken: the instance is not as it was when '
                 'this form was opened. What is missing now: %s.') % missing
