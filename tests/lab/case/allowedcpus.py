# SPDX-License-Identifier: LGPL-2.1-or-later
"""AllowedCPUs= narrows machine.slice to where a dedicated guest is not: it moves inside; taken back, the
pool is outside again."""

from lab import MEMORY_EVERYWHERE, cpus, run

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: wide1}, cpu: {policy: dedicated}}]"
ALL = set(range(8))
WIDE = {"name": "wide1", "vcpus": 2, "nic": True, "numatune": MEMORY_EVERYWHERE}


def limit(text):
    run("systemctl", "set-property", "--runtime", "machine.slice", f"AllowedCPUs={text}")


def own(guest):
    """The CPUs of its vCPUs alone."""
    return set().union(*guest.vcpu_cpus())


def case(host):
    wide1, web1 = host.guests(WIDE, {"name": "web1", "vcpus": 2})
    host.start(POLICY)
    host.wait_planned(wide1, web1)
    text = "4-7" if max(own(wide1)) < 4 else "0-3"
    allowed = cpus(text)
    assert len(own(wide1)) == 2 and not own(wide1) & allowed, own(wide1)
    limit(text)
    host.wait(f"{wide1.name} inside {text}", lambda: len(own(wide1)) == 2 and own(wide1) <= allowed)
    host.wait("the pool there too", lambda: web1.all_on(host.at_home(web1, allowed - own(wide1))))
    host.wait_planned(wide1, web1)
    assert all(thread.cpus <= allowed for thread in wide1.threads() + wide1.vhost_threads())
    limit("0-7")
    host.wait("the pool outside again", lambda: web1.all_on(host.at_home(web1, ALL - own(wide1))))
    host.wait_planned(wide1, web1)
