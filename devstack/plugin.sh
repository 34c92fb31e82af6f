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

# shellcheck shell=bash
# DevStack's plugin: the panel in the Horizon of a stack. Sourced by DevStack
# with a mode and a phase, with its functions and its variables.
#
# shellcheck disable=SC2154 # HORIZON_DIR, NOVA_CONF and PYTHON are DevStack's

SNAPSHOT_PANEL_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The installer of the package, on DevStack's Horizon. DevStack collects and
# compresses static files itself, after the phase post-config.
function _snapshot_panel_run {
    ${PYTHON:-python3} -m snapshot_panel.install --no-static \
        --dashboard "$HORIZON_DIR/openstack_dashboard" "$@"
}

function _snapshot_panel_settings {
    echo "$HORIZON_DIR/openstack_dashboard/local/local_settings.d/_1036_snapshot_panel_devstack.py"
}

function install_snapshot_panel {
    setup_develop "$SNAPSHOT_PANEL_DIR" judge,metrics
}

# What only the operator knows, as this stack's Nova has it.
function configure_snapshot_panel {
    local backend="" limit=""
    if [[ -r $NOVA_CONF ]]; then
        backend=$(iniget "$NOVA_CONF" libvirt images_type)
        limit=$(iniget "$NOVA_CONF" DEFAULT shutdown_timeout)
    fi
    _snapshot_panel_run
    cat >"$(_snapshot_panel_settings)" <<END
# Written by snapshot_panel's devstack/plugin.sh.
SNAPSHOT_PANEL = {
    'ephemeral_backend': '${backend:-default}',
    'shutdown_timeout': ${limit:-60},
}
END
}

# Horizon may not start any more: the files go all the same.
function cleanup_snapshot_panel {
    _snapshot_panel_run --uninstall || true
    rm -f "$(_snapshot_panel_settings)"
    pip_uninstall snapshot-panel
}

if is_service_enabled horizon && is_service_enabled snapshot-panel; then
    case "$1 ${2:-}" in
    "stack install")
        echo_summary "Installing the panel Consistent Snapshots"
        install_snapshot_panel
        ;;
    "stack post-config")
        echo_summary "Configuring the panel Consistent Snapshots"
        configure_snapshot_panel
        ;;
    "clean "*)
        cleanup_snapshot_panel
        ;;
    esac
fi
