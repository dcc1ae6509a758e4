"""The daemon at rest against the floor, beside real guests: CPU a pass, memory, and how long a
guest's start takes until all its threads are placed. Run by run.sh inside private namespaces."""

import os
import subprocess
import time

import harness

GUESTS, PASSES, STARTS = 10, 20, 10


def memory_kib(text, field):
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(field))


def cpu_usec(pid):
    fields = harness.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def measure_rest(daemon):
    floor = subprocess.Popen((os.path.join(harness.BUILD, "tests/bench/floor"), "qemu:///system",
                              str(PASSES)), stdout=subprocess.PIPE, text=True)
    pid, passes, start = daemon.process.pid, daemon.cycles(), cpu_usec(daemon.process.pid)
    output = floor.communicate(timeout=120)[0]
    ours = (cpu_usec(pid) - start) / max(daemon.cycles() - passes, 1)
    theirs = float(output.splitlines()[0])
    rollup = harness.read(f"/proc/{pid}/smaps_rollup")
    print(f"CPU of a pass without changes, {GUESTS} guests: {ours:.0f} us, floor {theirs:.0f} us, "
          f"ratio {ours / theirs:.2f} (clock ticks of 10 ms: {PASSES} passes)")
    for field in ("Rss", "Pss", "Private_Dirty"):
        mine, other = memory_kib(rollup, field), memory_kib(output, field)
        print(f"{field}: {mine} KiB, floor {other} KiB, ratio {mine / other:.2f}")


def measure_starts():
    guest = harness.Guest("ded1", start=False)
    delays = []
    for _ in range(STARTS):
        guest.start()
        begin = time.monotonic()
        harness.wait_for("placed", lambda: guest.all_on({1}))
        delays.append((time.monotonic() - begin) * 1000)
        guest.destroy()
    delays.sort()
    print(f"from the end of 'virsh start' until every thread is placed (polled every 50 ms): "
          f"median {delays[len(delays) // 2]:.0f} ms, longest {delays[-1]:.0f} ms")


def main():
    host = harness.Host()
    host.start()
    harness.HOST = host
    daemon = harness.Daemon("host: {cpu_overcommit: 64}\n"
                            "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]")
    try:
        for number in range(GUESTS):
            harness.Guest(f"rest{number}")
        daemon.start()
        time.sleep(3)
        measure_rest(daemon)
        measure_starts()
    finally:
        daemon.stop()
        host.stop()


main()
