# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host loses its power in the middle of vmtuned's changes: after the next boot the record is whole, and
restore still knows the definitions from before."""

import os
import signal

from lab import DB1, TIMEOUT, Guest, read, run, wait_for, write

FLAVOURS = ("amd-4node",)
LAST = True
POLICY = """
guests:
  - match: {name: 'db*'}
    persist: all
    cpu: {policy: dedicated, weight: 200}
"""
KEPT = "/var/lib/before-the-cut"


def case(host):
    guests = host.trio()
    before = [guest.masks() for guest in guests]
    write(KEPT, read("/run/lab/db1.xml.defined"))
    run("sync")
    host.policy(POLICY)
    run("systemctl", "enable", "vmtuned")
    run("sync")
    run("systemctl", "start", "--no-block", "vmtuned")
    wait_for("the first change of a definition", lambda: "vcpupin" in guests[0].config_xml(), TIMEOUT, 0)
    os.kill(int(read("/sys/fs/cgroup/system.slice/vmtuned.service/cgroup.procs")), signal.SIGSTOP)
    assert "<shares>" not in guests[0].config_xml(), "it was not in the middle"
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
