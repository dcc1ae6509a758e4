# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a case has: the host with vmtuned as its unit, guests, and the truth from /proc, cgroup files
and sysfs."""

import concurrent.futures
import contextlib
import difflib
import glob
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid

from monitor import monitoring
from truth import RunningGuest, Thread, cpus, read, run, virsh, wait_for, write

PORT = "/dev/virtio-ports/lab"
POLICY = "/etc/vmtuned/policy.yaml"
STATE = "/var/lib/vmtuned"
DROP_INS = "/run/systemd/system/vmtuned.service.d"
TIMEOUT = 120  # seconds; the emulated host is slow
BUSY = "/run/lab/busy.elf"
PLANNED = ("as-planned", "cold-pending")
# A guest is placed where its memory is, which without a numatune is luck: on node 0 there is little room.
MEMORY_EVERYWHERE = ("interleave", "0-3")  # of amd-4node
DB1 = {"name": "db1", "vcpus": 2, "nic": True, "iothreads": 1, "numatune": ("strict", "3")}
TRIO = (DB1, {"name": "db2", "vcpus": 2, "nic": True, "numatune": MEMORY_EVERYWHERE},
        {"name": "web1", "vcpus": 2})

_port = open(PORT, "wb", buffering=0)  # once: opened again too soon, a write to it never ends


def tell(text):
    _port.write((text + "\n").encode())


def all_online():
    for path in glob.glob("/sys/devices/system/cpu/cpu[1-9]*/online"):
        if read(path) == "0":
            write(path, "1")


def prepare(kind):
    """Once after boot: what guests need of the host."""
    kvm = "kvm_amd" if " svm " in read("/proc/cpuinfo") else "kvm_intel"
    for module in ([kvm] if kind == "kvm" else []) + ["vhost_net", "tun"]:
        run("modprobe", module)
    run("ip", "link", "set", "lo", "up")
    all_online()  # see maxcpus in machine.py
    wait_for("libvirtd", lambda: virsh("list", check=False).returncode == 0, TIMEOUT)


class Guest(RunningGuest):
    """A guest whose vCPUs work a little all the time (guest/busy.S). numatune: mode and nodes."""

    def __init__(self, kind, name, vcpus=1, mib=48, iothreads=0, nic=False, backing="", numatune=None):
        super().__init__(name)
        network = ("<interface type='ethernet'><model type='virtio'/><driver name='vhost'/></interface>"
                   if nic else "")
        # libvirt writes their ids into the definition with the first pin: given from the start
        ids = "".join(f"<iothread id='{number + 1}'/>" for number in range(iothreads))
        memory = "<numatune><memory mode='%s' nodeset='%s'/></numatune>" % numatune if numatune else ""
        self.path = f"/run/lab/{name}.xml"
        self.xml = f"""<domain type='{kind}'><name>{name}</name>
<uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}</uuid><memory unit='MiB'>{mib}</memory>{backing}
<vcpu>{vcpus}</vcpu><iothreads>{iothreads}</iothreads><iothreadids>{ids}</iothreadids>{memory}
<os><type arch='x86_64' machine='q35'>hvm</type><kernel>{BUSY}</kernel></os>
<features><acpi/><apic/></features><cpu mode='custom'><model>qemu64</model></cpu>
<devices><controller type='usb' model='none'/><memballoon model='none'/>{network}</devices></domain>"""

    def ensure(self):
        """Running with this definition; one that another case left is taken as it is."""
        if os.path.exists(self.path):
            if read(self.path) == self.xml and self.running():
                return
            self.remove()
        self.define()
        self.start()

    def define(self):
        write(self.path, self.xml)
        virsh("define", self.path)
        write(self.path + ".defined", self.config_xml())

    def running(self):
        return os.path.exists(f"/run/libvirt/qemu/{self.name}.pid")

    def config_xml(self):
        """libvirt's own file: a look at it costs nothing."""
        return read(f"/etc/libvirt/qemu/{self.name}.xml")

    def restart(self):
        self.destroy(check=True)
        self.start()

    def as_defined(self):
        return self.config_xml() == read(self.path + ".defined")

    def difference(self):
        return "\n".join(difflib.unified_diff(read(self.path + ".defined").splitlines(),
                                              self.config_xml().splitlines(), lineterm="", n=0))

    def remove(self):
        self.destroy()
        self.undefine()
        os.unlink(self.path)

    def emulator_threads(self):
        """QEMU's own: no vCPU, IOThread or vhost worker."""
        return [thread for thread in self.threads()
                if not thread.comm.startswith(("CPU ", "IO ", "vhost-", "kvm-"))]

    def vhost_threads(self):
        """Threads of QEMU, or up to kernel 6.3 the kernel's, named after QEMU."""
        name = f"vhost-{self.pid}"
        found = [thread for thread in self.threads() if thread.comm == name]
        for path in glob.glob("/proc/[0-9]*/comm"):
            try:
                if read(path) == name:
                    pid = int(path.split("/")[2])
                    found.append(Thread(pid, pid))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def vcpu_cpus(self):
        """The CPUs of all its vCPUs, one set each."""
        return [thread.cpus for thread in self.threads() if thread.comm.startswith("CPU ")]

    def memory(self):
        """node → MiB of anonymous memory and huge pages, from numa_maps."""
        nodes = {}
        for line in read(f"/proc/{self.pid}/numa_maps").splitlines():
            size = re.search(r"kernelpagesize_kB=(\d+)", line)
            if "anon=" not in line and "huge" not in line:
                continue
            for node, pages in re.findall(r" N(\d+)=(\d+)", line):
                nodes[int(node)] = nodes.get(int(node), 0) + int(pages) * int(size.group(1)) / 1024
        return nodes

    def mostly_on(self, node):
        memory = self.memory()
        return bool(memory) and memory.get(node, 0) >= 0.99 * sum(memory.values())

    def masks(self):
        """Everything that pins it: of each thread, and each cpuset as it takes effect."""
        threads = {(thread.tid, tuple(sorted(thread.cpus)))
                   for thread in self.threads() + self.vhost_threads()}
        files = glob.glob(self.cgroup("cpuset") + "*/cpuset.[cm][pe][um]s.effective")
        return threads | {(path, read(path)) for path in files}


