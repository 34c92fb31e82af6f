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

<#
.SYNOPSIS
Says whether this Windows guest can be frozen for a snapshot.

.DESCRIPTION
Looks at the QEMU guest agent, the virtio serial driver and the Volume Shadow
Copy Service (VSS). It changes nothing. Run it as an administrator:

    powershell -ExecutionPolicy Bypass -File windows-check.ps1

It ends with 0 when all is well and with 1 otherwise. Good here is no proof of
any one snapshot: Windows prints no witnesses, so that its snapshots stay
"unproven" while it runs.
#>

$script:Bad = 0

function Show-Result {
    param([bool]$Good, [string]$Yes, [string]$No)
    if ($Good) {
        Write-Output "ok    $Yes"
    } else {
        Write-Output "WRONG $No"
        $script:Bad = 1
    }
}

function Test-Service {
    param([string]$Name, [string]$What, [string]$Remedy)
    $service = Get-Service -Name $Name -ErrorAction SilentlyContinue
    Show-Result ($null -ne $service -and $service.Status -eq 'Running') `
        "$What runs." "$What does not run. $Remedy"
}

function Test-AgentMayFreeze {
    # By its own word: options and files may allow or block commands.
    $service = Get-CimInstance -ClassName Win32_Service `
        -Filter "Name='QEMU-GA'"
    if ($null -eq $service) { return }
    $command = $service.PathName
    if (-not ($command -match '^"([^"]+)"\s*(.*)$' -or
              $command -match '^(\S+)\s*(.*)$')) { return }
    $agent = $Matches[1]
    $options = @($Matches[2] -split '\s+' | Where-Object { $_ })
    $said = & $agent @options '--dump-conf' 2>$null
    $forbidden = @('guest-fsfreeze-freeze', 'guest-fsfreeze-thaw') |
        Where-Object {
            $item = '=(.*,)?' + $_ + '(,|$)'
            ($said -match ('^(block-rpcs|blacklist)' + $item)) -or
            (($said -match '^allow-rpcs=.') -and
             -not ($said -match ('^allow-rpcs' + $item)))
        }
    Show-Result (@($forbidden).Count -eq 0) 'The agent may freeze.' `
        ("The agent is told to refuse $($forbidden -join ', '): mend the " +
         'options of the service QEMU-GA or qemu-ga.conf.')
}

function Test-SerialDriver {
    # The device of the channel: vendor 1AF4, virtio-serial old and new.
    $device = Get-CimInstance -ClassName Win32_PnPEntity |
        Where-Object { $_.DeviceID -match 'VEN_1AF4&DEV_(1003|1043)' }
    Show-Result ($null -ne $device) 'The virtio serial device exists.' `
        ('There is no virtio serial device. Set hw_qemu_guest_agent=yes on ' +
         'the image and boot a new instance.')
    if ($null -eq $device) { return }
    $faults = @($device | Where-Object { $_.ConfigManagerErrorCode -ne 0 })
    Show-Result ($faults.Count -eq 0) 'Its driver works.' `
        'Its driver does not work: install vioserial of virtio-win.'
}

function Test-Vss {
    $vss = Get-Service -Name 'VSS' -ErrorAction SilentlyContinue
    # VSS starts by itself when it is asked.
    Show-Result ($null -ne $vss -and $vss.StartType -ne 'Disabled') `
        'The Volume Shadow Copy Service can start.' `
        'The Volume Shadow Copy Service is disabled: Set-Service VSS -StartupType Manual'
    $provider = Get-Service -Name 'QEMU Guest Agent VSS Provider' `
        -ErrorAction SilentlyContinue
    Show-Result ($null -ne $provider -and $provider.StartType -ne 'Disabled') `
        "The agent's VSS provider is installed." `
        "The agent's VSS provider is missing: install the agent again."
    # The states are words of each language; their numbers are not. 1: stable.
    $vssadmin = Join-Path $env:SystemRoot 'System32\vssadmin.exe'
    $writers = & $vssadmin list writers 2>$null |
        Select-String -Pattern '\[(\d+)\]' |
        ForEach-Object { [int]$_.Matches[0].Groups[1].Value }
    $failed = @($writers | Where-Object { $_ -ne 1 })
    Show-Result (@($writers).Count -gt 0 -and $failed.Count -eq 0) `
        "All $(@($writers).Count) VSS writers are stable." `
        "$($failed.Count) of $(@($writers).Count) VSS writers are not stable: vssadmin list writers"
}

$identity = [Security.Principal.WindowsIdentity]::GetCurrent()
$principal = New-Object Security.Principal.WindowsPrincipal($identity)
if (-not $principal.IsInRole(
        [Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Write-Output 'WRONG This needs a PowerShell of an administrator.'
    exit 1
}
Test-SerialDriver
Test-Service 'QEMU-GA' 'The agent (QEMU-GA)' `
    'Install it from the virtio-win ISO image, or: Start-Service QEMU-GA'
Test-AgentMayFreeze
Test-Vss
Write-Output ('note  Windows prints no witnesses: while it runs its ' +
              'snapshots are "unproven", however good this looks.')
exit $script:Bad
