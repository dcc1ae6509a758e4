#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lists of keys and knobs in the man pages are those of the program. With --update as third
argument ("make reference") they are written anew."""

import json
import pathlib
import subprocess
import sys
from common import Report

BEGIN, END = '.\\" What follows is written by "make reference".\n', '.\\" Until here.\n'
SECTIONS = {"host": "Host", "cpu": "CPU", "numa": "NUMA", "memory": "Memory", "network": "Network", "disk": "Disk",
            "clock": "Clock", "advice": "Advice"}


def ask(report, *words):
    done = subprocess.run([report.out / "vmtuned-ctl", *words, "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def roff(text):
    """Text that roff takes as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def sentence(text):
    if text.split()[0].endswith(":"):  # a word of the key
        return roff(text) + "."
    return roff(text[0].upper() + text[1:]) + "."


def item(name, *lines):
    """Words that mdoc may take for a macro, such as "No", are told that they are none."""
    return [f".It Ic {' '.join(word if len(word) > 3 else chr(92) + '&' + word for word in name)}", *lines]


def field_lines(fields):
    if not fields:
        return []
    lines = [".Bl -tag -width Ds -compact"]
    for field in fields:
        lines += item([field["name"]], roff(f"{field['value']}: {field['doc']}") + ".")
    return [*lines, ".El"]


def key_lines(report):
    lines, last = [], None
    for key in ask(report, "policy", "explain")["keys"]:
        section, dot, _ = key["key"].partition(".")
        title = SECTIONS[section] if dot else "Whole guest" if key["scope"] == "guest" else "Top level"
        if title != last:
            lines += [*([".El"] if last else []), f".Ss {title}", ".Bl -tag -width Ds"]
            last = title
        default = f"default: {key['default']}" if key["default"] else "left alone without it"
        lines += item([key["key"]], sentence(key["doc"]), roff(f"Takes {key['value']}; {default}") + ".",
                      *field_lines(key["fields"]))
    return [*lines, ".El"]


def knob_lines(report):
    titles = {False: "Guests", True: "The host"}
    lines, last = [], None
    for knob in ask(report, "knobs")["knobs"]:
        title = titles[knob["name"].startswith("host.")]
        if title != last:
            lines += [*([".El"] if last else []), f".Ss {title}", ".Bl -tag -width Ds"]
            last = title
        each = "" if knob["instance"] in ("guest", "host") else f", for each {knob['instance']}"
        lines += item([knob["name"]], sentence(knob["doc"]),
                      roff(f"Changes {knob['change']}{each}; planes: {', '.join(knob['planes'])}") + ".",
                      roff(f"Read from {knob['observes']}") + ".", roff(f"Set by {knob['applies']}") + ".")
    return [*lines, ".El"]


PAGES = {"docs/vmtuned.policy.5": ("keys", key_lines), "docs/vmtuned.knobs.7": ("knobs", knob_lines)}


def main():
    report = Report()
    update = "--update" in sys.argv
    for name, (what, make) in PAGES.items():
        before, _, rest = report.text(name).partition(BEGIN)
        _, end, after = rest.partition(END)
        lines = make(report)
        report.seen += sum(line.startswith(".It") for line in lines)
        whole = before + BEGIN + "\n".join(lines) + "\n" + END + after
        if not end:
            report.error(name, 1, f"has no place for the list of {what}")
        elif update:
            pathlib.Path(report.root / name).write_text(whole, encoding="utf-8")
        elif whole != report.text(name):
            report.error(name, before.count("\n") + 1, f"the {what} are others than the program's: make reference")
    report.done("keys and knobs")


main()
