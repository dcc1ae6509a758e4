# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the host does once it is up: its job, a JSON object beside this file.

  {"mode": "cases", "cases": [{"name", "limit"}…], "after_cut": name or null}
  {"mode": "demo"}
  {"mode": "shell"}

Each case runs in a process of its own, in a session of its own, and is killed past its limit
(seconds). Told through the port, a line each: up, start NAME, | TEXT (a failed case's output), note TEXT,
end NAME passed|failed|hung SECONDS, cut (the host wants its power cut), done.
"""

import glob
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback

import lab

OUT = "/run/lab/out"


def run_case(name, function, argument):
    """In the child: the case, then the host put back as it was."""
    os.setsid()
    log = os.open(f"{OUT}/{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 0
    try:
        function(argument)
    except BaseException:  # the case is judged, whatever it threw
        argument.show()
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait_child(pid, limit):
    """Exit status, or None past the limit; then the child's whole session is ended."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def fork_and_wait(name, function, argument, limit):
    pid = os.fork()
    if pid == 0:
        run_case(name, function, argument)
    return wait_child(pid, limit)


def judge(case, after_cut):
    name, limit = case["name"], case["limit"]
    lab.tell(f"start {name}")
    began = time.monotonic()
    module = importlib.import_module(name)
    host = lab.Host(JOB["guests"])
    function = module.after_power_cut if after_cut else module.case
    status = fork_and_wait(name, function, host, limit)
    cleaned = fork_and_wait(name, lab.Host.reset, host, 90)
    word = {0: "passed", None: "hung"}.get(status, "failed")
    if word == "passed" and cleaned != 0:
        word = "failed"
    if word != "passed":
        with open(f"{OUT}/{name}.log", encoding="utf-8", errors="replace") as file:
            for line in file.read().splitlines()[-80:]:
                lab.tell(f"| {line}")
    lab.tell(f"end {name} {word} {time.monotonic() - began:.0f}")


def leave_logs():
    with open(f"{OUT}/journal", "wb") as file:
        subprocess.run(["journalctl", "-b", "--no-pager"], stdout=file, check=False)
    for path in glob.glob("/var/log/libvirt/qemu/*.log"):
        subprocess.run(["cp", path, OUT], check=False)
    subprocess.run(["tar", "-C", OUT, "-cf", "/dev/vdc", "."], check=False)


def shell():
    """The guests and the policy of the demo, and a shell on the console; its end is the host's."""
    import demo
    demo.prepare(lab.Host(JOB["guests"]))
    lab.tell("ready")
    with open("/dev/ttyS0", "r+b", buffering=0) as tty:
        subprocess.run(["setsid", "-c", "bash", "-l"], stdin=tty, stdout=tty, stderr=tty, cwd="/root",
                       env={**os.environ, "TERM": "vt220", "HOME": "/root", "SYSTEMD_COLORS": "0"}, check=False)


def main():
    lab.prepare(JOB["guests"])
    lab.tell("up")
    if JOB["mode"] == "cases":
        for case in JOB["cases"]:
            judge(case, case["name"] == JOB["after_cut"])
        leave_logs()
    elif JOB["mode"] == "demo":
        import demo
        demo.main(lab.Host(JOB["guests"]))
    else:
        shell()
    lab.tell("done")


with open("/run/lab/job", encoding="utf-8") as file:
    JOB = json.load(file)
os.makedirs(OUT, exist_ok=True)
try:
    main()
except Exception:  # told where the host is watched; it ends without "done"
    for text in traceback.format_exc().splitlines():
        lab.tell(f"say {text}")
finally:
    subprocess.run(["systemctl", "poweroff", "--force", "--force"], check=False)
