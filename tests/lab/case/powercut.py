# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host loses its power in the middle of vmtuned's changes: after the next boot the record is whole, and
restore still knows the definitions from before."""

import os
import signal

from lab import DB1, TIMEOUT, Guest, read, run, wait_for, write

FLAVOURS = ("amd-4node",)
LAST = True
TRIES = 3
POLICY = """
guests:
  - match: {name: 'db*'}
    persist: all
    cpu: {policy: dedicated, weight: 200}
"""
KEPT = "/var/lib/before-the-cut"


def stop_amid_changes(host, db1):
    """True: it has changed one thing of the definition, and not the other."""
    host.policy(POLICY)
    run("systemctl", "start", "--no-block", "vmtuned")
    wait_for("the first change of a definition", lambda: "vcpupin" in db1.config_xml(), TIMEOUT, 0)
    os.kill(int(read("/sys/fs/cgroup/system.slice/vmtuned.service/cgroup.procs")), signal.SIGSTOP)
    return "<shares>" not in db1.config_xml()


def case(host):
    guests = host.trio()
    before = [guest.masks() for guest in guests]
    write(KEPT, read("/run/lab/db1.xml.defined"))
    run("systemctl", "enable", "vmtuned")
    run("sync")
    for _ in range(TRIES):
        amid = stop_amid_changes(host, guests[0])
        if amid:
            break
        os.kill(int(host.unit("MainPID")), signal.SIGCONT)
        host.reset()  # it came too late
    assert amid, "it was never in the middle"
    assert [guest.masks() for guest in guests] != before
    run("sync", "/etc/libvirt/qemu/db1.xml")
    host.power_cut()


def after_power_cut(host):
    db1 = Guest(host.kind, **DB1)
    assert "vcpupin" in db1.config_xml()
    host.wait("vmtuned, started at boot", lambda: host.unit("ActiveState") == "active")
    host.wait_cycle()
    problem = host.status()["daemon"]["record_problem"]
    assert not problem, problem
    assert host.record("PRAGMA integrity_check") == [("ok",)]
    host.policy("", mode="observe")
    host.ctl("reload")
    run("systemctl", "stop", "vmtuned")
    run("vmtuned", "--restore")
    assert db1.config_xml() == read(KEPT), db1.config_xml()
    run("systemctl", "disable", "vmtuned")
