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

"""``make truth``: the panel's verdicts against the disks, on real guests.

Snapshots are taken with the panel's own button, and by a plain command, on the
demo cloud with the real hypervisor, in each of the scenarios. Then the image
file, as Glance stores it, is judge of what the panel said. Run in Horizon's
environment of the demo, which has all clients; the cloud's own modules lie in
tests/cloud.
"""
