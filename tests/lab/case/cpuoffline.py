# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPUs go offline and come back: never a thread outside what is online, a dedicated CPU that is gone is
replaced, and the pool gets its CPU back."""

FLAVOURS = ("amd-4node",)
POLICY = "guests: [{match: {name: 'db*'}, cpu: {policy: dedicated}}]"


def case(host):
    db1, db2, web1 = host.trio()
    host.start(POLICY)
    host.wait_planned(db1, db2, web1)
    before = set().union(*db1.vcpu_cpus())
    gone = max(before)
    pool = web1.vcpu(0).cpus
    host.set_online(gone, False)
    host.wait_right()
    assert all(len(cpus) == 1 and gone not in cpus for cpus in db1.vcpu_cpus()), db1.vcpu_cpus()
    now, others = set().union(*db1.vcpu_cpus()), set().union(*db2.vcpu_cpus())
    assert not now & others and now <= before | pool
    assert all(not thread.cpus & (now | others) for thread in web1.threads())
    host.set_online(gone, True)
    host.wait_right()
    assert len(set().union(*db1.vcpu_cpus())) == 2
    assert web1.vcpu(0).cpus | set().union(*db1.vcpu_cpus()) | others == pool | before | others

    pool = web1.vcpu(0).cpus
    spare = max(pool - {0})
    host.set_online(spare, False)
    host.wait_right()
    assert web1.all_on(pool - {spare})
    host.set_online(spare, True)
    host.wait_right()
    assert web1.all_on(pool)
    assert all(entry["drift"] == 0 for entry in host.status()["guests"]), "nobody drifted"
