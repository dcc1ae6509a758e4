#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""plan/ is pure: linked with model/ and what it needs of base/, it calls only what
plan-symbols.txt names, and it never walks a hash table, whose order is chance."""

import pathlib
import re
import subprocess
import tempfile
from common import Report

HASH_WALK = re.compile(r"\bg_hash_table_(iter_\w+|foreach\w*|find|get_keys\w*|get_values\w*|steal_all\w*)")


def named_symbols():
    text = pathlib.Path(__file__).with_name("plan-symbols.txt").read_text(encoding="utf-8")
    return {word for line in text.splitlines() for word in line.split("#")[0].split()}


def objects(report, folder):
    """Those whose source is still there: a build keeps what was made of files that are gone."""
    return sorted(o for o in (report.out / "src" / folder).glob("*.o")
                  if (report.root / "src" / folder / (o.stem + ".c")).exists())


def undefined_symbols(report):
    """Undefined symbols of plan/ and model/ whole, with the members of base/ they pull in."""
    with tempfile.TemporaryDirectory() as scratch:
        whole, base = f"{scratch}/plan.o", f"{scratch}/base.a"
        subprocess.run(["ar", "rcs", base, *objects(report, "base")], check=True)
        subprocess.run(["ld", "-r", "-o", whole, *objects(report, "plan"), *objects(report, "model"), base], check=True)
        lines = subprocess.run(["nm", "-u", whole], check=True, capture_output=True, text=True).stdout
    # A version after '@' is the C library's business.
    return sorted({line.split()[-1].split("@")[0] for line in lines.splitlines()})


def users(report, symbol):
    found = []
    for path in (o for folder in ("plan", "model", "base") for o in objects(report, folder)):
        undefined = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout
        if symbol in {line.split()[-1].split("@")[0] for line in undefined.splitlines()}:
            found.append(f"src/{path.parent.name}/{path.stem}.c")
    return found


def main():
    report = Report()
    for path in report.files("src/plan/*.[ch]"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if HASH_WALK.search(line):
                report.error(path, number, "walks a hash table: its order is not determined")
    if not objects(report, "plan"):
        report.error("src/plan", 0, "is not built")
        report.done("symbols")
    allowed = named_symbols()
    for symbol in undefined_symbols(report):
        report.seen += 1
        if symbol not in allowed:
            for source in users(report, symbol):
                report.error(source, 0, f"calls {symbol}, not in tests/lint/plan-symbols.txt")
    report.done("symbols")


main()