class Host:
    """The host and its vmtuned. reset() is the state each case finds."""

    def __init__(self, kind):
        self.kind = kind
        self.since = time.time()

    # --- guests ---

    def guests(self, *definitions):
        """Running guests, started at the same time."""
        guests = [Guest(self.kind, **definition) for definition in definitions]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Guest.ensure, guests))
        return guests

    def guest_off(self, **definition):
        """Defined, to start with the host, and not running."""
        guest = Guest(self.kind, **definition)
        guest.define()
        virsh("autostart", guest.name)
        return guest

    def trio(self):
        """Two guests for databases and one for the web: what most cases need. Starting them takes
        long, so they stay for the next case."""
        return self.guests(*TRIO)

    def remove_guests(self):
        for path in glob.glob("/run/lab/*.xml"):
            Guest(self.kind, os.path.basename(path)[:-4]).remove()

    @staticmethod
    def node_cpus(node):
        return cpus(read(f"/sys/devices/system/node/node{node}/cpulist"))

    @staticmethod
    def nodes():
        return cpus(read("/sys/devices/system/node/online"))

    @staticmethod
    def nodes_of(cpu_set):
        return {node for node in Host.nodes() if Host.node_cpus(node) & set(cpu_set)}

    @staticmethod
    def set_online(cpu, online):
        write(f"/sys/devices/system/cpu/cpu{cpu}/online", "1" if online else "0")

    @staticmethod
    def huge_pages(node, count):
        path = f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"
        write(path, str(count))
        assert int(read(path)) == count, f"node {node} has {read(path)} huge pages, not {count}"

    @staticmethod
    def pool_of(node):
        """Huge pages of 2 MiB on a node."""
        return int(read(f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"))

    @staticmethod
    def free_huge_pages(node):
        return int(read(f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/free_hugepages"))

    @staticmethod
    def mems(guest, leaf):
        return cpus(read(guest.cgroup("cpuset", leaf) + "/cpuset.mems"))

    @staticmethod
    def leader(tid):
        """The process that a thread belongs to."""
        return int(re.search(r"^Tgid:\s+(\d+)", read(f"/proc/{tid}/status"), re.MULTILINE).group(1))

    # --- vmtuned ---

    @staticmethod
    def policy(text, mode="enforce"):
        write(POLICY, f"version: 1\nmode: {mode}\ninterval: 5s\n{text}\n")

    def start(self, text):
        """vmtuned with this policy, after its first cycle."""
        self.policy(text)
        run("systemctl", "start", "vmtuned")
        self.wait_cycle()

    def cycles(self):
        return self.status()["daemon"]["cycles"]

    def wait_cycle(self, after=0):
        self.wait(f"cycle {after + 1}", lambda: self.cycles() > after)

    @staticmethod
    def ctl(*argv, check=True):
        return run("vmtuned-ctl", *argv, check=check)

    def status(self):
        done = self.ctl("status", "--json", check=False)
        return json.loads(done.stdout) if done.stdout else {"daemon": {"cycles": 0}, "guests": []}

    def entry(self, guest):
        """What status says of it."""
        return next((entry for entry in self.status()["guests"] if entry["name"] == guest.name), {})

    def planned(self):
        """The plan as it is now."""
        return json.loads(self.ctl("plan", "--json", check=False).stdout)

    def pool(self):
        return cpus(self.planned()["host"]["shared"])

    def at_home(self, guest, pool):
        """Those of the pool that the guest may use: on the node that is its home, else all."""
        entry = next(entry for entry in self.planned()["guests"] if entry["name"] == guest.name)
        return pool if entry["home"] is None else pool & self.node_cpus(entry["home"])

    def state(self, guest):
        return self.entry(guest).get("state")

    def wait_state(self, guest, state):
        self.wait(f"{guest.name} is {state}", lambda: self.state(guest) == state)

    def wait_planned(self, *guests):
        """Where its memory came to be is luck, and so is whether its next start is to have it elsewhere."""
        for guest in guests:
            self.wait(f"{guest.name} is as planned", lambda guest=guest: self.state(guest) in PLANNED)

    def wait_right(self):
        self.wait("verify finds all right", lambda: self.ctl("verify", check=False).returncode == 0)

    @staticmethod
    def unit(name):
        """A property of the unit."""
        return run("systemctl", "show", "-P", name, "vmtuned").stdout.strip()

    @staticmethod
    def unit_drop_in(text):
        os.makedirs(DROP_INS)
        write(f"{DROP_INS}/lab.conf", text)
        run("systemctl", "daemon-reload")

    @contextlib.contextmanager
    def frozen(self):
        """vmtuned stopped while drift is made, so that it can be seen before the repair."""
        pid = int(self.unit("MainPID"))
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @staticmethod
    def record(query):
        """A question to the record, read beside the daemon."""
        with contextlib.closing(sqlite3.connect(f"file:{STATE}/record.db?mode=ro", uri=True)) as record:
            return record.execute(query).fetchall()

    @staticmethod
    def hearing():
        """What vmtuned tells on the bus from now on; it runs."""
        return monitoring("/run/lab/signals")

    def journal(self, text):
        """Lines of vmtuned's journal of this case that hold text."""
        done = run("journalctl", f"--since=@{self.since:.6f}", "-u", "vmtuned", "-o", "cat", "--no-pager")
        return [line for line in done.stdout.splitlines() if text in line]

    @staticmethod
    def wait(what, condition):
        return wait_for(what, condition, TIMEOUT, 0.3)

    @staticmethod
    def note(text):
        """Printed with the results, also when all is well."""
        for line in text.splitlines():
            tell(f"note {line}")

    # --- the host itself ---

    def power_cut(self):
        """Never comes back: after_power_cut() of the case goes on after the next boot."""
        sys.stdout.flush()
        tell("cut")
        wait_for("the power cut", lambda: False, TIMEOUT)

    def show(self):
        """The evidence when a case failed or hung."""
        for argv in (("vmtuned-ctl", "status"), ("virsh", "list", "--all"),
                     ("journalctl", "-b", "-u", "vmtuned", "-n", "40", "--no-pager")):
            print(f"--- {' '.join(argv)}")
            try:
                done = run(*argv, check=False, timeout=15)
                print(done.stdout + done.stderr)
            except subprocess.TimeoutExpired:
                print("no answer")

    def reset(self):
        """What a case did is undone, by restore too: guests have all CPUs and the definitions from
        before, or something is wrong with restore."""
        all_online()
        run("systemctl", "stop", "vmtuned")
        run("systemctl", "reset-failed", "vmtuned", check=False)
        if os.path.isdir(DROP_INS):
            shutil.rmtree(DROP_INS)
            run("systemctl", "daemon-reload")
        if os.path.isdir("/run/systemd/system.control/machine.slice.d"):
            online = read("/sys/devices/system/cpu/online")  # reverting alone writes no cgroup file
            run("systemctl", "set-property", "--runtime", "machine.slice", f"AllowedCPUs={online}")
            run("systemctl", "revert", "machine.slice")
        restored = run("vmtuned", "--restore", check=False)
        for path in glob.glob(f"{STATE}/*"):
            os.unlink(path)
        self.policy("", mode="observe")
        wrong = self.settle_guests()
        for path in glob.glob("/sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages"):
            write(path, "0")
        assert not wrong, f"after restore: {wrong}\n{restored.stdout}{restored.stderr}"

    def settle_guests(self):
        """Guests that are not as they were: told, and ended. Those of another boot go."""
        online = cpus(read("/sys/devices/system/cpu/online"))
        for path in glob.glob("/etc/libvirt/qemu/*.xml"):
            if not os.path.exists(f"/run/lab/{os.path.basename(path)}"):
                Guest(self.kind, os.path.basename(path)[:-4]).undefine()
        wrong = []
        for path in glob.glob("/run/lab/*.xml"):
            guest = Guest(self.kind, os.path.basename(path)[:-4])
            if not guest.as_defined():
                wrong.append(f"{guest.name}: another definition: {guest.difference()}")
            elif guest.running():
                threads = guest.threads() + guest.vhost_threads()
                wrong += [f"{guest.name}: {thread.comm} on {thread.cpus}" for thread in threads
                          if thread.cpus != online]
            if wrong or guest.name not in [definition["name"] for definition in TRIO]:
                guest.remove()
        return wrong
