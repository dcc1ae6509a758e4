# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab from outside: flavours, roots and disks under build/lab/, and a host that runs.

A root is a Debian system as a tar, made once for a list of packages (it needs the package mirror).
A disk is that root with the package of vmtuned installed, made anew when that changed. A boot writes to an
overlay of its own. The host reads what it is for from a second disk, a tar; it tells how it goes
through a port, line by line, and leaves its logs on a third disk, a tar again.
"""

import configparser
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
LAB = os.path.join(os.environ.get("BUILD", os.path.join(REPO, "build")), "lab")
INSIDE = os.path.join(HERE, "inside")
BASELINE = "bookworm"  # of which release a host is when this machine is no Debian
DISK_SIZE = "3G"
RESULTS_MIB = 64
QEMU = "qemu-system-x86_64"
NO_ROOTS = "lab: it needs a Debian host with mmdebstrap, and this is none"
# tsc, hpet: a clock that costs no exit to the emulator; maxcpus: emulated CPUs wait for each other's
# locks, so the others go online after the boot; the rest shortens the boot.
COMMAND_LINE = ("root=/dev/vda rw console=ttyS0 quiet panic=-1 net.ifnames=0 apparmor=0 audit=0"
                " mitigations=off tsc=reliable clocksource=tsc no_timer_check cryptomgr.notests"
                " maxcpus=2 random.trust_cpu=on rcupdate.rcu_expedited=1")


def command(*argv, **options):
    """Runs argv quietly; its output is shown when it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\nlab: {' '.join(argv)}: exit {done.returncode}")
    return done.stdout


def say(text):
    print(text, flush=True)


def need_root():
    if os.geteuid() != 0:
        sys.exit("lab: needs root (sudo)")


