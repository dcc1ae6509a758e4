#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each file that 'make install' puts in place is in exactly one Debian and one RPM package, no line of their
lists is for nothing, and RPM keeps what an operator edited, as Debian does with all below /etc. Presets are in the package of their units.
RPM builds with the libraries of the Makefile."""

import fnmatch
import pathlib
import re
import subprocess
import tempfile
from common import Report

SPEC = "conf/packaging/vmtuned.spec"
DEBIAN = "conf/packaging/debian/*.install"
KEPT = "%config(noreplace) "
MACROS = {"%{_prefix}": "usr", "%{_bindir}": "usr/bin", "%{_sbindir}": "usr/sbin", "%{_datadir}": "usr/share",
          "%{_mandir}": "usr/share/man", "%{_includedir}": "usr/include", "%{_sysconfdir}": "etc",
          "%{_pkgdocdir}": "usr/share/doc/vmtuned", "%{_unitdir}": "usr/lib/systemd/system",
          "%{_presetdir}": "usr/lib/systemd/system-preset", "%{_sysusersdir}": "usr/lib/sysusers.d",
          "%{_journalcatalogdir}": "usr/lib/systemd/catalog",
          "${env:UNITDIR}": "usr/lib/systemd/system"}
# what stands in front of a path; the second kind names no file of 'make install'
DIRECTIVE = re.compile(r"%(config\(noreplace\)|doc|dir)\s+")
NO_FILE = re.compile(r"%(license|ghost)\s")


class Line:
    """A line of a package's list."""

    def __init__(self, path, number, text, package):
        self.path, self.number, self.text, self.package = path, number, text, package
        pattern = DIRECTIVE.sub("", text)
        for macro, value in MACROS.items():
            pattern = pattern.replace(macro, value)
        self.pattern = pattern.rstrip("/")
        self.alone = text.startswith("%dir")  # without what is in it
        self.taken = 0

    def takes(self, name):
        found = fnmatch.fnmatch(name, self.pattern) or (name.startswith(self.pattern + "/") and not self.alone)
        self.taken += found
        return found


def spec_lines(report):
    lines, listing = [], False
    for number, text in enumerate(report.text(SPEC).splitlines(), 1):
        if re.match(r"%(files|changelog|post|preun|postun)\b", text):
            listing, package = text.startswith("%files"), text
        elif listing and text and not NO_FILE.match(text):
            lines.append(Line(SPEC, number, text, package))
    return lines


def debian_lines(report):
    return [Line(path, number, text, path) for path in report.files(DEBIAN)
            for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]


def installed(report):
    """Files and empty folders."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["make", "-s", "install", f"DESTDIR={folder}", "PREFIX=/usr", "sysconfdir=/etc"],
                       cwd=report.root, check=True)
        root = pathlib.Path(folder)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*")
                      if path.is_file() or not any(path.iterdir()))


def check_lists(report, names, where, lines):
    for name in names:
        report.seen += 1
        taken = sum(line.takes(name) for line in lines)
        if taken != 1:
            report.error(where, 0, f"{name} is installed and in {taken} packages")
    for line in lines:
        if not line.taken and not line.alone:
            report.error(line.path, line.number, f"takes nothing: {line.text}")


def check_presets(report, lines):
    for preset in report.files("systemd/*.preset"):
        for unit in re.findall(r"^\w+able (\S+)", preset.read_text(encoding="utf-8"), re.MULTILINE):
            names = (f"{MACROS['%{_presetdir}']}/{preset.name}", f"{MACROS['%{_unitdir}']}/{unit}")
            if len({line.package for line in lines for name in names if line.takes(name)}) != 1:
                report.error(preset, 0, f"{unit} is not in the same package")


def check_libraries(report):
    wanted = " ".join(re.findall(r"^PACKAGES := (.*)", report.text("Makefile"), re.MULTILINE)).split()
    found = re.findall(r"^BuildRequires: +pkgconfig\((.*)\)", report.text(SPEC), re.MULTILINE)
    for library in sorted(set(wanted) ^ set(found)):
        report.error(SPEC, 0, f"Makefile and spec differ about {library}")


def main():
    report = Report()
    names = installed(report)
    spec = spec_lines(report)
    for where, lines in ((SPEC, spec), (DEBIAN, debian_lines(report))):
        check_lists(report, names, where, lines)
        check_presets(report, lines)
    check_libraries(report)
    for line in spec:
        if line.pattern.startswith("etc/") and not line.alone and not line.text.startswith(KEPT):
            report.error(line.path, line.number, f"an upgrade overwrites it: {line.text}")
    report.done("files")


main()
