# SPDX-License-Identifier: LGPL-2.1-or-later
"""What threads use of the CPUs: against /proc, read before and after by the test itself."""

import json
import os

import harness
from harness import Case
from truth import cpus, read, run, wait_for


def busy_disk(name):
    """A boot sector that jumps to itself for ever."""
    path = os.path.join(harness.HOST.scratch, f"{name}.img")
    with open(path, "wb") as image:
        image.write(b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa")
        image.truncate(1 << 20)
    return f"""<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{path}'/>
<target dev='vda' bus='virtio'/></disk>"""


def counters(guest):
    """tid -> (ran, waited), in ns."""
    pid = guest.pid
    return {tid: tuple(map(int, read(f"/proc/{pid}/task/{tid}/schedstat").split()[:2]))
            for tid in map(int, os.listdir(f"/proc/{pid}/task"))}


def usage_of(guest):
    done = run("busctl", "--system", "--json=short", "call", "org.vmtuned1", "/org/vmtuned1", "org.vmtuned1.Manager",
               "Usage", "as", "1", guest.name)
    return json.loads(json.loads(done.stdout)["data"][0])["guests"]


class Usage(Case):
    def busy_guest(self, name, **options):
        return self.guest(name, devices=busy_disk(name), **options)

    def test_counters(self):
        guest = self.busy_guest("busy", vcpus=2, iothreads=1)
        idle = self.guest("idle", start=False)
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")
        before = counters(guest)
        (entry,) = usage_of(guest)
        after = counters(guest)
        threads = {thread["tid"]: thread for thread in entry["threads"]}
        self.assertEqual({threads[guest.vcpu(n).tid]["id"] for n in (0, 1)}, {0, 1})
        self.assertEqual(threads[guest.vcpu(0).tid]["class"], "vcpu")
        self.assertEqual(threads[guest.thread("IO iothread1").tid]["class"], "iothread")
        self.assertEqual(threads[guest.pid]["class"], "emulator")
        self.assertGreaterEqual(set(threads), {thread.tid for thread in guest.threads()} & set(before) & set(after))
        for tid in set(threads) & set(before) & set(after):
            thread = threads[tid]
            for key, low, high in zip(("cpu_nsec", "delay_nsec"), before[tid], after[tid]):
                self.assertTrue(low <= thread[key] <= high, (thread, low, high))
            self.assertEqual(cpus(thread["cpus"]), {0, 1})
            self.assertIn(thread["last_cpu"], {0, 1})
        (entry,) = usage_of(idle)
        self.assertEqual((entry["time_usec"], entry["threads"]), (None, []))

    def test_busy_vcpu_goes_on(self):
        guest = self.busy_guest("busy")
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")

        def ran():
            (entry,) = usage_of(guest)
            (vcpu,) = (thread for thread in entry["threads"] if thread["class"] == "vcpu")
            return vcpu["cpu_nsec"], entry["time_usec"]

        cpu, time = ran()
        wait_for("a second of work", lambda: ran()[0] >= cpu + 10**9)
        self.assertGreater(ran()[1], time)
