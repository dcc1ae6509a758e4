# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPUs go offline and come back: never a thread outside what is online, a dedicated CPU that is gone is
replaced, and the pool gets its CPU back."""

from lab import MEMORY_EVERYWHERE, cpus, read

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: 'wide*'}, cpu: {policy: dedicated}}]"
WIDE = {"vcpus": 2, "nic": True, "numatune": MEMORY_EVERYWHERE}


def switch(host, cpu, online, guests):
    """A CPU off or on; then all is as planned, and nobody is outside what is online."""
    host.set_online(cpu, online)
    host.wait_right()
    there = cpus(read("/sys/devices/system/cpu/online"))
    assert (cpu in there) == online
    for guest in guests:
        for thread in guest.threads() + guest.vhost_threads():
            assert thread.cpus <= there, f"{guest.name}: {thread.comm} on {thread.cpus}"


def case(host):
    guests = host.guests({"name": "wide1", **WIDE}, {"name": "wide2", **WIDE}, {"name": "web1", "vcpus": 2})
    wide1, wide2, web1 = guests
    host.start(POLICY)
    host.wait_planned(*guests)
    before = set().union(*wide1.vcpu_cpus())
    gone = max(before)
    pool = host.pool()
    switch(host, gone, False, guests)
    assert all(len(own) == 1 and gone not in own for own in wide1.vcpu_cpus()), wide1.vcpu_cpus()
    now, others = set().union(*wide1.vcpu_cpus()), set().union(*wide2.vcpu_cpus())
    assert not now & others and now <= before | pool
    assert all(not thread.cpus & (now | others) for thread in web1.threads())
    switch(host, gone, True, guests)
    assert len(set().union(*wide1.vcpu_cpus())) == 2
    assert host.pool() | set().union(*wide1.vcpu_cpus()) | others == pool | before | others

    pool = host.pool()
    assert web1.all_on(host.at_home(web1, pool))
    spare = max(pool - {0})
    switch(host, spare, False, guests)
    assert web1.all_on(host.at_home(web1, pool - {spare}))
    switch(host, spare, True, guests)
    assert web1.all_on(host.at_home(web1, pool))
    assert all(entry["drift"] == 0 for entry in host.status()["guests"]), "nobody drifted"
