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

"""What the functional and the browser tests use to talk to a demo cloud."""

import html
import re
import time

from cinderclient import client as cinder_client
from glanceclient import client as glance_client
from keystoneauth1 import identity
from keystoneauth1 import session
from novaclient import client as nova_client
import requests

# Nothing in a demo cloud takes longer, even on a busy machine, in seconds.
PATIENCE = 120
PANEL = '/project/consistent_snapshots/'


def wait_for(probe, what, patience=PATIENCE, pause=0.5):
    """Return the first true answer of ``probe``.

    :raises AssertionError: naming ``what``, after ``patience`` seconds.
    """
    end = time.monotonic() + patience
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < end, 'waited in vain for %s' % what
        time.sleep(pause)


class OpenStack(object):
    """The services' own API, as one user of a project."""

    def __init__(self, cloud, user='demo', project='demo'):
        auth = identity.Password(
            auth_url=cloud.auth_url, username=user, project_name=project,
            password=cloud.users[user]['password'],
            user_domain_id='default', project_domain_id='default')
        keys = session.Session(auth=auth)
        self.nova = nova_client.Client('2.90', session=keys,
                                       region_name=cloud.region)
        self.glance = glance_client.Client('2', session=keys,
                                           region_name=cloud.region)
        self.cinder = cinder_client.Client('3', session=keys,
                                           region_name=cloud.region)

    def status(self, server_id):
        return self.nova.servers.get(server_id).status

    def delete(self, server_ids):
        """Delete instances, and wait until no list has them.

        They would stand on the first page of the next test.
        """
        for server_id in server_ids:
            self.nova.servers.delete(server_id)
        wait_for(lambda: not self._listed().intersection(server_ids),
                 'instances to go')

    def _listed(self):
        return {server.id for server in self.nova.servers.list(
            detailed=False, limit=-1)}

    def become(self, server_id, profile):
        """Give an instance another guest (see tests/cloud/guests.py)."""
        self.nova.servers.set_meta(server_id, {'demo_guest': profile})

    def snapshots(self, server_id):
        """Return the snapshot images of an instance, newest first."""
        return list(self.glance.images.list(
            filters={'image_type': 'snapshot', 'instance_uuid': server_id},
            sort='created_at:desc'))

    def content(self, image_id):
        """Return the bytes of an image."""
        return b''.join(self.glance.images.data(image_id))

    def idle(self, server_id):
        """Return whether Nova is not working on the instance."""
        server = self.nova.servers.get(server_id)
        return getattr(server, 'OS-EXT-STS:task_state') is None


class Dashboard(object):
    """Horizon's pages, as one logged-in user, without a browser."""

    def __init__(self, cloud, user='demo', landing='/'):
        self.url = cloud.url.rstrip('/')
        self.http = requests.Session()
        self.http.trust_env = False
        page = self.get('/auth/login/')
        answer = self.post(
            '/auth/login/', username=user, next=landing,
            password=cloud.users[user]['password'],
            **dict(self.inputs(page, 'region', 'csrfmiddlewaretoken')))
        assert 'id_password' not in answer.text, 'cannot log in as ' + user

    def get(self, path, **params):
        return self.http.get(self.url + path, params=params,
                             timeout=PATIENCE)

    def post(self, path, **fields):
        fields.setdefault('csrfmiddlewaretoken',
                          self.http.cookies.get('csrftoken'))
        return self.http.post(self.url + path, data=fields, timeout=PATIENCE,
                              headers={'Referer': self.url + path})

    def click(self, *instance_ids):
        """Press "Consistent snapshot" for these instances."""
        if len(instance_ids) == 1:
            return self.post(PANEL, action='instances__take__%s'
                             % instance_ids[0])
        return self.post(PANEL, action='instances__take',
                         object_ids=list(instance_ids))

    def rows(self, *instance_ids, settle=False):
        """Return the rows of these instances as the page's script does."""
        ask = self.post if settle else self.get
        answer = ask(PANEL + 'rows/', id=list(instance_ids))
        assert answer.status_code == 200, answer.text
        return answer.json()['rows']

    def take(self, instance_id):
        """Click, and accept what the form offers where it is not ready."""
        page = self.click(instance_id)
        if '/snapshot/' not in page.url:
            return
        fields = dict(self.inputs(page, 'name', 'promise'))
        answer = self.post(page.url[len(self.url):], **fields)
        assert '/snapshot/' not in answer.url, answer.text

    def settle(self, instance_ids):
        """Look as the page's script does until nothing is unsettled."""
        waiting = set(instance_ids)

        def look():
            rows = self.rows(*waiting, settle=True)
            waiting.difference_update(
                instance_id for instance_id, row in rows.items()
                if 'data-unsettled' not in row)
            return not waiting
        wait_for(look, 'all verdicts', pause=2)

    def messages(self, page):
        """Return the messages that a page shows to the user."""
        found = re.findall(
            r'<div class="alert alert-\w+ alert-dismissable.*?</div>',
            page.text, re.DOTALL)
        return [' '.join(html.unescape(re.sub('<[^>]+>', ' ', text)).split())
                for text in found]

    @staticmethod
    def inputs(page, *names):
        """Return the values of a form's inputs as pairs."""
        for name in names:
            tag = re.search(r'<input[^>]*name="%s"[^>]*>' % name, page.text)
            value = re.search(r'value="([^"]*)"', tag.group(0))
            yield name, html.unescape(value.group(1))
