# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package beside running guests: upgraded, removed, back again, purged, installed anew. None of it
touches a guest; the operator's policy and the record outlive all but the purge."""

import glob
import os

from lab import POLICY, STATE, run
from tracing import Writes
from truth import read, write

FLAVOURS = ("memory-only",)
LIMIT = 600
LAST = True  # it takes vmtuned away
DEB = "/run/lab/vmtuned.deb"
PROM = "/var/lib/prometheus/node-exporter/vmtuned.prom"  # of vmtuned-textfile.service
NEWER = "/run/lab/newer.deb"
TREE = "/run/lab/newer"
RULES = "guests: [{match: {name: pinned}, cpu: {policy: dedicated}}]"


def dpkg(*argv):
    """There is no terminal to ask at: the operator's file is kept, as is the default."""
    run("dpkg", "--force-confdef,unsafe-io", *argv)


def make_newer():
    """A later version with another policy file."""
    run("dpkg-deb", "--raw-extract", DEB, TREE)
    write(f"{TREE}/DEBIAN/control", read(f"{TREE}/DEBIAN/control").replace("\nVersion: ", "\nVersion: 9:") + "\n")
    write(f"{TREE}{POLICY}", read(f"{TREE}{POLICY}") + "\n# newer\n")
    run("dpkg-deb", "-Znone", "--build", TREE, NEWER)


def version():
    return run("dpkg-query", "--show", "--showformat=${Version}", "vmtuned").stdout


def on(host):
    return host.unit("UnitFileState") == "enabled" and host.unit("ActiveState") == "active"


def there():
    """What of vmtuned is in the file system, but for the operator's policy and the record."""
    return [path for path in glob.glob("/usr/*/vmtuned*") + glob.glob("/usr/share/man/man*/vmtuned*")
            + glob.glob("/lib/systemd/system/vmtuned*") + glob.glob("/etc/systemd/system/*/vmtuned*")
            if os.path.exists(path)]


def originals(host):
    return host.record("SELECT uuid, knob, instance, plane, tid, original FROM original")


def as_they_are(guests):
    return [(guest.pid, guest.masks(), guest.config_xml()) for guest in guests]


def case(host):
    guests = host.guests({"name": "pinned", "vcpus": 2, "iothreads": 1, "nic": True}, {"name": "other"})
    first = version()
    make_newer()
    try:
        life(host, guests, first)
    finally:
        host.remove_guests()  # the purge took the record that would put them back
        if version() != first:
            dpkg("--install", DEB)
        run("systemctl", "disable", "--now", "vmtuned")


def life(host, guests, first):
    free = as_they_are(guests)
    run("systemctl", "enable", "vmtuned")
    host.start(RULES)
    host.wait_planned(*guests)
    policy, tuned, recorded = read(POLICY), as_they_are(guests), originals(host)
    assert tuned != free and recorded

    def same():
        assert as_they_are(guests) == tuned
        assert read(POLICY) == policy and originals(host) == recorded

    pid = host.unit("MainPID")
    with Writes() as writes:
        dpkg("--install", NEWER)
        assert version() == f"9:{first}" and on(host) and host.unit("MainPID") != pid
        host.wait_cycle()
        host.wait_planned(*guests)
        same()
        assert read(f"{POLICY}.dpkg-dist").endswith("# newer")

        os.makedirs(os.path.dirname(PROM), exist_ok=True)
        write(PROM, "old")
        dpkg("--remove", "vmtuned")
        assert not os.path.exists(PROM)
        assert host.unit("ActiveState") == "inactive" and host.unit("LoadState") == "not-found"
        assert not os.path.exists("/usr/sbin/vmtuned")
        same()

        dpkg("--install", DEB)
        assert on(host)
        host.wait_cycle()
        host.wait_planned(*guests)
        same()
    # systemd itself writes those of slices and scopes when it reloads
    written = [path for path in writes.cpuset_files if ".scope/libvirt/" in path]
    assert writes.affinities == 0 and not written, (writes.affinities, written)

    # what was recorded before all that can still be put back
    host.ctl("restore", "--all")
    assert as_they_are(guests) == free
    host.ctl("apply")
    host.wait_planned(*guests)
    tuned = as_they_are(guests)

    dpkg("--purge", "vmtuned")
    assert not there() and not os.path.exists(os.path.dirname(POLICY)) and not os.path.exists(STATE), there()
    dpkg("--install", DEB)
    assert on(host)
    host.wait_cycle()
    assert host.status()["daemon"]["mode"] == "observe" and as_they_are(guests) == tuned
