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

"""What every page shares: problem pages, and answers to scripts."""

import logging
import pathlib

from django import http
from django.shortcuts import redirect
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext_lazy as _

from horizon import exceptions

import openstack_dashboard

from snapshot_panel.cloud import asking
from snapshot_panel.cloud import errors
from snapshot_panel.cloud import frame
from snapshot_panel.cloud import patience
from snapshot_panel.ui import urls
from snapshot_panel.ui import words

LOG = logging.getLogger(__name__)


# Where Horizon's own templates are.
_HORIZONS = pathlib.Path(openstack_dashboard.__file__).parent / 'templates'


def sidebar(request):
    """Return Horizon's menu, '' where it is left to the page.

    For a page to make while it waits: Horizon asks several services for the
    menu, one after the other. A theme's pages may have another.
    """
    asking.together(*frame.questions(request))
    base = loader.get_template('base.html').origin
    if _HORIZONS not in pathlib.Path(base.name).parents:
        return ''
    try:
        return loader.render_to_string('horizon/common/_sidebar.html', {},
                                       request)
    except Exception as error:
        LOG.debug('No menu ahead: %s', error)
        return ''


class ProblemMixin(object):
    """Show what a service refused as a page with the right status.

    ``waits`` is whether somebody waits for the answer.
    """

    waits = True

    def dispatch(self, request, *args, **kwargs):
        if self.waits:
            patience.limit(request, acts=request.method == 'POST')
            frame.bound(request)
        try:
            return super().dispatch(request, *args, **kwargs)
        except errors.UNAUTHORIZED:
            # Horizon sends the user to the login page.
            raise exceptions.NotAuthenticated()
        except errors.CloudError as problem:
            return self.problem(request, problem)

    def problem(self, request, problem):
        return render(request, 'consistent_snapshots/problem.html', {
            'page_title': _('Consistent Snapshots'),
            'service': problem.service, 'text': words.error(problem),
            'index_url': urls.reverse('index')}, status=problem.status)


class PostMixin(ProblemMixin):
    """Something that is only posted, from the page that ``origin`` names.

    Who had to log in first comes back with a GET, and finds that page.
    """

    origin = 'instance'

    def get(self, request, *args, **kwargs):
        return redirect(urls.name(self.origin), *args, *kwargs.values())


class AnswerMixin(ProblemMixin):
    """Answer a page's script, without Horizon's frame."""

    waits = False

    def dispatch(self, request, *args, **kwargs):
        # The frame's list of projects: Keystone would be asked for it when
        # a template is rendered, and nobody would see it.
        request.user.authorized_tenants = []
        return super().dispatch(request, *args, **kwargs)

    def problem(self, request, problem):
        return http.JsonResponse({'problem': words.say(problem)},
                                 status=problem.status)
