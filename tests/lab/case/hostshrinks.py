# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host gets smaller under its guests and larger again: all CPUs of a guest's node, the last housekeeping
CPU, the slice of all guests, the cgroup of one. Nobody is ever left outside, and all is as before in the end."""

import contextlib
import os

from lab import PLANNED, cpus, read, run

FLAVOURS = ("amd-4node",)
LAST = True  # it stirs the host
LIMIT = 600
POLICY = "host: {housekeeping_cpus: '2'}\nguests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"


def disorder(host, guests):
    """Who is neither as planned nor refused, outside what is online and allowed, or on another's own CPUs."""
    states = {guest.name: host.state(guest) for guest in guests}
    wrong = [f"{name} is {state}" for name, state in states.items() if state not in (*PLANNED, "refused")]
    exclusive = {entry["name"]: cpus(entry["exclusive"]) for entry in host.planned()["guests"]}
    online = cpus(read("/sys/devices/system/cpu/online"))
    for guest in guests:
        scope = os.path.dirname(os.path.dirname(guest.cgroup("cpuset")))
        there = online & cpus(read(f"{scope}/cpuset.cpus.effective"))
        taken = set().union(*(own for name, own in exclusive.items() if name != guest.name))
        wrong += [f"{guest.name}: {thread.comm} on {thread.cpus} of {there - taken}"
                  for thread in guest.threads() + guest.vhost_threads() if not thread.cpus <= there - taken]
    return wrong


def settle(host, guests):
    """Waits for rest; seen more than once, since the host is found changed with the interval only."""
    after = host.cycles() + 1
    host.wait("rest", lambda: host.cycles() > after and not disorder(host, guests))


def placed(host, guests):
    host.wait("nobody is refused", lambda: all(host.state(guest) != "refused" for guest in guests))
    settle(host, guests)


def own(guest):
    return set().union(*guest.vcpu_cpus())


@contextlib.contextmanager
def allowed(unit, text):
    """AllowedCPUs of a slice or scope, taken back in the end."""
    run("systemctl", "set-property", "--runtime", unit, f"AllowedCPUs={text}")
    try:
        yield
    finally:
        run("systemctl", "set-property", "--runtime", unit, "AllowedCPUs=0-7")
        run("systemctl", "revert", unit, check=False)


def case(host):
    guests = db1, db2, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(*guests)

    gone = host.node_cpus(3)
    assert own(db1) == gone, own(db1)
    for cpu in sorted(gone):
        host.set_online(cpu, False)
    settle(host, guests)
    assert not own(db1) & gone
    for cpu in sorted(gone):
        host.set_online(cpu, True)
    placed(host, guests)
    host.ctl("defrag", check=False)  # placed elsewhere meanwhile, it does not move unasked
    host.wait(f"{db1.name} where its memory is", lambda: own(db1) == gone)
    settle(host, guests)

    host.set_online(2, False)
    settle(host, guests)
    host.set_online(2, True)
    host.wait("housekeeping as before", lambda: 2 in host.pool())
    settle(host, guests)

    with allowed("machine.slice", "6-7"):  # nobody has anywhere else to be, and that is told
        host.wait("all inside", lambda: all(thread.cpus <= gone for guest in guests
                                            for thread in guest.threads() + guest.vhost_threads()))
        host.wait_state(db1, "not-exclusive")
    placed(host, guests)

    before = own(db2)
    scope = os.path.basename(os.path.dirname(os.path.dirname(db2.cgroup("cpuset"))))
    inside = set(range(8)) - before - gone - {2}
    with allowed(scope, ",".join(map(str, sorted(inside)))):
        host.wait(f"{db2.name} inside {inside}", lambda: own(db2) <= inside)
        settle(host, guests)
        assert len(own(db2)) == 2 and host.state(db2) != "refused"
    placed(host, guests)
    assert all(host.entry(guest)["drift"] == 0 for guest in guests), "nobody drifted"
