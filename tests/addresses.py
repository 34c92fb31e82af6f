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


"""Every address of the panel, below its own; a unit test holds them."""

PATHS = {
    'index': '', 'rows': 'rows/', 'images': 'images/',
    'shared_images': 'images/shared/', 'public_images': 'images/public/',
    'community_images': 'images/community/', 'save_images': 'images/save/',
    'preset_images': 'images/preset/ready/', 'image': 'images/{image}/',
    'judge_image': 'images/{image}/judge/',
    'check_image': 'images/{image}/check/', 'instance': '{instance}/',
    'compare': '{instance}/compare/', 'news': '{instance}/news/',
    'setup': '{instance}/setup/', 'setup_status': '{instance}/setup/status/',
    'setup_file': '{instance}/setup/files/consistency-kit.sh',
    'take': '{instance}/take/', 'snapshot': '{instance}/snapshot/',
    'restart': '{instance}/restart/',
    'restart_choice': '{instance}/restart/choice/',
}
LOOKS = ('GET', 'HEAD', 'OPTIONS')


def fill(path, instance, image):
    """Return an address of :data:`PATHS` with these ids."""
    return path.format(instance=instance, image=image)
