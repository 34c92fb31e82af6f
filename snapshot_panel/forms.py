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

from django.utils.translation import gettext_lazy as _

from horizon import exceptions
from horizon import forms

from snapshot_panel.cloud import errors
from snapshot_panel.cloud import taking
from snapshot_panel.consistency import verdict
from snapshot_panel import tables
from snapshot_panel import texts


class SnapshotForm(forms.SelfHandlingForm):
    """Ask for the name; ``promise`` is the verdict that the button named."""

    name = forms.CharField(
        max_length=255, label=_('Snapshot name'),
        help_text=_('The name of the new image.'))
    promise = forms.CharField(widget=forms.HiddenInput())

    def clean(self):
        data = super().clean()
        # The field is hidden, so the whole form has to say it.
        if data.get('promise') not in [known.value for known in texts.ANYWAY]:
            raise forms.ValidationError(_(
                'This form is broken. Close it and open it again.'))
        return data

    def handle(self, request, data):
        try:
            attempt = taking.take_if_ready(
                request, self.initial['instance_id'], data['name'],
                accept=verdict.Verdict(data['promise']))
        except errors.UNAUTHORIZED:
            # Else Horizon's view would say that it is not allowed.
            raise exceptions.NotAuthenticated()
        except errors.CloudError as problem:
            self.api_error('%s: %s' % (problem.service,
                                       texts.error(problem)))
            return False
        if attempt.taken is None:
            self.api_error(_(
                'No snapshot was taken: the instance is not as it was when '
                'this form was opened. Close it and look again.'))
            return False
        tables.report_taken(request, attempt)
        return attempt
