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

"""``make bench``: the panel's pages against Horizon's own, in one run.

On a demo cloud of its own, in projects of 3, 100 and 1,000 instances with
10,000 images in all. Pages take turns, so that a busy machine is busy for
each of them; what is promised are ratios and counts, never a time.
"""
