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

"""Asking several things at the same time."""

import concurrent.futures
import functools

from snapshot_panel.cloud import errors
from snapshot_panel import conf


def together(*calls):
    """Run calls that do not depend on each other at the same time.

    Returns their results in order; a :class:`errors.CloudError` is returned
    in place of the result, so that one failing service spoils one part only.
    """
    with concurrent.futures.ThreadPoolExecutor(
            max_workers=conf.get_config()['guests_at_once']) as pool:
        return list(pool.map(outcome, calls))


def outcome(call):
    """Return what a call gives, or the :class:`errors.CloudError` of it."""
    try:
        return call()
    except errors.CloudError as error:
        return error


def ask_services(request, calls):
    """Run a call to each service, all at the same time.

    :param calls: what to call, by our module that asks the service.
    :returns: as :func:`together`.
    """
    # The clients are made before the threads start, so that each is made
    # once and a service that is not in the catalog spoils its part only.
    made = {module: outcome(lambda module=module: make_client(request, module))
            for module in calls}
    return together(*[
        functools.partial(or_raise, made[module])
        if isinstance(made[module], errors.CloudError) else call
        for module, call in calls.items()])


def make_client(request, module):
    """Return the client of a service; ``module`` is ours that asks it."""
    with errors.asking(module.__name__.rpartition('.')[2].title()):
        return module.client(request)


def or_raise(answer):
    """Return an answer, or raise it where it is an error.

    :param answer: as :func:`together` returns it.
    """
    if isinstance(answer, errors.CloudError):
        raise answer
    return answer


def for_each(call, items):
    """Run a call with each of some items, as :func:`together` does."""
    return together(*[functools.partial(call, item) for item in items])
