#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The include table: which folder of src/ may include which folder and which outside headers."""

import re
from common import Report

# folder: (project folders or single headers, outside headers by prefix)
TABLE = {
    "base": ((), ()),
    "model": (("base",), ("hwloc",)),
    "policy": (("base", "model"), ("yaml.h",)),
    "topo": (("base", "model"), ("hwloc", "numa.h", "numaif.h")),
    "guest": (("base", "model"), ("libxml/",)),
    "plan": (("base", "model"), ()),
    "apply": (("base", "model"), ()),
    "record": (("base", "model"), ("sqlite3.h",)),
    "report": (("base", "model"), ("json-c/",)),
    "virt": (("base", "model", "guest", "apply/backend.h"), ("libvirt/",)),
    "host": (("base", "model", "apply/backend.h"), ("numa.h", "numaif.h")),
    "daemon": (
        ("base", "model", "policy", "topo", "guest", "plan", "apply", "record", "report", "virt", "host"),
        ("systemd/",),
    ),
    "exporter": (("base", "report/metric-text.h"), ("systemd/", "microhttpd.h")),
    "ctl": (
        ("base", "model", "policy", "topo", "guest", "plan", "report"),
        ("systemd/", "json-c/", "libxml/"),
    ),
}

# Open to every folder: GLib, the kernel's headers and the C library, by name so that a new library
# does not slip in.
OPEN_PREFIXES = ("glib.h", "glib/", "gio/", "glib-unix.h", "sys/", "linux/")
OPEN = {
    name + ".h"
    for name in """assert ctype dirent endian err errno fcntl float fnmatch ftw getopt glob grp inttypes
    limits locale math poll pthread pwd regex sched search setjmp signal spawn stdalign stdarg stdatomic
    malloc stdbool stddef stdint stdio stdlib string strings sysexits syslog termios threads time uchar unistd wchar
    wctype""".split()
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def project_allowed(folder, header):
    parts = header.split("/")
    if parts[0] in ("vmtuned", folder):
        return True
    allowed = TABLE[folder][0]
    return parts[0] in allowed or header in allowed


def outside_allowed(folder, header):
    if header.startswith("vmtuned/") or header in OPEN or header.startswith(OPEN_PREFIXES):
        return True
    return any(header.startswith(prefix) for prefix in TABLE[folder][1])


def main():
    report = Report()
    for path in report.files("src/*/*.[ch]"):
        folder = path.parent.name
        if folder not in TABLE:
            report.error(path, 1, f"folder src/{folder}/ is not in the include table")
            continue
        report.seen += 1
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quoted, header = match.group(1) == '"', match.group(2)
            if quoted and "/" not in header:
                report.error(path, number, f'write "{folder}/{header}": includes name their folder')
            elif quoted and not project_allowed(folder, header):
                report.error(path, number, f'src/{folder}/ may not include "{header}"')
            elif not quoted and not outside_allowed(folder, header):
                report.error(path, number, f"src/{folder}/ may not include <{header}>")
    report.done("files")


main()
