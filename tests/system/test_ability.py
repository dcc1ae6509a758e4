# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon without something it could do elsewhere: told once, not tried, the rest goes on."""

from harness import Case
from truth import read, taskset, virsh, wait_for

ALL = {0, 1}
BALANCING = "/proc/sys/kernel/numa_balancing"
POLICY = "host: {%s}\nguests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"


def without(capability):
    """The capabilities of the unit less one."""
    kept = [f"+{name}" for name in ("sys_nice", "sys_ptrace", "sys_admin") if name != capability]
    return ("setpriv", "--inh-caps=-all", f"--bounding-set={','.join(['-all', *kept])}")


class Ability(Case):
    def told_once(self, daemon, words):
        """In status and in the log, and nothing again and again after some cycles."""
        self.assertTrue(any(words in line for line in daemon.json("status", check=False)["daemon"]["cannot"]))
        self.assertIn("cannot: ", daemon.ctl("status", check=False).stdout)
        daemon.wait_cycles(4)
        lines = daemon.log_text().splitlines()
        self.assertEqual(len([line for line in lines if words in line]), 1, daemon.log_text())
        repeated = {line for line in lines if line.startswith(("warning", "error")) and lines.count(line) > 1}
        self.assertEqual(repeated, set())

    def test_all_that_the_unit_has_is_enough(self):
        ded, shared = self.guest("ded1"), self.guest("shared")
        daemon = self.daemon(POLICY % "", prefix=without(None))
        self.assertEqual(daemon.json("status", check=False)["daemon"]["cannot"], [])
        self.wait_all_on(ded, {1})
        self.wait_all_on(shared, {0})
        self.wait_state(daemon, ded, "as-planned")
        taskset(shared.main().tid, "0-1")
        self.wait_all_on(shared, {0})
        self.assertGreater(sum(daemon.status(ded)["memory_mib"].values()), 0)

    def test_without_the_right_to_set_affinities(self):
        ded, shared = self.guest("ded1"), self.guest("shared")
        daemon = self.daemon(POLICY % "", prefix=without("sys_nice"))
        # libvirt makes the pins; the mask of the other guest cannot be had, and that is told
        wait_for("libvirt's pin", lambda: ded.vcpu(0).cpus == {1})
        self.wait_state(daemon, ded, "not-exclusive")
        self.assertEqual(daemon.status(ded)["intruders"], ["shared"])
        self.assertTrue(shared.all_on(ALL))
        self.told_once(daemon, "no CAP_SYS_NICE")
        self.assertEqual(daemon.status(shared)["failures"], 0)
        virsh("vcpupin", ded.name, "0", "0", "--live")
        wait_for("drift of libvirt's pin is repaired", lambda: ded.vcpu(0).cpus == {1})

    def test_without_the_right_to_look_into_processes(self):
        ded, shared = self.guest("ded1"), self.guest("shared")
        daemon = self.daemon(POLICY % "", prefix=without("sys_ptrace"))
        self.wait_all_on(ded, {1})
        self.wait_all_on(shared, {0})
        self.wait_state(daemon, ded, "as-planned")
        self.told_once(daemon, "no CAP_SYS_PTRACE")

    def host_setting(self, daemon, name):
        """(is wanted, why it cannot be had)"""
        host = daemon.json("status", check=False)["host_settings"]
        reasons = [row["reason"] for row in host["unsupported"] if row["knob"] == name]
        return any(row["knob"] == name for row in host["settings"]), reasons

    def test_without_the_right_to_set_numa_balancing(self):
        try:
            before = self.preserve(BALANCING)
        except FileNotFoundError:
            self.skipTest("this kernel has no NUMA balancing")
        ded = self.guest("ded1")
        other = "off" if before != "0" else "on"
        daemon = self.daemon(POLICY % f"numa_balancing: {other}", prefix=without("sys_admin"))
        self.wait_all_on(ded, {1})
        self.wait_state(daemon, ded, "as-planned")
        self.assertEqual(self.host_setting(daemon, "host.numa_balancing"),
                         (False, ["vmtuned has no CAP_SYS_ADMIN"]))
        self.assertEqual(read(BALANCING), before)
        self.told_once(daemon, "no CAP_SYS_ADMIN")

    def test_a_read_only_host(self):
        ded = self.guest("ded1")
        reclaim = self.preserve("/proc/sys/vm/zone_reclaim_mode")
        read_only = "mount -o bind /proc/sys /proc/sys && mount -o bind,remount,ro /proc/sys && exec \"$@\""
        daemon = self.daemon(POLICY % f"zone_reclaim_mode: {0 if int(reclaim) else 1}",
                             prefix=("unshare", "--mount", "sh", "-c", read_only, "sh"))
        self.wait_all_on(ded, {1})
        self.wait_state(daemon, ded, "as-planned")
        why = "/proc/sys/vm/zone_reclaim_mode cannot be written: Read-only file system"
        self.assertEqual(self.host_setting(daemon, "host.zone_reclaim_mode"), (False, [why]))
        self.assertEqual(read("/proc/sys/vm/zone_reclaim_mode"), reclaim)
        self.told_once(daemon, why)
