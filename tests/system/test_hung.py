"""QEMUs and calls that hang: they cost their own guest, and nobody else."""

import contextlib
import ctypes
import os
import signal

from harness import Case, Frozen, preload
import harness
from truth import read, taskset, virsh, wait_for, write_at_once

ALL = {0, 1}
DEDICATED = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"
DEAF = "its monitor does not answer|QEMU does not tell how its IOThreads poll"
PATIENCE = 90  # seconds: a slow job is left behind after 10
# linux/ptrace.h
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


def ptrace(request, tid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(request, tid, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {tid}")


def state(pid, tid):
    return read(f"/proc/{pid}/task/{tid}/stat").rpartition(")")[2].split()[0]


class Deaf:
    """The main thread of QEMU, which its monitor needs, held; its vCPUs run."""

    def __init__(self, guest):
        self.guest, self.pid = guest, guest.pid

    def __enter__(self):
        ptrace(PTRACE_SEIZE, self.pid)
        ptrace(PTRACE_INTERRUPT, self.pid)
        wait_for("held", lambda: state(self.pid, self.pid) == "t")
        assert state(self.pid, self.guest.vcpu(0).tid) not in "tT"

    def __exit__(self, *_):
        ptrace(PTRACE_DETACH, self.pid)


@contextlib.contextmanager
def stopped(*guests):
    for guest in guests:
        os.kill(guest.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for guest in guests:
            os.kill(guest.pid, signal.SIGCONT)


def wait_long(what, condition):
    wait_for(what, condition, PATIENCE)


class Hung(Case):
    def show_others_are_served(self, daemon, other, hung):
        """Drift of another guest is repaired, a new one is placed, and all hung ones give way."""
        with Frozen(daemon):
            taskset(other.vcpu(0).tid, "1")
            self.assertEqual(other.vcpu(0).cpus, {1})
        wait_long("repaired", lambda: other.vcpu(0).cpus == ALL)
        new = self.guest("ded1", iothreads=1)
        wait_long("the new one is placed", lambda: new.all_on({1}))
        for guest in (other, *hung):
            wait_long(f"{guest.name} gives way", lambda: guest.all_on({0}))
        wait_long("as planned", lambda: daemon.state_of(new) == "as-planned")

    def wait_stuck(self, daemon, guests, words):
        for guest in guests:
            wait_long(f"{guest.name} is stuck", lambda: daemon.state_of(guest) == "stuck")
            self.assertRegex(daemon.status(guest)["text"], words)
            self.assertTrue(daemon.status(guest)["since"])

    def wait_back(self, daemon, guests):
        for guest in guests:
            wait_long(f"{guest.name} is back", lambda: daemon.state_of(guest) == "as-planned")

    def test_stopped_guest_costs_only_itself(self):
        hung, other = self.guest("hung", iothreads=1), self.guest("other")
        daemon = self.daemon(DEDICATED)
        self.wait_back(daemon, (hung, other))
        with stopped(hung):
            self.wait_stuck(daemon, (hung,), "stopped")
            table = daemon.ctl("status", check=False).stdout
            line = next(line for line in table.splitlines() if line.startswith("hung"))
            self.assertIn("stuck", line)
            self.assertIn("its process is stopped", line)
            self.assertIn("State: stuck since 20", " ".join(daemon.ctl("status", "hung", check=False).stdout.split()))
            self.show_others_are_served(daemon, other, (hung,))
            self.assertEqual(daemon.state_of(other), "as-planned")
            # it was never asked anything: nobody waits for its monitor
            self.assertEqual(virsh("domcontrol", "hung").stdout.strip(), "ok")
        self.wait_back(daemon, (hung, other))

    def test_what_a_hung_guest_cannot_get_waits(self):
        hung = self.guest("hung")
        daemon = self.daemon("guests: [{match: {name: hung}, cpu: {quota: 50%}}]")
        self.wait_back(daemon, (hung,))
        self.assertIn("<quota>50000</quota>", hung.live_xml())
        count = "SELECT count(*) FROM history"
        for policy in ("guests: [{match: {name: hung}, cpu: {quota: 25%}}]", "guests: [{match: {name: hung}}]"):
            with stopped(hung):
                self.wait_stuck(daemon, (hung,), "stopped")
                daemon.write_policy(policy)
                daemon.ctl("reload", check=False)
                daemon.wait_cycles(2, PATIENCE)
                rows = daemon.record(count)
                daemon.wait_cycles(5, PATIENCE)
                self.assertEqual(daemon.record(count), rows)
                self.assertEqual(daemon.state_of(hung), "stuck")
            self.wait_back(daemon, (hung,))
            wait_long("changed", lambda: "<quota>50000</quota>" not in hung.live_xml())
            self.assertEqual("<quota>25000</quota>" in hung.live_xml(), "25%" in policy)

    def test_monitor_that_never_answers(self):
        hung, other = self.guest("hung", iothreads=1), self.guest("other")
        daemon = self.daemon(DEDICATED)
        self.wait_back(daemon, (hung, other))
        with Deaf(hung):
            daemon.ctl("reload", check=False)  # a look at all of each, with IOThreads' statistics
            self.wait_stuck(daemon, (hung,), DEAF)
            self.show_others_are_served(daemon, other, (hung,))
            self.assertEqual(daemon.state_of(hung), "stuck")
        self.wait_back(daemon, (hung, other))

    def test_more_deaf_guests_than_a_connection_takes_calls(self):
        hung = [self.guest(f"hung{i}", iothreads=1) for i in range(6)]
        other = self.guest("other")
        daemon = self.daemon(DEDICATED)
        self.wait_back(daemon, (*hung, other))
        with contextlib.ExitStack() as held:
            for guest in hung:
                held.enter_context(Deaf(guest))
            daemon.ctl("reload", check=False)
            self.show_others_are_served(daemon, other, hung)
            self.wait_stuck(daemon, hung, DEAF)
            self.assertTrue(daemon.connected())
            self.assertNotIn("lost qemu", daemon.log_text())
        self.wait_back(daemon, (*hung, other))

    def preloaded(self, policy=DEDICATED, files=(), **options):
        daemon = self.daemon(policy, start=False, **options)
        for name in files:
            open(os.path.join(daemon.folder, name), "w", encoding="utf-8").close()
        daemon.start_preloaded(preload("libvirt-calls", "virt", "dl"))
        return daemon

    def show_cycles_go_on(self, daemon, other):
        with Frozen(daemon):
            taskset(other.vcpu(0).tid, "1")
        wait_long("repaired", lambda: other.vcpu(0).cpus == ALL)
        new = self.guest("late")
        wait_long("the new one is looked at", lambda: daemon.state_of(new) == "as-planned")

    def test_more_hanging_calls_than_a_connection_takes(self):
        hung = [self.guest(f"hung{i}") for i in range(4)]
        other = self.guest("other")
        daemon = self.preloaded()
        self.wait_back(daemon, (*hung, other))
        files = [os.path.join(daemon.folder, f"hang-{guest.name}") for guest in hung]
        for path in files:
            open(path, "w", encoding="utf-8").close()
        daemon.ctl("reload", check=False)
        self.wait_stuck(daemon, hung, "looking at it")
        self.show_cycles_go_on(daemon, other)
        first = self.guest("ded1")
        wait_long("the dedicated one is placed", lambda: first.all_on({1}))
        for guest in hung:
            wait_long(f"{guest.name} gives way", lambda guest=guest: guest.all_on({0}))
            self.assertEqual(daemon.state_of(guest), "stuck")
        self.assertNotIn("lost qemu", daemon.log_text())
        for path in files:
            os.unlink(path)
        self.wait_back(daemon, (*hung, other))

    def test_a_change_during_a_look_is_found(self):
        guest = self.guest("ded1")
        daemon = self.preloaded("guests: [{match: {name: ded1}, persist: all, cpu: {policy: dedicated}}]",
                                interval="1h")
        self.wait_state(daemon, guest, "as-planned")
        self.assertIn("<vcpupin vcpu='0' cpuset='1'/>", guest.config_xml())
        script = os.path.join(daemon.folder, "after-ded1")
        write_at_once(script, f"virsh -q define {harness.HOST.scratch}/ded1.xml; sleep 1\n")
        daemon.ctl("reload", check=False)
        wait_for("the look is over", lambda: not os.path.exists(script))
        wait_for("pinned again", lambda: "<vcpupin vcpu='0' cpuset='1'/>" in guest.config_xml())

    def test_monitor_that_did_not_answer_before(self):
        """Where libvirt does not even tell the definition of a guest that hangs."""
        hung, other = self.guest("hung"), self.guest("other")
        daemon = self.preloaded(files=("jobs", "deaf-hung"))
        self.wait_stuck(daemon, (hung,), "its monitor does not answer")
        self.show_cycles_go_on(daemon, other)
        self.assertEqual(daemon.state_of(hung), "stuck")
        os.unlink(os.path.join(daemon.folder, "deaf-hung"))
        self.wait_back(daemon, (hung, other))

    def test_locked_memory_holds_up_nobody(self):
        """What the quick pass asks about one process does not come back."""
        hung, other = self.guest("hung", iothreads=1), self.guest("other")
        daemon = self.preloaded()
        self.wait_back(daemon, (hung, other))
        locked = os.path.join(daemon.folder, f"locked-{hung.pid}")
        open(locked, "w", encoding="utf-8").close()
        self.wait_stuck(daemon, (hung,), "has not come back")
        self.show_cycles_go_on(daemon, other)
        self.assertEqual(daemon.state_of(hung), "stuck")
        os.unlink(locked)
        self.wait_back(daemon, (hung, other))

    def test_libvirtd_killed_between_two_calls_of_a_job(self):
        guest = self.guest("ded1", vcpus=1, iothreads=1, start=False)
        daemon = self.preloaded()
        libvirtd = harness.HOST.processes["libvirtd"]
        with open(os.path.join(daemon.folder, "between"), "w", encoding="utf-8") as script:
            script.write(f"kill -9 {libvirtd.pid}\n")
        guest.start()
        libvirtd.wait(60)
        harness.HOST.start_libvirtd()
        self.wait_all_on(guest, {1})
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(daemon.ctl("verify").returncode, 0)
        daemon.ctl("restore", guest.name)
        self.assertTrue(guest.all_on(ALL))

    def test_exit_75_once_all_workers_hang(self):
        guest = self.guest("ded1")
        for i in range(40):
            self.guest(f"hang{i}", start=False)
        daemon = self.daemon(DEDICATED, start=False)
        daemon.program = "vmtuned-hanging"
        hang = os.path.join(daemon.folder, "hang")
        daemon.start(environment={"VMTUNED_TEST_HANG": hang})
        self.wait_state(daemon, guest, "as-planned")
        query = "SELECT knob, instance, plane, original, written FROM original ORDER BY 1, 2, 3, 4"
        before = daemon.record(query)
        self.assertTrue(before)
        open(hang, "w", encoding="utf-8").close()
        daemon.send(signal.SIGHUP)
        self.assertEqual(daemon.process.wait(PATIENCE), 75)  # systemd starts it again
        self.assertIn("all workers hang", daemon.log_text())
        self.assertTrue(guest.all_on({1}))
        self.assertEqual(daemon.record(query), before)
        daemon.program = "vmtuned"
        daemon.start()
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(daemon.status(guest)["writes"], 0)
        daemon.ctl("restore", guest.name)
        self.assertTrue(guest.all_on(ALL))
