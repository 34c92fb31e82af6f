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

"""``python -m tests.screenshots``: the pictures of the documentation.

On a demo cloud of its own, or on the one whose ready.json DEMO_READY names.
With names as arguments only those, in doc/source/images/.
"""

from collections.abc import Callable
import datetime
import io
import sys
import typing

from playwright import sync_api

from snapshot_panel.consistency import records
from tests.browser import looking
from tests import clients
from tests.cloud import layout as layouts
from tests import words

IMAGES = layouts.REPOSITORY / 'doc' / 'source' / 'images'
FOLDER = layouts.REPOSITORY / '.demo' / 'screenshots'
# In bytes, of a picture in the repository.
MOST = 150 * 1000
# Pages have few kinds of colours: so many look the same and weigh a third.
COLOURS = 128
DESK, TELEPHONE = (1400, 900), (words.TELEPHONE, 844)
# With one snapshot alone there is no picture of a history.
TAKEN = 'db-hooks'
LOST = '00000000-0000-4000-8000-000000000000'
# Nothing is left to come: all in the window was asked and judged.
STILL = """() => ![...document.querySelectorAll(
    'tr[data-unasked], tr[data-unsettled]')].some(
        each => each.getBoundingClientRect().top < innerHeight)"""


class Picture(typing.NamedTuple):
    """A page of the panel in a window, once something was done there."""

    path: str
    size: tuple[int, int] = DESK
    act: Callable[[sync_api.Page], None] = lambda window: None


def _ask(window):
    """Open the dialog of an instance that is not ready."""
    looking.row(window, 'legacy-no-channel').locator(
        '.actions_column .btn').first.click()
    window.wait_for_selector('#consistent_snapshot_modal .btn-primary')


def _prove(window):
    """Open the proof of the newest snapshot."""
    window.locator('#history').get_by_role('link', name='Proof').first.click()
    window.wait_for_selector('.snapshot-panel-proof')


# By the name of the file.
PICTURES = {
    'index': Picture(''),
    'index-telephone': Picture('', TELEPHONE),
    'dialog': Picture('', act=_ask),
    'instance': Picture('{%s}/' % TAKEN),
    'proof': Picture('{%s}/' % TAKEN, act=_prove),
    'fix': Picture('{legacy-no-channel}/fix/'),
    'image': Picture('images/{debian-12-own}/'),
}


def main():
    """Make the pictures; return the exit status."""
    names = sys.argv[1:] or list(PICTURES)
    if set(names) - set(PICTURES):
        print('screenshots: there are %s' % ', '.join(PICTURES),
              file=sys.stderr)
        return 2
    with words.look(FOLDER) as (cloud, window):
        _prepare(cloud)
        made = {name: _shrunk(_look(cloud, window, PICTURES[name]))
                for name in names}
    for name, picture in made.items():
        (IMAGES / f'{name}.png').write_bytes(picture)
        print(f'{name}: {len(picture)} bytes')
    return int(any(len(picture) > MOST for picture in made.values()))


def _prepare(cloud):
    """Give an instance a history: one was discarded, two are proven."""
    api, dashboard = clients.OpenStack(cloud), clients.Dashboard(cloud)
    instance_id = cloud.instances[TAKEN]
    then = (datetime.datetime.now(datetime.timezone.utc)
            - datetime.timedelta(hours=2))
    lost = records.Memory(LOST, TAKEN + ' before the upgrade', then, 'demo',
                          then, 'gone-after-hook')
    api.nova.servers.set_meta(instance_id, {lost.key: lost.value()})
    if len(api.snapshots(instance_id)) < 2:
        dashboard.take(instance_id)
        dashboard.settle([instance_id])


def _look(cloud, window, picture):
    """Return what a window shows, as a PNG."""
    width, height = picture.size
    window.set_viewport_size({'width': width, 'height': height})
    window.goto(words.address(cloud, picture.path))
    window.wait_for_function(STILL)
    picture.act(window)
    return window.screenshot()


def _shrunk(picture):
    # Only who makes pictures needs it; each Horizon of today brings it.
    from PIL import Image
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert('RGB').quantize(
        COLOURS, method=Image.Quantize.MEDIANCUT,
        dither=Image.Dither.NONE).save(small, 'PNG', optimize=True)
    return small.getvalue()


if __name__ == '__main__':
    sys.exit(main())
