"""Who runs where: placement, the pool, refusals, thread classes."""

import os

from harness import Case, preload
from truth import cpus, read, wait_for

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"
NO_HOUSEKEEPING = 'host: {housekeeping_cpus: ""}\n' + DEDICATED


class Placement(Case):
    def test_two_dedicated_and_one_shared_with_iothread(self):
        one = self.guest("ded1", iothreads=1)
        two = self.guest("ded2")
        daemon = self.daemon(NO_HOUSEKEEPING)
        wait_for("both dedicated", lambda: one.all_on({0}) and two.all_on({1}))
        for guest, cpu in ((one, 0), (two, 1)):
            self.assertEqual(guest.vcpu(0).cpus, {cpu})
            self.assertEqual(guest.cpuset("vcpu0"), {cpu})
            self.assertEqual(guest.cpuset("emulator"), {cpu})
            self.assertIn(f"<vcpupin vcpu='0' cpuset='{cpu}'/>", guest.live_xml())
            self.assertNotIn("vcpupin", guest.config_xml())
        self.assertEqual(one.thread("IO iothread1").cpus, {0})
        self.assertEqual(one.cpuset("iothread1"), {0})
        self.wait_state(daemon, one, "as-planned")

        # the pool is empty: the shared guest stays on all allowed CPUs and is told
        shared = self.guest("shared", iothreads=1)
        self.wait_state(daemon, one, "not-exclusive")
        self.assertTrue(shared.all_on(ALL))
        self.assertEqual(daemon.ctl("verify", check=False).returncode, 1)
        self.assertEqual(daemon.status(two)["intruders"], ["shared"])

        # one dedicated guest gone: its CPU is the pool, IOThread and all
        two.destroy()
        self.wait_all_on(shared, {1})
        self.assertEqual(shared.thread("IO iothread1").cpus, {1})
        self.assertEqual(shared.cpuset("iothread1"), ALL)
        self.wait_state(daemon, one, "as-planned")
        self.assertNotIn("vcpupin", shared.live_xml())

    def test_pool_is_masked_again_as_dedicated_guests_come_and_go(self):
        shared = self.guest("shared", vcpus=2, iothreads=1)
        daemon = self.daemon(DEDICATED)
        self.wait_state(daemon, shared, "as-planned")
        self.assertTrue(shared.all_on(ALL))
        dedicated = self.guest("ded1")
        self.wait_all_on(dedicated, {1})
        self.wait_all_on(shared, {0})
        self.assertNotIn("cpuset=", shared.live_xml())
        self.wait_state(daemon, dedicated, "as-planned")
        dedicated.destroy()
        self.wait_all_on(shared, ALL)

    def test_refused_guest_is_kept_off_dedicated_cpus(self):
        one = self.guest("ded1")
        daemon = self.daemon(DEDICATED)
        self.wait_all_on(one, {1})
        two = self.guest("ded2", vcpus=2)
        self.wait_state(daemon, two, "refused")
        self.wait_all_on(two, {0})
        entry = next(guest for guest in daemon.json("plan", check=False)["guests"]
                     if guest["name"] == "ded2")
        self.assertEqual(entry["result"], "refused")
        self.assertEqual(entry["vcpus"], [])
        self.assertEqual(entry["shortage"]["resource"], "PUs")
        self.assertEqual(entry["shortage"]["amount"], 2)

    def test_emulator_and_vhost_are_told_apart_in_one_cpuset(self):
        # this kernel may have no vhost_net: a thread of QEMU named as vhost's are, from a preload
        library = preload("vhost-thread", "pthread")
        wrapper = "/run/vmtuned-test/qemu-with-vhost"
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nLD_PRELOAD={library} exec /usr/bin/qemu-system-x86_64 \"$@\"\n")
        os.chmod(wrapper, 0o755)
        guest = self.guest("split", emulator=wrapper)
        self.assertEqual(guest.thread("vhost-").cpus, ALL)
        daemon = self.daemon("guests: [{match: {name: split},"
                             " cpu: {emulator: '0', vhost: '1'}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(guest.main().cpus, {0})
        self.assertEqual(guest.thread("vhost-").cpus, {1})
        self.assertEqual(guest.cpuset("emulator"), ALL)
        for thread in guest.threads():
            if not thread.comm.startswith(("vhost-", "CPU ")):
                self.assertEqual(thread.cpus, {0}, thread.comm)

    def test_manual_policy_and_manual_by_detection(self):
        hand = self.guest("hand", cputune="<vcpupin vcpu='0' cpuset='1'/>")
        named = self.guest("named", vcpus=2)
        daemon = self.daemon("guests: [{match: {name: named}, cpu: {policy: manual,"
                             " pins: {1: '0'}}}]")
        self.wait_state(daemon, hand, "unmanaged")
        self.wait_state(daemon, named, "as-planned")
        self.assertEqual(hand.vcpu(0).cpus, {1})
        self.assertEqual(named.vcpu(1).cpus, {0})
        self.assertIn("<vcpupin vcpu='1' cpuset='0'/>", named.live_xml())
        self.assertEqual(named.vcpu(0).cpus, ALL)

    def test_mixed_policy(self):
        guest = self.guest("mix", vcpus=2)
        daemon = self.daemon("guests: [{match: {name: mix}, cpu: {policy: mixed,"
                             " dedicated_vcpus: '0'}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(guest.vcpu(0).cpus, {1})
        self.assertEqual(guest.vcpu(1).cpus, {0})

    def test_weight_quota_and_nodeset(self):
        guest = self.guest("tuned", vcpus=2)
        daemon = self.daemon("guests: [{match: {name: tuned}, cpu: {weight: 200, quota: 50%},"
                             " numa: {mode: restrictive, nodes: '0'}}]")
        self.wait_state(daemon, guest, "as-planned")
        shares = guest.cgroup("cpu") + "/cpu.shares"
        if os.path.exists(shares):
            self.assertEqual(read(shares), "2048")
            self.assertEqual(read(guest.cgroup("cpu", "vcpu1") + "/cpu.cfs_quota_us"), "50000")
        else:
            self.assertEqual(read(guest.cgroup("cpu") + "/cpu.weight"), "200")
            self.assertEqual(read(guest.cgroup("cpu", "vcpu1") + "/cpu.max"), "50000 100000")
        self.assertIn("<memory mode='restrictive' nodeset='0'/>", guest.live_xml())
        self.assertEqual(cpus(read(guest.cgroup("cpuset", "vcpu0") + "/cpuset.mems")), {0})

        # the keys leave the policy: the originals come back
        daemon.write_policy("guests: [{match: {name: tuned}}]")
        daemon.ctl("reload")
        if os.path.exists(shares):
            wait_for("shares back", lambda: read(shares) == "1024")
            wait_for("quota back", lambda: read(guest.cgroup("cpu", "vcpu1") +
                                                "/cpu.cfs_quota_us") == "-1")
        # libvirt cannot take numatune off a running guest
        self.wait_state(daemon, guest, "cold-pending")
        guest.destroy()
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        self.assertNotIn("<numatune>", guest.live_xml())

    def test_strict_nodes_wait_for_the_next_start(self):
        guest = self.guest("cold")
        daemon = self.daemon("guests: [{match: {name: cold}, numa: {mode: strict, nodes: '0'}}]")
        self.wait_state(daemon, guest, "cold-pending")
        self.assertEqual(daemon.ctl("verify", check=False).returncode, 3)
        self.assertNotIn("<numatune>", guest.live_xml())
        self.assertIn("<memory mode='strict' nodeset='0'/>", guest.config_xml())
        guest.destroy()
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        self.assertIn("<memory mode='strict' nodeset='0'/>", guest.live_xml())
        self.assertEqual(daemon.ctl("verify").returncode, 0)

    def test_persist_all_writes_the_definition_and_restore_takes_it_out(self):
        guest = self.guest("ded1")
        before = guest.config_xml()
        daemon = self.daemon("guests: [{match: {name: 'ded*'}, persist: all,"
                             " cpu: {policy: dedicated}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertIn("<vcpupin vcpu='0' cpuset='1'/>", guest.config_xml())
        daemon.ctl("restore", guest.name)
        self.assertEqual(guest.config_xml(), before)
        self.assertTrue(guest.all_on(ALL))
