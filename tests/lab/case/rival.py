# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody pins again and again, by affinity and through libvirt: each time found, repaired and told."""

from lab import run, virsh

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"
ROUNDS = 4


def case(host):
    db1, db2, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(db1, db2, web1)
    masks = [guest.masks() for guest in (db1, db2, web1)]
    for number in range(ROUNDS):
        with host.frozen():
            if number % 2:
                virsh("vcpupin", "db1", "0", "0", "--live")
                assert db1.vcpu(0).cpus == {0} and db1.cpuset("vcpu0") == {0}
            else:
                run("taskset", "-p", "-c", "0-7", str(db1.vcpu(0).tid), check=False)
                run("taskset", "-a", "-p", "-c", "5", str(web1.pid), check=False)
                assert web1.vcpu(0).cpus == {5}
        host.wait("all as before", lambda: [guest.masks() for guest in (db1, db2, web1)] == masks)
    host.wait_planned(db1, db2, web1)
    assert len(host.journal("drift: ")) >= ROUNDS
    entry = next(entry for entry in host.status()["guests"] if entry["name"] == "db1")
    assert entry["drift"] >= ROUNDS // 2 and entry["repaired"] == entry["drift"], entry
