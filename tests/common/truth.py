# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel and libvirt say of a guest, read by the tests themselves from /proc, cgroup files
and virsh, never from vmtuned's own output."""

import os
import subprocess
import time

TIMEOUT = 30.0  # seconds until a wait counts as failed; nothing asserts how fast


def run(*argv, check=True, timeout=120, **options):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def virsh(*argv, check=True):
    return run("virsh", "-q", *argv, check=check)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_at_once(path, text):
    """For a reader that may come at any time."""
    write(path + ".new", text)
    os.rename(path + ".new", path)


def cpus(text):
    """'0-2,5' as a set"""
    result = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        result |= set(range(int(first), int(last or first) + 1))
    return result


def wait_for(what, condition, timeout=TIMEOUT, step=0.05):
    """Polls until condition() is true; its last value is shown on failure."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting for: {what} (at last: {value!r})")
        time.sleep(step)


def taskset(tid, text):
    run("taskset", "-p", "-c", text, str(tid))


class Thread:
    def __init__(self, pid, tid):
        base = f"/proc/{pid}/task/{tid}"
        self.tid = tid
        self.comm = read(f"{base}/comm")
        status = dict(line.split(":\t", 1) for line in read(f"{base}/status").splitlines()
                      if ":\t" in line)
        self.cpus = cpus(status["Cpus_allowed_list"])


class RunningGuest:
    """A guest of libvirt's, by name."""

    def __init__(self, name):
        self.name = name

    def start(self):
        virsh("start", self.name)

    def destroy(self, check=False):
        virsh("destroy", self.name, check=check)

    def undefine(self):
        virsh("undefine", self.name, check=False)

    @property
    def pid(self):
        return int(read(f"/run/libvirt/qemu/{self.name}.pid"))

    def threads(self):
        pid = self.pid
        result = []
        for tid in sorted(map(int, os.listdir(f"/proc/{pid}/task"))):
            try:
                result.append(Thread(pid, tid))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return result

    def thread(self, comm):
        return next(thread for thread in self.threads() if thread.comm.startswith(comm))

    def vcpu(self, number):
        return self.thread(f"CPU {number}/")

    def main(self):
        pid = self.pid
        return Thread(pid, pid)

    def all_on(self, wanted):
        """Every thread of QEMU may run on exactly these CPUs."""
        threads = self.threads()
        return bool(threads) and all(thread.cpus == set(wanted) for thread in threads)

    def cgroup(self, controller, leaf=""):
        for line in read(f"/proc/{self.pid}/cgroup").splitlines():
            _, names, path = line.split(":", 2)
            if controller in names.split(","):
                return f"/sys/fs/cgroup/{controller}{os.path.dirname(path)}/{leaf}"
            if names == "" and os.path.exists(f"/sys/fs/cgroup{path}/cpuset.cpus"):
                return f"/sys/fs/cgroup{os.path.dirname(path)}/{leaf}"
        raise AssertionError(f"{self.name}: no {controller} cgroup")

    def cpuset(self, leaf):
        return cpus(read(self.cgroup("cpuset", leaf) + "/cpuset.cpus"))

    def set_cpuset(self, leaf, text):
        write(self.cgroup("cpuset", leaf) + "/cpuset.cpus", text)

    def live_xml(self):
        return virsh("dumpxml", self.name).stdout

    def config_xml(self):
        return virsh("dumpxml", "--inactive", self.name).stdout
