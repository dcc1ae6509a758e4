"""A private libvirtd with QEMU guests, the daemon under test, and the truth read from /proc and
cgroup files by the test itself (never from vmtuned's own output)."""

import glob
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import unittest
import uuid as uuid_module

from truth import TIMEOUT, RunningGuest, read, run, virsh, wait_for, write

BUILD = os.environ["BUILD_DIR"]
HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
HOST = None


def figure(text):
    """What was tried, for the sum of a runner."""
    print(f"figure: {text}", flush=True)


class Host:
    """Everything that is mounted or started here ends with the namespaces."""

    COVERED = ("/run", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt")

    def __init__(self):
        self.processes = {}
        self.cgroups_before = set(glob.glob("/sys/fs/cgroup/*/machine"))
        self.scratch = None

    def cover(self, path, keep=False):
        """An empty (or copied) private directory in place of path."""
        with tempfile.TemporaryDirectory() as copy:
            if keep and os.path.isdir(path):
                shutil.copytree(path, copy, symlinks=True, dirs_exist_ok=True)
            os.makedirs(path, exist_ok=True)
            run("mount", "-t", "tmpfs", "tmpfs", path)
            if keep:
                shutil.copytree(copy, path, symlinks=True, dirs_exist_ok=True)

    def start(self):
        run("ip", "link", "set", "lo", "up")
        for path in self.COVERED:
            self.cover(path)
        self.cover("/etc/libvirt", keep=True)
        self.cover("/etc/dbus-1", keep=True)
        self.scratch = "/run/vmtuned-test"
        os.makedirs(self.scratch, mode=0o755)
        os.makedirs("/run/dbus")
        os.makedirs("/etc/dbus-1/system.d", exist_ok=True)
        shutil.copy(os.path.join(REPO, "conf/org.vmtuned1.conf"), "/etc/dbus-1/system.d/")
        for path in glob.glob("/etc/libvirt/qemu/*.xml") + glob.glob("/etc/libvirt/qemu/networks"):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        with open("/etc/libvirt/qemu.conf", "a", encoding="utf-8") as file:
            file.write('\nsecurity_driver = "none"\nremember_owner = 0\n')
        if os.path.exists("/dev/kvm"):
            # libvirt's probe of a KVM that is there but slow would take a minute; of one that QEMU's
            # user may open but is none, libvirt asks again at every turn
            closed = os.path.join(self.scratch, "no-kvm")
            os.mknod(closed, stat.S_IFCHR, os.makedev(1, 3))
            run("mount", "--bind", closed, "/dev/kvm")
        os.makedirs("/dev/hugepages", exist_ok=True)  # libvirtd looks for it when it starts
        run("mount", "-t", "hugetlbfs", "hugetlbfs", "/dev/hugepages")
        self.spawn("dbus-daemon", "dbus-daemon", "--system", "--nofork", "--nopidfile")
        wait_for("dbus", lambda: os.path.exists("/run/dbus/system_bus_socket"))
        self.spawn("virtlogd", "virtlogd")
        self.start_libvirtd()

    def spawn(self, name, *argv):
        log = open(f"/run/vmtuned-test/{name}.log", "ab")  # closed with the process table
        # Ctrl-C is not for them: stop() needs libvirtd
        self.processes[name] = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, start_new_session=True)

    def start_libvirtd(self):
        self.spawn("libvirtd", "libvirtd")
        wait_for("libvirtd", lambda: virsh("list", check=False).returncode == 0)

    def stop_process(self, name):
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self):
        for name in virsh("list", "--name", check=False).stdout.split():
            virsh("destroy", name, check=False)
        for name in reversed(list(self.processes)):
            self.stop_process(name)
        for path in set(glob.glob("/sys/fs/cgroup/*/machine")) - self.cgroups_before:
            for folder, _, _ in os.walk(path, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # somebody else's guests moved in


def power_image(name):
    """A disk with the program of power.S, for a guest that obeys its power button."""
    boot = os.path.join(BUILD, "power.bin")
    run("gcc", "-m32", "-nostdlib", "-static", "-Wl,--oformat=binary,-Ttext=0x7c00,--build-id=none", "-o", boot,
        os.path.join(HERE, "power.S"))
    path = os.path.join(HOST.scratch, f"{name}.img")
    with open(path, "wb") as image, open(boot, "rb") as sector:
        image.write(sector.read().ljust(1 << 20, b"\0"))
    return path


def preload(source, *libraries):
    """The library of a source file of this folder, to put in front of others."""
    path = os.path.join(BUILD, f"{source}.so")
    run("gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path, os.path.join(HERE, f"{source}.c"),
        *(f"-l{library}" for library in libraries))
    return path


class Guest(RunningGuest):
    """A guest of the private libvirtd: no disk, no network but those in devices, its firmware idles."""

    def __init__(self, name, vcpus=1, current=None, iothreads=0, cputune="", extra="",
                 numatune="", title="", emulator="/usr/bin/qemu-system-x86_64", transient=False,
                 start=True, devices="", cells="", memory_mib=32):
        super().__init__(name)
        self.uuid = str(uuid_module.uuid4())
        current_text = f" current='{current}'" if current else ""
        self.xml = f"""<domain type='qemu'><name>{name}</name><uuid>{self.uuid}</uuid>
<title>{title or name}</title>{extra}<memory unit='MiB'>{memory_mib}</memory>
<vcpu{current_text}>{vcpus}</vcpu><iothreads>{iothreads}</iothreads>
<cputune>{cputune}</cputune>{numatune}
<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
<cpu mode='custom'><model>qemu64</model>{cells}</cpu>
<devices><emulator>{emulator}</emulator><controller type='usb' model='none'/>
<memballoon model='none'/>{devices}</devices></domain>"""
        path = os.path.join(HOST.scratch, f"{name}.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.xml)
        if transient:
            virsh("create", path)
            return
        virsh("define", path)
        if start:
            self.start()


class Daemon:
    """vmtuned under test, with its own policy and state."""

    def __init__(self, policy, interval="1s", mode="enforce", extra=(), prefix=()):
        self.folder = tempfile.mkdtemp(dir=HOST.scratch)
        self.state = os.path.join(self.folder, "state")
        self.policy = os.path.join(self.folder, "policy.yaml")
        self.interval, self.mode, self.extra = interval, mode, tuple(extra)
        self.program = "vmtuned"
        self.prefix = tuple(prefix)  # a program that starts it
        self.process = None
        self.log = None
        self.write_policy(policy)

    def write_policy(self, text, mode=None):
        self.mode = mode or self.mode
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(f"version: 1\nmode: {self.mode}\ninterval: {self.interval}\n{text}\n")

    def argv(self, *more):
        return (*self.prefix, os.path.join(BUILD, self.program), "--policy", self.policy, "--state-dir", self.state,
                *self.extra, *more)

    def start(self, ready=True, environment=None):
        self.log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(self.argv(), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env={**os.environ, **(environment or {})})
        if ready:
            wait_for("the daemon's first cycle", self.has_cycled)

    def start_preloaded(self, library):
        """With a library of preload(), which goes by files in the daemon's folder."""
        self.start(environment={"LD_PRELOAD": library, "VMTUNED_TEST_FOLDER": self.folder})

    def has_cycled(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended: {self.log_text()}")
        return self.cycles() > 0

    def cycles(self):
        done = self.ctl("status", "--json", check=False)
        return json.loads(done.stdout)["daemon"]["cycles"] if done.returncode in (0, 1, 3) else 0

    def wait_cycles(self, n, timeout=TIMEOUT):
        """So many whole cycles from now: whatever was to be done is."""
        end = self.cycles() + n
        wait_for(f"{n} cycles", lambda: self.cycles() >= end, timeout)

    def connected(self):
        return self.json("status", check=False)["daemon"]["connected"]

    def log_text(self):
        return read(os.path.join(self.folder, "log"))

    def ctl(self, *argv, check=True):
        return run(os.path.join(BUILD, "vmtuned-ctl"), *argv, check=check)

    def ask(self, *argv, **options):
        """As ctl(), but does not wait for the answer."""
        return subprocess.Popen((os.path.join(BUILD, "vmtuned-ctl"), *argv), **options)

    def json(self, *argv, check=True):
        return json.loads(self.ctl(*argv, "--json", check=check).stdout)

    def status(self, guest):
        return next(entry for entry in self.json("status", check=False)["guests"] if entry["name"] == guest.name)

    def state_of(self, guest):
        return self.status(guest)["state"]

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(20)
        code = self.process.returncode if self.process else None
        self.process = None
        return code

    def record(self, query, *arguments):
        """A question to the record, read beside the daemon."""
        connection = sqlite3.connect(f"file:{self.state}/record.db?mode=ro", uri=True)
        try:
            return connection.execute(query, arguments).fetchall()
        finally:
            connection.close()


class Frozen:
    """The daemon stopped while the test makes drift, so that it can be seen before the repair."""

    def __init__(self, daemon):
        self.daemon = daemon

    def __enter__(self):
        self.daemon.send(signal.SIGSTOP)

    def __exit__(self, *_):
        self.daemon.send(signal.SIGCONT)


class Case(unittest.TestCase):
    def run(self, result=None):
        try:
            return super().run(result)
        except KeyboardInterrupt:
            self.doCleanups()  # unittest does so for all but that
            raise

    def setUp(self):
        self.made = []

    def tearDown(self):
        failed = self._outcome and any(error for _, error in getattr(self._outcome, "errors", []))
        daemons = [thing for thing in self.made if isinstance(thing, Daemon)]
        for daemon in daemons:
            daemon.stop()
            if failed or not self._outcome.success:
                print(f"--- log of the daemon ---\n{daemon.log_text()}\n---")
        for guest in (thing for thing in self.made if isinstance(thing, Guest)):
            guest.destroy()
            guest.undefine()

    def preserve(self, path):
        """Its text, which it has again after the test, however that ends."""
        before = read(path)
        self.addCleanup(lambda: read(path) == before or write(path, before))
        return before

    def guest(self, name, **options):
        guest = Guest(name, **options)
        self.made.append(guest)
        return guest

    def daemon(self, policy, start=True, **options):
        daemon = Daemon(policy, **options)
        self.made.append(daemon)
        if start:
            daemon.start()
        return daemon

    def wait_all_on(self, guest, wanted):
        try:
            wait_for(f"{guest.name} on {wanted}", lambda: guest.all_on(wanted))
        except AssertionError as error:
            seen = {thread.comm: sorted(thread.cpus) for thread in guest.threads()}
            raise AssertionError(f"{error}; threads: {seen}") from None

    def wait_state(self, daemon, guest, state):
        try:
            wait_for(f"{guest.name} is {state}", lambda: daemon.state_of(guest) == state)
        except AssertionError as error:
            raise AssertionError(f"{error}; status: {daemon.status(guest)}") from None
