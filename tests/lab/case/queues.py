# SPDX-License-Identifier: LGPL-2.1-or-later
"""Network queues come with a cold start, and with them a vhost worker for each, on the CPU for
vhost. Taken out of the policy, they go with the next one."""

FLAVOURS = ("amd-4node", "debian13")
POLICY = """
host: {{housekeeping_cpus: '0'}}
guests:
  - match: {{name: net2}}
    cpu: {{policy: dedicated, vhost: share}}
{}
"""
QUEUES = "    network: {driver: vhost, queues: auto, rx_queue_size: 512}"


def pinned(guest):
    return [worker.cpus for worker in guest.vhost_threads()]


def case(host):
    (guest,) = host.guests({
        "name": "net2", "vcpus": 2, "nic": True,  # at home on node 1, which has a CPU for each vCPU
        "numatune": ("restrictive", "1")})
    first = guest.config_xml()
    assert len(guest.vhost_threads()) == 1 and "queues=" not in first
    host.start(POLICY.format(QUEUES))
    host.wait_state(guest, "cold-pending")
    assert "queues='2'" in guest.config_xml() and "queues=" not in guest.live_xml()
    pending = host.ctl("pending", "net2", check=False).stdout
    assert "net.queues" in pending and "net.rx_queue_size" in pending, pending

    guest.restart()
    host.wait_planned(guest)
    assert "queues='2'" in guest.live_xml() and "rx_queue_size='512'" in guest.live_xml()
    seen = pinned(guest)
    assert len(seen) == 2, seen
    assert all(cpus == {0} for cpus in seen), seen
    assert set().union(*guest.vcpu_cpus()) == host.node_cpus(1)
    assert host.ctl("verify").returncode == 0

    host.policy(POLICY.format(""))
    host.ctl("reload")
    host.wait("the definition from before", lambda: guest.config_xml() == first)
    guest.restart()
    host.wait_planned(guest)
    assert len(guest.vhost_threads()) == 1
