#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No unfinished-work markers anywhere; each C file names its license first; headers are guarded."""

import re
from common import Report

MARKER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
LICENSE = "/* SPDX-License-Identifier: LGPL-2.1-or-later */"
FOLDERS = ("src", "include", "tests", "docs", "conf", "systemd", ".ci")


def main():
    report = Report()
    patterns = [f"{folder}/**/*" for folder in FOLDERS] + ["Makefile", "*.md"]
    for path in report.files(*patterns):
        if "__pycache__" in path.parts or "corpus" in path.parts:
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        report.seen += 1
        for number, line in enumerate(lines, 1):
            match = MARKER.search(line)
            if match:
                report.error(path, number, f"{match.group()}: finish it or file it")
        if path.suffix in (".c", ".h") and (not lines or lines[0] != LICENSE):
            report.error(path, 1, f"the first line is not {LICENSE}")
        if path.suffix == ".h" and "#pragma once" not in lines:
            report.error(path, 1, "no #pragma once")
    report.done("files")


main()
