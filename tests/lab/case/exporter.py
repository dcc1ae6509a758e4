# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics under systemd: the exporter's package, its socket, the program behind it without any right, its end when
nobody asks, and the file for node_exporter."""

import os
import re
import urllib.error
import urllib.request

from lab import run
from truth import read, write

FLAVOURS = ("memory-only",)
POLICY = "guests: [{match: {name: pinned}, cpu: {policy: dedicated}}]"
DEB = "/run/lab/vmtuned-exporter.deb"
SERVICE = "vmtuned-exporter.service"
SOCKET = "vmtuned-exporter.socket"
DROP_INS = f"/run/systemd/system/{SERVICE}.d"
IDLE = "[Service]\nExecStart=\nExecStart=/usr/sbin/vmtuned-exporter --exit-idle-time 10s\n"
FILE = "/var/lib/prometheus/node-exporter/vmtuned.prom"


def show(unit, name):
    return run("systemctl", "show", "-P", name, unit).stdout.strip()


def ask(path="metrics", accept="text/plain"):
    """Status and text of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:19177/{path}", headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def values(text):
    """Samples that do not move by themselves."""
    return {line for line in text.splitlines() if line.startswith(("vmtuned_guests{", "vmtuned_info{"))}


def case(host):
    guest, = host.guests({"name": "pinned", "vcpus": 2})
    host.start(POLICY)
    host.wait_planned(guest)
    os.makedirs(DROP_INS)
    write(f"{DROP_INS}/lab.conf", IDLE)
    run("dpkg", "--force-unsafe-io", "--install", DEB)
    try:
        serve(host)
    finally:
        run("dpkg", "--purge", "vmtuned-exporter")
        os.unlink(f"{DROP_INS}/lab.conf")
        os.rmdir(DROP_INS)
        run("systemctl", "daemon-reload")
    assert show(SOCKET, "LoadState") == "not-found"
    in_a_file(host)


def serve(host):
    assert show(SOCKET, "ActiveState") == "active" and show(SOCKET, "UnitFileState") == "enabled"
    assert show(SERVICE, "ActiveState") == "inactive"  # nobody has asked yet
    status, text = ask()
    assert status == 200 and 'vmtuned_guests{state="as-planned"} 1' in text, (status, text)
    assert values(text) == values(host.ctl("metrics", "--format", "text").stdout)
    assert ask(accept="application/openmetrics-text")[1].endswith("# EOF\n")
    assert ask("elsewhere")[0] == 404
    without_rights(show(SERVICE, "MainPID"))
    host.wait("the program ends when nobody asks", lambda: show(SERVICE, "ActiveState") == "inactive")
    assert show(SERVICE, "Result") == "success"

    # it comes back, tells that there is no daemon, and again when there is one
    run("systemctl", "stop", "vmtuned")
    status, text = ask()
    assert status == 503 and text.strip(), (status, text)
    run("systemctl", "start", "vmtuned")
    host.wait_cycle()
    assert ask()[0] == 200


def without_rights(pid):
    fields = dict(re.findall(r"(?m)^(\w+):\t(.*)$", read(f"/proc/{pid}/status")))
    user = run("id", "-u", "vmtuned-exporter").stdout.strip()
    assert user != "0" and set(fields["Uid"].split()) == {user}
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0 and fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    # the socket it was given is all that it has of a network
    links = run("nsenter", "-t", pid, "-n", "ip", "-brief", "link").stdout.splitlines()
    assert [line.split()[0] for line in links] == ["lo"], links


def in_a_file(host):
    os.makedirs(os.path.dirname(FILE), exist_ok=True)
    run("systemctl", "start", "vmtuned-textfile.service")
    assert values(read(FILE)) == values(host.ctl("metrics", "--format", "text").stdout)
    text = read(FILE)
    run("systemctl", "stop", "vmtuned")
    assert run("systemctl", "start", "vmtuned-textfile.service", check=False).returncode != 0
    assert read(FILE) == text
    os.unlink(FILE)
