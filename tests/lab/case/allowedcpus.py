# SPDX-License-Identifier: LGPL-2.1-or-later
"""AllowedCPUs= narrows machine.slice: guests are planned inside it; taken back, outside again."""

from lab import run

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: db1}, cpu: {policy: dedicated}}]"
ALL = set(range(8))
ALLOWED = set(range(4))


def limit(text):
    run("systemctl", "set-property", "--runtime", "machine.slice", f"AllowedCPUs={text}")


def own(guest):
    """The CPUs of its vCPUs alone."""
    return set().union(*guest.vcpu_cpus())


def case(host):
    db1, _, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(db1, web1)
    limit("0-3")
    host.wait("the pool inside 0-3", lambda: web1.all_on(ALLOWED - own(db1)))
    host.wait_planned(db1, web1)
    assert len(own(db1)) == 2
    assert all(thread.cpus <= ALLOWED for thread in db1.threads() + db1.vhost_threads())
    limit("0-7")
    host.wait("the pool outside again", lambda: web1.all_on(ALL - own(db1)))
    host.wait_planned(db1, web1)
