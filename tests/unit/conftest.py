# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Set Django up for the unit tests, however pytest was started.

Here and not in setup.cfg: the functional tests must not have these settings,
which shorten every socket's timeout to a second.
"""

import functools
import os
from unittest import mock

import django
import hypothesis
from openstack_dashboard.test.test_data import utils as test_data
import pytest

# On a busy machine a slow example is no failure.
hypothesis.settings.register_profile('patient', deadline=None)
hypothesis.settings.load_profile('patient')
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tests.settings')
django.setup()


@pytest.fixture
def no_image_of_today():
    """Let pages find nothing of the image that an instance came from."""
    with mock.patch('snapshot_panel.cloud.snapshots.image_today',
                    autospec=True, return_value=None) as asked:
        yield asked


@pytest.fixture(autouse=True, scope='session')
def horizon_made_once():
    """Spare every test what Horizon does again, and what no test looks at.

    Its test data, which nobody changes, took longer to make than most tests
    do; its own scripts and styles, which it looks up on every page to
    compress them, took most of a page's time.
    """
    made = functools.cache(test_data.load_test_data)

    def share(test):
        vars(test).update(vars(made()))

    with (mock.patch.object(test_data, 'load_test_data', share),
          mock.patch('compressor.templatetags.compress.CompressorNode.render',
                     autospec=True, return_value='')):
        yield
