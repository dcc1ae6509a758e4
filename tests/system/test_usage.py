# SPDX-License-Identifier: LGPL-2.1-or-later
"""What threads use of the CPUs: against /proc, read before and after by the test itself."""

import json
import os

import harness
from harness import Case
from truth import cpus, read, run, taskset, wait_for


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


class Top(Case):
    def test_batch(self):
        guest = self.guest("busy", vcpus=2, devices=busy_disk("busy"))
        self.guest("off", start=False)
        daemon = self.daemon("", interval="1h")
        self.wait_state(daemon, guest, "as-planned")
        before = counters(guest)
        lines = daemon.ctl("top", "--interval", "1").stdout.splitlines()
        self.assertRegex(lines[0], r"^2 guests, 1 running with 2 vCPUs; together \d+\.\d% of a CPU$")
        self.assertRegex(lines[1], r"^GUEST +STATE +VCPUS +CPU% +DELAY% ")
        self.assertRegex(lines[2], r"^busy +as-planned +2 +\d+\.\d +\d+\.\d +\S+ +0/0 +0 +[01-]+ +[01-]+ *$")
        self.assertEqual(len(lines), 3)

        lines = daemon.ctl("top", "-n", "2", "-d", "1", "--json").stdout.splitlines()
        documents = [json.loads(line) for line in lines]
        self.assertEqual(len(documents), 2)
        after = counters(guest)
        entry = next(entry for entry in documents[1]["guests"] if entry["name"] == "busy")
        off = next(entry for entry in documents[1]["guests"] if entry["name"] == "off")
        self.assertEqual((off["running"], off["threads"], off["cpu_pct"]), (False, [], None))
        threads = {thread["tid"]: thread for thread in entry["threads"]}
        for number in (0, 1):
            tid = guest.vcpu(number).tid
            self.assertEqual((threads[tid]["class"], threads[tid]["id"]), ("vcpu", number))
            ran = after[tid][0] > before[tid][0]
            self.assertTrue(ran or threads[tid]["cpu_pct"] == 0, threads[tid])
        busy = threads[guest.vcpu(0).tid]
        self.assertGreater(busy["cpu_pct"] + busy["delay_pct"], 0)
        self.assertLessEqual(busy["cpu_pct"], 100)

    def test_astray(self):
        guest = self.guest("ded1")
        daemon = self.daemon("guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]", interval="1h")
        self.wait_state(daemon, guest, "as-planned")
        taskset(guest.vcpu(0).tid, "0")
        lines = daemon.ctl("top", "--threads", "-d", "1").stdout.splitlines()
        self.assertRegex(lines[2], r"^ded1 +as-planned +1 .* 0/0 +1 +")
        vcpu = next(line for line in lines if line.startswith("  vCPU 0"))
        self.assertRegex(vcpu, rf" {guest.vcpu(0).tid} .* 0, belongs on 1$")

    def test_without_a_daemon(self):
        daemon = self.daemon("", start=False)
        done = daemon.ctl("top", check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("not running", done.stderr)
        for words in (("--sort", "size"), ("-d", "0"), ("-n", "x")):
            self.assertEqual(daemon.ctl("top", *words, check=False).returncode, 2)


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
