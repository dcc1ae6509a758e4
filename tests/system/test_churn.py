"""Guests come, go and are changed at random by everybody, for a long time: at rest all is as planned, by
the tests' own reading, and vmtuned has not grown.

VMTUNED_SEED and VMTUNED_COUNT (actions) choose what happens."""

import collections
import os
import random
import re
import sqlite3

import harness
from harness import Case
from truth import Thread, cpus, read, run, taskset, virsh, wait_for

POLICY = """host: {cpu_overcommit: 64}
guests:
- {match: {name: 'ded*'}, cpu: {policy: dedicated}}
- {match: {name: 'own*'}, cpu: {emulator: '0', weight: 300}}
"""
NAMES = ("ded1", "ded2", "own1", "own2", "own3", *(f"web{number}" for number in range(1, 7)))
COUNT = 240
ROUND = 30        # actions; then all comes to rest
REST = 120        # seconds until rest at the latest: an emulated machine is slow
RSS_KIB = 2048    # of anonymous memory: pages of the record that SQLite keeps, free memory between used
SAME_WARNING = 10 # actions for each time the same is told, at least: not once in every cycle
HISTORY = 10000   # entries that the record keeps


class Slot(harness.Guest):
    """One guest of the churn, through its lives: defined, undefined and renamed as it comes."""

    def __init__(self, name, devices):
        super().__init__(name, vcpus=2, current=1, start=False, iothreads=1, devices=devices)

    def running(self):
        return os.path.exists(f"/run/libvirt/qemu/{self.name}.pid")

    def defined(self):
        return os.path.exists(f"/etc/libvirt/qemu/{self.name}.xml")

    def define(self):
        text = re.sub("<(name|title)>.*?<", rf"<\1>{self.name}<", self.xml)
        path = os.path.join(harness.HOST.scratch, "churn.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return virsh("define", path, check=False)


class Churn(Case):
    def setUp(self):
        super().setUp()
        self.random = None
        self.slots = []
        self.counts = collections.Counter()
        self.serial = 0

    # --- actions: each gets a guest of the kind its row below names ---

    def some_cpus(self):
        online = sorted(cpus(read("/sys/devices/system/cpu/online")))
        return ",".join(map(str, self.random.sample(online, self.random.randint(1, len(online)))))

    def some_leaf(self, guest):
        base = guest.cgroup("cpuset")
        return self.random.choice([name for name in sorted(os.listdir(base)) if os.path.isdir(base + name)])

    def attach_nic(self, guest):
        path = os.path.join(harness.HOST.scratch, "nic.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<interface type='ethernet'><model type='virtio'/></interface>")
        return virsh("attach-device", guest.name, path, "--live", check=False)

    def add_iothread(self, guest):
        self.serial += 1
        return virsh("iothreadadd", guest.name, str(1 + self.serial), "--live", check=False)

    def del_iothread(self, guest):
        ids = re.findall(r"iothread(\d+)", " ".join(os.listdir(guest.cgroup("cpuset"))))
        return virsh("iothreaddel", guest.name, self.random.choice(ids), "--live", check=False) if ids else None

    def rename(self, guest):
        self.serial += 1
        old = guest.name
        guest.name = f"{re.match('[a-z]+', self.random.choice(NAMES)).group()}-{self.serial}"
        return virsh("domrename", old, guest.name)

    def pin(self, guest):
        which = self.random.choice((("vcpupin", "0"), ("emulatorpin",), ("iothreadpin", "1")))
        return virsh(which[0], guest.name, *which[1:], self.some_cpus(), "--live", check=False)

    def pin_threads(self, guest):
        for thread in self.random.sample(guest.threads(), 2):
            taskset(thread.tid, self.some_cpus())

    def write_cpuset(self, guest):
        guest.set_cpuset(self.some_leaf(guest), self.some_cpus())

    ACTIONS = (  # weight, name, which guests, what
        (6, "start", "off", lambda self, guest: virsh("start", guest.name, check=False)),
        (2, "destroy", "running", lambda self, guest: virsh("destroy", guest.name, check=False)),
        (2, "shutdown", "running", lambda self, guest: virsh("shutdown", guest.name, check=False)),
        (3, "define", "gone", lambda self, guest: guest.define()),
        (1, "undefine", "defined", lambda self, guest: virsh("undefine", guest.name, check=False)),
        (1, "rename", "off", rename),
        (2, "suspend", "running", lambda self, guest: virsh("suspend", guest.name, check=False)),
        (3, "resume", "running", lambda self, guest: virsh("resume", guest.name, check=False)),
        (2, "plug vcpu", "running", lambda self, guest: virsh("setvcpus", guest.name, "2", "--live", check=False)),
        (1, "plug nic", "running", attach_nic),
        (2, "add iothread", "running", add_iothread),
        (2, "del iothread", "running", del_iothread),
        (4, "virsh pin", "running", pin),
        (4, "taskset", "running", pin_threads),
        (3, "cgroup write", "running", write_cpuset),
        (1, "weight", "running", lambda self, guest: virsh(
            "schedinfo", guest.name, "--live", f"cpu_shares={self.random.randint(10, 2000)}", check=False)),
    )

    def act(self):
        _, name, kind, what = self.random.choices(self.ACTIONS, [row[0] for row in self.ACTIONS])[0]
        fits = {"running": Slot.running, "defined": Slot.defined,
                "off": lambda slot: slot.defined() and not slot.running(),
                "gone": lambda slot: not slot.defined() and not slot.running()}[kind]
        guests = [slot for slot in self.slots if fits(slot)]
        if not guests:
            return
        try:
            done = what(self, self.random.choice(guests))
            refused = done is not None and done.returncode != 0
        except (OSError, AssertionError):  # the guest went while it was changed
            refused = True
        self.counts[name + (" refused" if refused else "")] += 1

    # --- at rest ---

    @staticmethod
    def thread_wanted(entry, leaf, shared):
        """Where the plan has the threads of one cgroup; None: it has no say."""
        if entry["result"] == "unmanaged":
            return None
        if entry["result"] == "refused":
            return shared
        rows = {"vcpu": entry["vcpus"], "iothread": entry["iothreads"]}
        kind, number = re.fullmatch(r"([a-z]+)(\d*)", leaf).groups()
        if kind == "emulator":
            return cpus(entry["emulator"])
        return next((cpus(row["cpus"]) for row in rows[kind] if row["id"] == int(number)), None)

    def wrong_threads(self, plan):
        """Threads that may run where they should not."""
        wrong = []
        shared = cpus(plan["host"]["shared"])
        entries = {entry["uuid"]: entry for entry in plan["guests"]}
        exclusive = {uuid: cpus(entry["exclusive"]) for uuid, entry in entries.items()}
        for slot in filter(Slot.running, self.slots):
            entry = entries.get(slot.uuid)
            if not entry:
                wrong.append(f"{slot.name} is in no plan")
                continue
            taken = set().union(*(own for uuid, own in exclusive.items() if uuid != slot.uuid))
            base = slot.cgroup("cpuset")
            for leaf in filter(lambda name: os.path.isdir(base + name), os.listdir(base)):
                wanted = self.thread_wanted(entry, leaf, shared)
                for tid in map(int, read(f"{base}{leaf}/tasks" if os.path.exists(f"{base}{leaf}/tasks")
                                         else f"{base}{leaf}/cgroup.threads").split()):
                    thread = Thread(slot.pid, tid)
                    if wanted is not None and thread.cpus != wanted or thread.cpus & taken and wanted is not None:
                        wrong.append(f"{slot.name}: {leaf} {thread.comm} on {thread.cpus}, not {wanted}")
        return wrong

    def disorder(self, daemon):
        """What is not as it should be at rest, in words."""
        status = {entry["uuid"]: entry for entry in daemon.json("status", check=False)["guests"]}
        plan = daemon.json("plan", check=False)
        wrong = []
        for slot in self.slots:
            entry = status.pop(slot.uuid, None)
            if slot.running() or slot.defined():
                state = entry["state"] if entry else "missed"
                expected = ("as-planned", "refused", "unmanaged") if slot.running() else ("off",)
                if state not in expected or entry["name"] != slot.name:
                    wrong.append(f"{slot.name} is {state} ({entry and (entry['name'], entry['text'])})")
            elif entry:
                wrong.append(f"{slot.name} is gone, and {entry['state']}")
        wrong += [f"nobody knows {entry['name']}" for entry in status.values()]
        try:
            wrong += self.wrong_threads(plan)
        except (OSError, AssertionError) as error:
            wrong.append(f"a guest ended: {error}")
        wrong += self.stale_records(daemon)
        return wrong

    def stale_records(self, daemon):
        """Of the record: what belongs to processes that ended."""
        alive = {(slot.uuid, slot.pid) for slot in self.slots if slot.running()}
        try:
            rows = {tuple(row) for table in ("original", "process")
                    for row in daemon.record(f"SELECT DISTINCT uuid, pid FROM {table} WHERE pid<>0")}
        except sqlite3.OperationalError as error:
            return [f"the record: {error}"]
        return [f"the record has {uuid} {pid}" for uuid, pid in rows - alive]

    def wait_rest(self, daemon):
        """libvirt has no event for some of the changes: two whole looks see the last of them."""
        left = []
        daemon.ctl("resume", check=False)  # nobody here is a rival to give way to

        def at_rest():
            daemon.ctl("verify", check=False)
            left[:] = self.disorder(daemon)
            return not left

        try:
            wait_for("rest", at_rest, REST, 0.3)
        except AssertionError as error:
            raise AssertionError(f"{error}: " + "\n".join(left)) from None

    def sample(self, daemon):
        pid = daemon.process.pid
        status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
        clients = run("virt-admin", "-c", "libvirtd:///system", "srv-clients-list", "libvirtd").stdout
        return {"rss_kib": int(status["RssAnon"].split()[0]), "threads": int(status["Threads"]),
                "fds": len(os.listdir(f"/proc/{pid}/fd")) - 2 * sum(map(Slot.running, self.slots)),  # its quick pass
                "clients": len(clients.splitlines()[2:]),
                "history": daemon.record("SELECT count(*) FROM history")[0][0]}

    def judge_samples(self, samples):
        """Once it has warmed up, in the first quarter, it has all that it keeps for good."""
        samples = samples[len(samples) // 4:]
        first, second = samples[:len(samples) // 2], samples[len(samples) // 2:]
        for what, allowance in (("rss_kib", RSS_KIB), ("threads", 0), ("fds", 0), ("clients", 0)):
            before, after = (max(sample[what] for sample in half) for half in (first, second))
            self.assertLessEqual(after, before + allowance, f"{what} grows: {samples}")
        self.assertLessEqual(samples[-1]["history"], HISTORY)

    def judge_log(self, daemon, count):
        lines = collections.Counter(line for line in daemon.log_text().splitlines()
                                    if line.startswith(("warning:", "error:")))
        for line, times in lines.most_common(5):
            print(f"    {times} × {line}")
        self.assertFalse([line for line, times in lines.items() if times > count], "told over and over")

    def test_guests_that_come_go_and_are_changed_at_random(self):
        seed = int(os.environ.get("VMTUNED_SEED") or random.SystemRandom().randrange(1 << 32))
        count = int(os.environ.get("VMTUNED_COUNT") or COUNT)
        print(f"VMTUNED_SEED={seed} VMTUNED_COUNT={count}", flush=True)
        self.random = random.Random(seed)
        image = harness.power_image("churn")
        devices = f"""<controller type='pci' index='1' model='pcie-root-port'/>
<controller type='pci' index='2' model='pcie-root-port'/><disk type='file' device='disk'>
<driver name='qemu' type='raw'/><source file='{image}'/><target dev='vda' bus='virtio'/><shareable/></disk>
<video><model type='none'/></video>"""
        daemon = self.daemon(POLICY)
        self.slots = [Slot(name, devices) for name in NAMES]
        self.made += self.slots
        for slot in self.slots:
            slot.start()
        samples = []
        for _ in range(count // ROUND):
            for _ in range(ROUND):
                self.act()
            self.wait_rest(daemon)
            samples.append(self.sample(daemon))
            print(f"    {samples[-1]}", flush=True)
        print(f"    {dict(sorted(self.counts.items()))}", flush=True)
        self.judge_samples(samples)
        self.judge_log(daemon, count // SAME_WARNING)
        self.assertEqual(daemon.stop(), 0)
        harness.figure(f"{sum(self.counts.values())} random changes of up to {len(self.slots)} guests: {len(samples)} times "
                       f"all as planned at rest, none missed (VMTUNED_SEED={seed})")
