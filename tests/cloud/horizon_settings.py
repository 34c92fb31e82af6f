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

"""Django's settings of the demo: Horizon's, with this demo's local settings.

Horizon reads its local settings and the files of its plugins from folders
of its own package. They stand in the demo's folder instead, which the
environment variable DEMO_HORIZON names, so that several demos can share one
installed Horizon and nothing is written into it.
"""

import os
import pathlib
import sys
import types

_FOLDER = pathlib.Path(os.environ['DEMO_HORIZON'])

_package = types.ModuleType('local')
_package.__path__ = []
_module = types.ModuleType('local.local_settings')
exec(compile((_FOLDER / 'local_settings.py').read_text(),
             str(_FOLDER / 'local_settings.py'), 'exec'), _module.__dict__)
sys.modules['local'] = _package
sys.modules['local.local_settings'] = _module

from openstack_dashboard.local import enabled as _enabled  # noqa: E402

_enabled.__path__.append(str(_FOLDER / 'enabled'))

from openstack_dashboard.settings import *  # noqa: E402,F403,H303

# Horizon's own list has nothing that serves static files by itself.
MIDDLEWARE = list(MIDDLEWARE)  # noqa: F405
MIDDLEWARE.insert(
    1 + MIDDLEWARE.index('django.middleware.common.CommonMiddleware'),
    'whitenoise.middleware.WhiteNoiseMiddleware')


def _let_pyscss_compile():
    """Let Horizon's styles be compiled, those before 25.3.

    pyScss 1.4.0, its last, has one pattern that Python 3.11 refuses.
    """
    try:
        from scss.grammar import expression
    except ImportError:
        # Newer ones have libsass.
        return
    scanner = expression.SassExpressionScanner
    scanner._patterns = [
        (name, pattern.replace('((?i)opacity)', '(?i:opacity)'))
        for name, pattern in scanner._patterns]


_let_pyscss_compile()
