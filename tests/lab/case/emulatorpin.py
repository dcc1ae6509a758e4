# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where libvirt's emulatorpin moves only the main thread, vmtuned moves them all: narrowed, then widened."""

FLAVOURS = ("debian13",)


def policy(cpus):
    return f"""
guests:
  - match: {{name: emu1}}
    cpu: {{policy: dedicated, emulator: '{cpus}', vhost: '{cpus}'}}
"""


def case(host):
    (guest,) = host.guests({"name": "emu1", "iothreads": 1})
    for number, (text, wanted) in enumerate((("0", {0}), ("0-1", {0, 1}), ("1", {1}))):
        if number == 0:
            host.start(policy(text))
        else:
            host.policy(policy(text))
            host.ctl("reload")
        host.wait(f"all emulator threads on {text}",
                  lambda wanted=wanted: {frozenset(thread.cpus) for thread in guest.emulator_threads()} ==
                  {frozenset(wanted)})
        host.wait_planned(guest)
        assert guest.cpuset("emulator") == wanted
        assert f"<emulatorpin cpuset='{text}'/>" in guest.live_xml()
