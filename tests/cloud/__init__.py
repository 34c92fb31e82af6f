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

"""The demo cloud: a real OpenStack on one machine, with guests of ours.

``python -m tests.cloud up`` starts Keystone, Glance, Placement, Neutron's
API, Nova and Horizon on the loopback interface, on SQLite, without root.
Only the hypervisor is a model (``driver.py`` and ``guests.py``), unless
``--hypervisor qemu`` asks for libvirt, QEMU and real guests, as root.

Three interpreters take part, so three kinds of modules lie here:

* the launcher, standard library only: ``__main__``, ``launcher``,
  ``layout``, ``configuration``, ``processes``, ``dashboard``, ``rest``,
  ``seed``, ``seed_qemu``, ``hypervisor``, ``shell``;
* in the services' environment: ``databases``, ``services``, ``compute``,
  ``sqlite``, ``driver``, ``guests``, ``boot_log``, ``disk``,
  ``qemu_driver``;
* in Horizon's environment: ``horizon_settings``, ``horizon_themes``.
"""
