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

"""Serves each of Horizon's themes with its own style sheet.

The style sheets of all themes bear one name in Horizon's templates, and so
one key in the list of compressed files: whoever chooses another theme gets
the default one's. Here each theme has a list of its own, made by a run of
``compress`` with this theme as the default.
"""

import functools
import json
import pathlib

from compressor.templatetags import compress
from django.conf import settings
from horizon import themes


def install():
    """Let the templates ask for the list of the theme in use."""
    compress.get_offline_manifest = _manifest


def _manifest():
    chosen = getattr(themes._local, 'theme', settings.DEFAULT_THEME)
    # A theme that the user's cookie names and nobody knows is the default.
    known = themes.find_theme(chosen)
    return _read(known[0] if known else settings.DEFAULT_THEME)


@functools.lru_cache(maxsize=None)
def _read(theme):
    path = (pathlib.Path(settings.STATIC_ROOT) / settings.COMPRESS_OUTPUT_DIR /
            f'manifest-{theme}.json')
    return json.loads(path.read_text())
