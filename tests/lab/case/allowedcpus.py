# SPDX-License-Identifier: LGPL-2.1-or-later
"""AllowedCPUs= narrows machine.slice: guests are planned inside it; taken back, outside again."""

from lab import run

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: db1}, cpu: {policy: dedicated}}]"
ALLOWED = set(range(4))


def case(host):
    db1, _, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(db1, web1)
    run("systemctl", "set-property", "--runtime", "machine.slice", "AllowedCPUs=0-3")
    host.wait("all inside 0-3", lambda: all(
        thread.cpus <= ALLOWED for guest in (db1, web1) for thread in guest.threads() + guest.vhost_threads()))
    host.wait_planned(db1, web1)
    own = set().union(*db1.vcpu_cpus())
    assert len(own) == 2 and own <= ALLOWED
    assert web1.all_on(ALLOWED - own), web1.vcpu_cpus()
    run("systemctl", "set-property", "--runtime", "machine.slice", "AllowedCPUs=0-7")
    host.wait("the pool outside again", lambda: web1.all_on(set(range(8)) - set().union(*db1.vcpu_cpus())))
    host.wait_planned(db1, web1)
    host.remove_guests()  # taking the limit back resets their affinities: not restore's doing
