# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon at rest against the floor, beside real guests of one libvirtd, pass by pass in turn:
CPU a pass, libvirtd's own counted too, and memory; and how long after a guest's start all its threads
are placed. Run by run.sh inside private namespaces; BENCH_GUESTS, BENCH_PASSES and BENCH_STARTS in the
environment."""

import math
import os
import statistics
import subprocess
import time

import harness

GUESTS = [int(word) for word in os.environ.get("BENCH_GUESTS", "10 100 200").split()]
PASSES = int(os.environ.get("BENCH_PASSES", "40"))
STARTS = int(os.environ.get("BENCH_STARTS", "100"))
INTERVAL = 1.0  # seconds; the daemon's shortest
POLICY = ("host: {cpu_overcommit: 1024}\n"
          "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]")


def unit_environment():
    """What the service sets for the daemon."""
    unit = harness.read(os.path.join(harness.REPO, "systemd/vmtuned.service.in"))
    return dict(line.split("=", 2)[1:] for line in unit.splitlines() if line.startswith("Environment="))


def memory_kib(text, field):
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(field))


def cpu_usec(pid):
    """CPU time of all threads of a process, ended ones too: its clock, as clock_getcpuclockid() has it."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1000


def quantile(values, part):
    """By nearest rank."""
    return sorted(values)[max(math.ceil(len(values) * part), 1) - 1]


class Floor:
    def __init__(self):
        self.process = subprocess.Popen((os.path.join(harness.BUILD, "tests/bench/floor"), "qemu:///system"),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.once()

    def once(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) / 1000

    def end(self):
        return self.process.communicate(timeout=60)[0]


def wait_for_pass(pid):
    """Until the daemon has just worked, seen by the CPU time it took; it is left alone meanwhile."""
    before = cpu_usec(pid)
    while cpu_usec(pid) == before:
        time.sleep(0.002)


def sleep_until(at):
    time.sleep(max(at - time.monotonic(), 0))


def measure_rest(daemon, n_guests):
    """The daemon's pass and the floor's have half an interval each, with what libvirtd does meanwhile."""
    ours, theirs = [], []
    pid, libvirtd = daemon.process.pid, harness.HOST.processes["libvirtd"].pid
    floor = Floor()
    cycles = daemon.cycles()
    time.sleep(INTERVAL)  # what that question cost is over
    wait_for_pass(pid)
    begin = time.monotonic() + INTERVAL / 4
    for number in range(PASSES):
        sleep_until(begin + number * INTERVAL)
        start = [cpu_usec(pid), cpu_usec(libvirtd)]
        alone = floor.once()
        sleep_until(begin + (number + 0.5) * INTERVAL)
        between = cpu_usec(libvirtd)
        sleep_until(begin + (number + 1) * INTERVAL - 0.002)
        theirs.append((alone, between - start[1]))
        ours.append((cpu_usec(pid) - start[0], cpu_usec(libvirtd) - between))
    passes = daemon.cycles() - cycles
    for what, select in (("alone", lambda pair: pair[0]), ("with libvirtd's", sum)):
        mine, other = [select(pair) for pair in ours], [select(pair) for pair in theirs]
        ratio = statistics.median(a / b for a, b in zip(mine, other))
        print(f"{n_guests:4} guests: CPU of a pass without changes, {what}: {statistics.median(mine):.0f} us "
              f"(p99 {quantile(mine, 0.99):.0f}), floor {statistics.median(other):.0f} us "
              f"(p99 {quantile(other, 0.99):.0f}), ratio {ratio:.2f} ({PASSES} pairs, {passes} passes)")
    rollup, other = harness.read(f"/proc/{pid}/smaps_rollup"), floor.end()
    for field in ("Rss", "Pss", "Private_Dirty"):
        a, b = memory_kib(rollup, field), memory_kib(other, field)
        print(f"{n_guests:4} guests: {field}: {a} KiB, floor {b} KiB, ratio {a / b:.2f}")


def measure_starts():
    harness.Guest("ded1", start=False)
    done = harness.run(os.path.join(harness.BUILD, "tests/bench/starts"), "qemu:///system", "ded1", "1", str(STARTS),
                       timeout=60 + 10 * STARTS)
    delays = [int(line) / 1000 for line in done.stdout.split()]
    assert min(delays) >= 0, f"threads were never placed: {delays}"
    print(f"from a guest's start event until all its threads are placed: median {statistics.median(delays):.1f} ms, "
          f"p99 {quantile(delays, 0.99):.1f} ms, longest {max(delays):.1f} ms ({len(delays)} starts)")


def main():
    host = harness.Host()
    host.start()
    harness.HOST = host
    os.environ.update(unit_environment())  # the floor's, too
    daemon = harness.Daemon(POLICY, interval=f"{INTERVAL:.0f}s")
    try:
        daemon.start()
        measure_starts()
        made = 0
        for n_guests in GUESTS:
            for made in range(made, n_guests):
                harness.Guest(f"rest{made}")
            made = n_guests
            harness.wait_for("all planned", lambda: len(daemon.json("status")["guests"]) > n_guests, timeout=120)
            daemon.wait_cycles(3)
            measure_rest(daemon, n_guests)
    finally:
        daemon.stop()
        host.stop()


main()
