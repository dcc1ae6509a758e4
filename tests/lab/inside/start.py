# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the host does once it is up: its job, a JSON object beside this file.

  {"mode": "cases", "cases": [{"name", "limit", "last"}…], "after_cut": name or null, "reset": whether
   first of all, after a host that died}
  {"mode": "demo"}
  {"mode": "tour", "package": its file name, "commands": [command…]}
  {"mode": "shell"}

Each case runs in a process of its own, in a session of its own, and is killed past its limit
(seconds). Told through the port, a line each: up, start NAME, | TEXT (a failed case's output), note TEXT,
say TEXT, ran JSON (a command of the tour), end NAME passed|failed|hung SECONDS, cut (the host wants its power
cut), ready (the shell), done.
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
SHOW_LIMIT = 60
RESET_LIMIT = 90
LINES_TOLD = 80  # of each log


def child(name, function):
    """Never comes back; its status is 0 only if function did."""
    status = 1
    try:
        os.setsid()
        log = os.open(f"{OUT}/{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout.reconfigure(line_buffering=True)
        function()
        status = 0
    except BaseException:  # judged, whatever it threw
        sys.stdout.flush()
        traceback.print_exc()
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


def in_child(name, function, limit):
    """Runs function with its output in NAME.log."""
    pid = os.fork()
    if pid == 0:
        child(name, function)
    return wait_child(pid, limit)


def tell_log(name):
    if os.path.exists(f"{OUT}/{name}.log"):
        with open(f"{OUT}/{name}.log", encoding="utf-8", errors="replace") as file:
            for line in file.read().splitlines()[-LINES_TOLD:]:
                lab.tell(f"| {line}")


def judge(case, after_cut):
    name, limit = case["name"], case["limit"]
    lab.tell(f"start {name}")
    began = time.monotonic()
    host = lab.Host(JOB["guests"])

    def play():
        module = importlib.import_module(name)
        (module.after_power_cut if after_cut else module.case)(host)

    word = {0: "passed", None: "hung"}.get(in_child(name, play, limit), "failed")
    if word != "passed":
        in_child(f"{name}.show", host.show, SHOW_LIMIT)
    if in_child(name, host.reset, RESET_LIMIT) != 0 and word == "passed":
        word = "failed"
    if word != "passed":
        tell_log(f"{name}.show")
        tell_log(name)  # last: it ends with the traceback
    lab.tell(f"end {name} {word} {time.monotonic() - began:.0f}")


def leave_logs():
    """On the results disk, where the lab finds them even when the host dies later."""
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
    environment = {**os.environ, "TERM": "vt220", "HOME": "/root", "SYSTEMD_COLORS": "0"}
    with open("/dev/ttyS0", "r+b", buffering=0) as tty:
        subprocess.run(["setsid", "-c", "bash", "-l"], stdin=tty, stdout=tty, stderr=tty, cwd="/root",
                       env=environment, check=False)


def main():
    lab.prepare(JOB["guests"])
    lab.tell("up")
    if JOB["mode"] == "cases":
        if JOB["reset"]:
            in_child("reset", lab.Host(JOB["guests"]).reset, RESET_LIMIT)
        for case in JOB["cases"]:
            if case["last"]:
                leave_logs()
            judge(case, case["name"] == JOB["after_cut"])
        leave_logs()
    elif JOB["mode"] == "demo":
        import demo
        demo.main(lab.Host(JOB["guests"]))
    elif JOB["mode"] == "tour":
        import tour
        tour.main(lab.Host(JOB["guests"]), JOB["package"], JOB["commands"])
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
