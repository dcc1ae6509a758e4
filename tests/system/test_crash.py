"""SIGKILL at every step: whatever the daemon was at, the next one converges with no write more than
needed, no guest notices, and restore gives back what was there before the first."""

import os
import random
import re
import subprocess

import harness
import test_pending
from harness import BUILD, Case
from truth import read, run, virsh, wait_for

# pins, weight and quota live and in the definition, and an edit of it; the other guest is kept off
POLICY = """guests:
  - match: {name: 'ded*'}
    persist: all
    cpu: {policy: dedicated, weight: 300, quota: 150}
    disk: {cache: none}"""
# Each k-th point is tried, from a random one on; 1: all.
EVERY = int(os.environ.get("VMTUNED_KILL_EVERY", "12"))
SEED = int(os.environ.get("VMTUNED_SEED", random.randrange(1000000)))


class Crash(Case):
    def setUp(self):
        super().setUp()
        path = os.path.join(harness.HOST.scratch, "ded1.img")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        self.guests = [
            # written as libvirt does once it was asked to change any of it
            self.guest("ded1", vcpus=1, iothreads=1, extra="<iothreadids><iothread id='1'/></iothreadids>",
                       cputune="<quota>-1</quota><emulatorpin cpuset='0'/>",
                       devices=f"""<disk type='file' device='disk'>
<driver name='qemu' type='raw' cache='writeback'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""),
            self.guest("other")]
        self.vm = vmtuned = self.daemon(POLICY, start=False)
        self.argv = vmtuned.argv("--bus", "none")
        for guest in self.guests:
            self.settle(guest)
        self.first = self.state()
        self.processes = [self.process(guest) for guest in self.guests]

    @staticmethod
    def settle(guest):
        """QEMU's short-lived helper threads have gone."""
        seen = []

        def stays():
            seen.append([thread.tid for thread in guest.threads()])
            return len(seen) > 20 and all(tids == seen[-1] for tids in seen[-20:])
        wait_for(f"{guest.name} is at rest", stays)

    @staticmethod
    def process(guest):
        stat = read(f"/proc/{guest.pid}/stat")
        return guest.pid, stat.rsplit(")", 1)[1].split()[19]  # starttime

    def state(self):
        """What must come back: masks, cpusets, shares and quotas of the kernel, the definition."""
        result = {}
        for guest in self.guests:
            for thread in guest.threads():
                if not thread.comm.startswith("worker"):
                    result[guest.name, thread.tid] = thread.cpus
            for leaf in ("vcpu0", "emulator") + (("iothread1",) if guest.name == "ded1" else ()):
                result[guest.name, leaf] = guest.cpuset(leaf)
            result[guest.name, "xml"] = guest.config_xml()
            live = virsh("schedinfo", guest.name).stdout.split("\n")
            result[guest.name, "sched"] = sorted(line.replace(" ", "") for line in live)
        return result

    def vmtuned(self, *more, at=None):
        program = os.path.join(BUILD, "vmtuned" if at is None else "vmtuned-killed")
        done = run(program, *self.argv[1:], *more, check=False,
                   env={**os.environ, "VMTUNED_KILL_AT": str(at or 0)})
        if at is None and done.returncode not in (0, 3):
            raise AssertionError(f"vmtuned {more}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def rows(self, where="1"):
        """Writes in the record, but those to threads that may have gone since."""
        if not os.path.exists(os.path.join(self.vm.state, "record.db")):
            return 0
        tids = [0] + [thread.tid for guest in self.guests for thread in guest.threads()
                      if not thread.comm.startswith("worker")]
        marks = ",".join("?" * len(tids))
        return self.vm.record(f"SELECT count(*) FROM history WHERE {where} AND tid IN ({marks})",
                              *tids)[0][0]

    def assert_first(self, what):
        now = self.state()
        for key, value in self.first.items():
            self.assertEqual(now.get(key), value, f"{what}: {key} is not as before")

    def assert_undisturbed(self, what):
        self.assertEqual([self.process(guest) for guest in self.guests], self.processes, what)

    def forget(self):
        """The next daemon is the first again."""
        for name in os.listdir(self.vm.state) if os.path.isdir(self.vm.state) else ():
            os.unlink(os.path.join(self.vm.state, name))

    def count_points(self, *mode):
        done = self.vmtuned(*mode, at=0)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return int(re.search(r"^(\d+) points$", done.stderr, re.M).group(1))

    def kill(self, number, *mode):
        """The words for the point; None: it ended before."""
        done = self.vmtuned(*mode, at=number)
        if done.returncode in (0, 3):
            return None
        self.assertEqual(done.returncode, -9, done.stderr)
        word = re.search(r"^killed (.*)$", done.stderr, re.M).group(1)
        self.assert_undisturbed(word)
        return f"killed {word} (VMTUNED_KILL_AT={number})"

    @staticmethod
    def numbers(end):
        """Some points are beyond the end counted before: how workers meet is not the same each
        time."""
        return range(1 + SEED % EVERY, end + 1 + EVERY, EVERY)

    def test_killed_at_every_point_of_a_cycle(self):
        end = self.count_points("--once")
        needed = self.rows()
        self.assertGreater(needed, 10)
        self.vmtuned("--restore")
        self.assert_first("without a kill")
        tried = 0
        for number in self.numbers(end):
            self.forget()
            word = self.kill(number, "--once")
            if word is None:
                break
            made = self.rows("result='done'")
            begun = self.rows()
            self.vmtuned("--once")
            self.assertLessEqual(self.rows() - begun, needed - made, word)
            written = self.rows()
            self.vmtuned("--once")
            self.assertEqual(self.rows(), written, f"{word}: not settled")
            self.vmtuned("--restore")
            self.assert_first(word)
            self.assert_undisturbed(word)
            tried += 1
        harness.figure(f"{tried} of {end} points of a cycle with 2 guests: killed, converged with no "
                       f"write more than needed, restored (VMTUNED_SEED={SEED})")
        self.assertGreater(tried, 0)

    def test_killed_at_every_point_of_a_restore(self):
        self.vmtuned("--once")
        end = self.count_points("--restore")
        self.assert_first("without a kill")
        tried = 0
        for number in self.numbers(end):
            self.forget()
            self.vmtuned("--once")
            word = self.kill(number, "--restore")
            if word is None:
                break
            self.vmtuned("--restore")
            self.assert_first(word)
            self.assert_undisturbed(word)
            tried += 1
        harness.figure(f"{tried} of {end} points of a restore: killed and restored (VMTUNED_SEED={SEED})")
        self.assertGreater(tried, 0)


class RestartKilled(test_pending.Power):
    """restart-into with the daemon killed around each call of it."""

    ASKED = [f"{when} {what}" for what in ("record_restart_keep", "guest_shutdown", "guest_start",
                                           "record_restart_forget") for when in ("before", "after")]
    ARMED = ["before reboot_action_apply", "after reboot_action_apply"]

    def kill(self, vm, guest, point, *more):
        """Until the daemon has ended at that point, and the next one is there."""
        vm.program = "vmtuned-killed"
        vm.start(environment={"VMTUNED_KILL_ON": point})
        asking = vm.ask("restart-into", guest.name, *more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(f"killed {point}", lambda: vm.process.poll() is not None)
        self.assertEqual(vm.process.returncode, -9, vm.log_text())
        asking.wait(60)
        vm.program = "vmtuned"
        vm.start()

    def test_killed_at_every_step_of_a_restart(self):
        guest = self.power_guest("pow1")
        vm = self.daemon(test_pending.PLAIN, start=False)
        for point in self.ASKED:
            pid = guest.pid
            self.kill(vm, guest, point)
            if self.restarts(vm) and self.is_running(guest) and guest.pid == pid:
                virsh("shutdown", guest.name, check=False)  # it was not asked, and is waited for
            wait_for(f"{point}: done", lambda: self.restarts(vm) == [] and self.is_running(guest))
            self.assertEqual(guest.pid == pid, point == "before record_restart_keep", point)
            self.wait_booted(guest)
            self.assertEqual(vm.stop(), 0)
        for point in self.ARMED:
            pid = guest.pid
            self.kill(vm, guest, point, "--on-reboot")
            wait_for(f"{point}: undone", lambda: self.restarts(vm) == [])
            self.assertEqual((guest.pid, self.on_reboot(guest)), (pid, "restart"), point)
            self.assertEqual(vm.stop(), 0)
        harness.figure(f"{len(self.ASKED) + len(self.ARMED)} points of a restart: killed and made good")