def program(main):
    """Ends this program with what main returns; Ctrl-C does so without a traceback."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nlab: interrupted")


class Flavour:
    """A file of flavour/: the shape of a host."""

    def __init__(self, name):
        self.name = name
        parser = configparser.ConfigParser()
        if not parser.read(os.path.join(HERE, "flavour", name)):
            sys.exit(f"lab: no flavour '{name}'; there are: {' '.join(Flavour.names())}")
        host = parser["host"]
        self.release = self.own_release() if host["release"] == "host" else host["release"]
        self.cpu, self.smp, self.guests = host["cpu"], host["smp"], host["guests"]
        self.nodes = host["nodes"].split()
        self.memory_mib = host.getint("memory_mib")
        self.distances = [line.split() for line in host["distances"].strip().splitlines()]

    @staticmethod
    def names():
        return sorted(os.listdir(os.path.join(HERE, "flavour")))

    @staticmethod
    def own_release():
        """What is built here runs there."""
        with open("/etc/os-release", encoding="utf-8") as file:
            fields = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
        return fields["VERSION_CODENAME"] if fields.get("ID") == "debian" else BASELINE

    def accelerator(self):
        """KVM where this machine can run exactly this CPU, and guests in it where they are KVM's."""
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return "tcg,thread=multi"
        try:
            probe = subprocess.run(
                [QEMU, "-accel", "kvm", "-machine", "q35", "-cpu", f"{self.cpu},enforce",
                 "-display", "none", "-nodefaults", "-S", "-monitor", "stdio"],
                input="quit\n", text=True, capture_output=True, timeout=30, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return "tcg,thread=multi"
        return "kvm"

    def topology(self):
        argv = ["-smp", self.smp, "-m", f"{self.memory_mib * len(self.nodes)}M"]
        for node, cpus in enumerate(self.nodes):
            argv += ["-object", f"memory-backend-ram,id=m{node},size={self.memory_mib}M",
                     "-numa", f"node,nodeid={node},memdev=m{node}" + (f",cpus={cpus}" if cpus != "-" else "")]
        for source, row in enumerate(self.distances):
            for target, value in enumerate(row):
                if source != target:
                    argv += ["-numa", f"dist,src={source},dst={target},val={value}"]
        return argv


# --- roots and disks ---

def packages():
    with open(os.path.join(INSIDE, "packages"), encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def digest(*parts):
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part if isinstance(part, bytes) else part.encode())
        whole.update(b"\0")
    return whole.hexdigest()[:12]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def remove_others(pattern, keep):
    for path in glob.glob(os.path.join(LAB, pattern)):
        if path != keep:
            os.unlink(path)


def root_make(release):
    """The root's tar, made if it is not there. LAB_MIRROR names another mirror than Debian's."""
    hooks = [os.path.join(INSIDE, name) for name in ("early.sh", "customize.sh")]
    key = digest(release, *packages(), *map(content, hooks))
    path = os.path.join(LAB, f"root-{release}-{key}.tar")
    if os.path.exists(path):
        return path
    if not shutil.which("mmdebstrap"):
        sys.exit(NO_ROOTS)
    need_root()
    say(f"lab: making the {release} root (needs the package mirror)")
    os.makedirs(LAB, exist_ok=True)
    mirror = os.environ.get("LAB_MIRROR")
    command("mmdebstrap", "--variant=minbase", "--format=tar", f"--include={','.join(packages())}",
            f"--essential-hook={hooks[0]} \"$1\"", f"--customize-hook={hooks[1]} \"$1\"",
            release, path + ".new", *([mirror] if mirror else []))
    os.rename(path + ".new", path)
    remove_others(f"root-{release}-*.tar", path)
    return path


def deb_make():
    """The package of vmtuned, made by the Makefile if something in it changed."""
    if subprocess.run(["make", "-q", "deb"], cwd=REPO, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        say("lab: making the package")
    command("make", "deb", cwd=REPO)
    deb, = glob.glob(os.path.join(os.path.dirname(LAB), "deb", "vmtuned_*.deb"))
    return deb


def deb_install(deb, tree):
    """Off, as on a host without guests: cases and demo start it."""
    shutil.copy(deb, os.path.join(tree, "vmtuned.deb"))
    command("chroot", tree, "dpkg", "--install", "/vmtuned.deb")
    command("chroot", tree, "systemctl", "disable", "vmtuned")
    command("chroot", tree, "vmtuned", "--version")
    os.unlink(os.path.join(tree, "vmtuned.deb"))


def disk_make(release, deb):
    """Disk, kernel and initrd of a release with the package installed."""
    need_root()
    root = root_make(release)
    disk = os.path.join(LAB, f"disk-{release}-{digest(root, content(deb))}.img")
    kernel, initrd = disk + ".vmlinuz", disk + ".initrd"
    if not os.path.exists(disk):
        say(f"lab: making the {release} disk")
        remove_others("disk-*.img.new", None)
        with tempfile.TemporaryDirectory(dir=LAB) as tree:
            command("tar", "-C", tree, "-xf", root)
            deb_install(deb, tree)
            shutil.copy(glob.glob(f"{tree}/boot/vmlinuz-*")[0], kernel)
            shutil.copy(glob.glob(f"{tree}/boot/initrd.img-*")[0], initrd)
            command("truncate", "-s", DISK_SIZE, disk + ".new")
            command("mkfs.ext4", "-q", "-F", "-d", tree, disk + ".new")
            os.rename(disk + ".new", disk)
    for pattern, keep in (("*.img", disk), ("*.vmlinuz", kernel), ("*.initrd", initrd)):
        remove_others(f"disk-{release}-{pattern}", keep)
    return disk, kernel, initrd


def busy_make():
    """The guests' kernel."""
    source, path = os.path.join(HERE, "guest", "busy.S"), os.path.join(LAB, "busy.elf")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(source):
        command("gcc", "-m32", "-c", "-o", path + ".o", source)
        command("ld", "-m", "elf_i386", "-Ttext", "0x100000", "-o", path, path + ".o")
    return path


# --- a host ---

class Machine:
    """One host and its disk: booted, followed, and booted again from the same disk."""

    def __init__(self, flavour, folder):
        if not shutil.which(QEMU):
            sys.exit(f"lab: no {QEMU} here: sudo make setup")
        self.flavour, self.folder = flavour, folder
        self.process = self.port = None
        self.deb = deb_make()
        base, self.kernel, self.initrd = disk_make(flavour.release, self.deb)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.accelerator = flavour.accelerator()
        command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, self.path("disk"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _hand_in(self, job):
        with tarfile.open(self.path("in.tar"), "w") as tar:
            tar.add(busy_make(), "busy.elf")
            tar.add(self.deb, "vmtuned.deb")
            exporter, = glob.glob(os.path.join(os.path.dirname(self.deb), "vmtuned-exporter_*.deb"))
            tar.add(exporter, "vmtuned-exporter.deb")
            for folder in (INSIDE, os.path.join(HERE, "case"), os.path.join(REPO, "tests", "common")):
                for path in sorted(glob.glob(f"{folder}/*.py")):
                    tar.add(path, os.path.basename(path))
            with open(self.path("job"), "w", encoding="utf-8") as file:
                json.dump({**job, "guests": self.flavour.guests}, file)
            tar.add(self.path("job"), "job")
            tar.add(os.path.join(HERE, "flavour", self.flavour.name), "flavour")

    def boot(self, job, console=None):
        """Starts the host with its job (see inside/start.py). console: argv of another console than
        a file."""
        self._hand_in(job)
        for name, size in (("out.tar", RESULTS_MIB << 20), ("console", 0), ("port", 0)):
            with open(self.path(name), "wb") as file:
                file.truncate(size)
        argv = ["setpriv", "--pdeathsig", "KILL", QEMU, "-accel", self.accelerator,
                "-machine", "q35,hpet=off", "-cpu", self.flavour.cpu, *self.flavour.topology(),
                "-kernel", self.kernel, "-initrd", self.initrd, "-append", COMMAND_LINE,
                "-drive", f"file={self.path('disk')},format=qcow2,if=virtio,cache=unsafe",
                "-drive", f"file={self.path('in.tar')},format=raw,if=virtio,readonly=on",
                "-drive", f"file={self.path('out.tar')},format=raw,if=virtio,cache=unsafe",
                "-device", "virtio-serial", "-chardev", f"file,id=port,path={self.path('port')}",
                "-device", "virtserialport,chardev=port,name=lab",
                "-display", "none", "-no-reboot", "-nic", "none",
                *(console or ["-monitor", "none", "-serial", f"file:{self.path('console')}"])]
        self.port = open(self.path("port"), encoding="utf-8", errors="replace")
        with open(self.path("qemu.log"), "ab") as log:
            self.process = subprocess.Popen(argv, stdin=None if console else subprocess.DEVNULL,
                                            stderr=log)

    def lines(self, patience):
        """What the host tells, as it comes; None ten times a second in between. Ends when the host does, or
        when patience() seconds have passed without a line."""
        heard, part = time.monotonic(), ""
        while True:
            alive = self.process.poll() is None
            part += self.port.read()
            while "\n" in part:
                line, part = part.split("\n", 1)
                heard = time.monotonic()
                yield line
            if not alive or time.monotonic() - heard > patience():
                return
            time.sleep(0.1)
            yield None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """As a power cut does."""
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.port.close()

    def last_words(self, count=25):
        """The last lines of the console, and of what QEMU itself said, but for its warnings about the CPU."""
        words = []
        for name in ("console", "qemu.log"):
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                lines = file.read().replace("\r", "").splitlines()
            words += [f"{name}: {line}" for line in lines if "TCG doesn't support" not in line][-count:]
        return words

    def take_logs(self, name):
        """The console, and what the host left on its results disk, to a folder of this name."""
        os.makedirs(self.path(name))
        shutil.copy(self.path("console"), self.path(name))
        subprocess.run(["tar", "-C", self.path(name), "-xf", self.path("out.tar")], stderr=subprocess.DEVNULL,
                       check=False)
