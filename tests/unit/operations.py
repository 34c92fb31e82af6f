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

"""Counting what a call costs, the same on every machine."""

import sys


def count(call):
    """Return how many operations of Python's machine a call takes."""
    total = 0

    def trace(frame, event, _argument):
        nonlocal total
        frame.f_trace_opcodes = True
        total += event == 'opcode'
        return trace

    # A measurement of coverage goes on afterwards.
    former = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(former)
    return total
