# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirtd is restarted: no guest's placement changes, vmtuned finds it again and repairs what follows."""

from lab import DB1, run, virsh

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: db1}, cpu: {policy: dedicated}}]"


def case(host):
    (guest,) = host.guests(DB1)
    host.start(POLICY)
    host.wait_planned(guest)
    masks, pid = guest.masks(), host.unit("MainPID")
    run("systemctl", "stop", "libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket", "libvirtd")
    host.wait("the loss is told", lambda: not host.status()["daemon"]["connected"])
    assert guest.masks() == masks
    run("systemctl", "start", "libvirtd.socket", "libvirtd")
    host.wait("connected again", lambda: host.status()["daemon"]["connected"])
    host.wait_planned(guest)
    assert guest.masks() == masks and host.unit("MainPID") == pid
    virsh("vcpupin", "db1", "0", "0", "--live")
    host.wait("repaired", lambda: guest.masks() == masks)
