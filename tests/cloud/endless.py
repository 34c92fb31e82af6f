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

"""Serves one service's API until a SIGTERM, and ends its process at once.

At a SIGUSR1 the service is killed and started again under its process id: the
launcher would take another one for the end of the demo.
"""

import logging
import os
import signal
import sys
import threading

from cheroot import wsgi

from tests.cloud import layout as layouts


def serve(application, port, threads):
    """Serve a WSGI application until a SIGTERM or a SIGINT arrives."""
    server = wsgi.Server((layouts.HOST, port), application,
                         numthreads=threads)
    server.shutdown_timeout = 2
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # Whatever runs here ends in the middle of its work, as at a SIGKILL.
    signal.signal(signal.SIGUSR1, lambda *_: os.execv(
        sys.executable, sys.orig_argv))
    server.prepare()
    threading.Thread(target=server.serve, daemon=True).start()
    stopping.wait()


def run(main, logger):
    """Call ``main`` and end the process; never returns."""
    code = 1
    try:
        main()
        code = 0
    except BaseException:
        logger.exception('It does not run')
    finally:
        # At once: the services' threads would keep the process, with nobody
        # there.
        logging.shutdown()
        os._exit(code)
