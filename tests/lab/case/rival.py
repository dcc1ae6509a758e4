# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody pins again and again, by affinity and through libvirt: each time found, repaired and told."""

from lab import run, virsh
from truth import taskset

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
            else:  # one CPU of those it may run on
                own, pool = min(db1.main().cpus), min(web1.vcpu(0).cpus)
                taskset(db1.pid, str(own))
                run("taskset", "-a", "-p", "-c", str(pool), str(web1.pid))
                assert db1.main().cpus == {own} and web1.all_on({pool})
            assert [guest.masks() for guest in (db1, db2, web1)] != masks
        host.wait("all as before", lambda: [guest.masks() for guest in (db1, db2, web1)] == masks)
    host.wait_planned(db1, db2, web1)
    for guest, rounds in ((db1, ROUNDS), (web1, ROUNDS // 2)):
        assert len(host.journal(f"{guest.name}: drift: ")) >= rounds
        entry = host.entry(guest)
        assert entry["drift"] >= rounds and entry["repaired"] == entry["drift"], entry
    assert host.entry(db2)["drift"] == 0, "nobody touched it"
