#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every verb says the same of itself everywhere: its help, its entry in vmtuned-ctl(1), completion in
all shells, and its heading in JSON.md; the exit statuses of help are those of the man page."""

import json
import os
import re
import subprocess
from common import Report

PAGE = "docs/vmtuned-ctl.1"
JSON_PAGE = "docs/JSON.md"
SHELLS = ("conf/completion/vmtuned-ctl", "conf/completion/_vmtuned-ctl", "conf/completion/vmtuned-ctl.fish")


def ask(program, *words):
    done = subprocess.run((program, "--json", *words), check=True, capture_output=True, text=True,
                          env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"})
    return json.loads(done.stdout)


class Page:
    """The man page, cut at its entries."""

    def __init__(self, text):
        self.lines = text.replace("\\-", "-").split("\n")

    def section(self, name):
        """Number and text of its lines; name as in ".Ss name"."""
        inside = False
        for number, line in enumerate(self.lines, 1):
            if re.match(r"\.S[hs] ", line):
                inside = line[4:] == name
            elif inside:
                yield number, line

    def entries(self, section, start):
        """text after start -> (line number, whole entry)"""
        found, name = {}, None
        for number, line in self.section(section):
            if line.startswith(start):
                name = line[len(start):]
                found[name] = (number, line)
            elif line == ".El":
                name = None
            elif name:
                found[name] = (found[name][0], found[name][1] + "\n" + line)
        return found

    def options(self):
        """name -> verbs that its list is for; None: all"""
        found, verbs, inside = {}, set(), False
        for _, line in self.section("Options"):
            if line.startswith(".Bl"):
                inside = True
            elif line == ".El":
                inside, verbs = False, set()
            elif not inside and line.startswith(".Cm "):
                verbs.add(line[4:].rstrip(" ,.:;"))
            elif inside and line.startswith(".It"):
                for name in flags(line):
                    found[name] = verbs or None
        return found


def flags(text):
    """Options in roff: -name for --name, h for -h."""
    return {word for line in text.split("\n") if line.startswith(".") and " Fl " in f" {line[1:]} "
            for group in re.findall(r"\bFl ((?:-?[a-z][a-z-]*[ ,|]*)+)", line)
            for word in re.findall(r"(?<![\w-])-[a-z][a-z-]+|(?<![\w-])[a-z](?![\w-])", group)}


def check_options(report, verb, entry, listed):
    number, text = entry
    said = flags(text)
    for option in verb["options"]:
        names = {"-" + option["name"]} | ({option["letter"]} if option["letter"] else set())
        verbs = next((listed[name] for name in names if name in listed), set())
        if not names & said and verbs is not None and verb["name"] not in verbs:
            report.error(PAGE, number, f"{verb['name']}: option --{option['name']} is not in its entry")


def check_strangers(report, verb, entry, everywhere):
    known = {name for option in verb["options"] + everywhere for name in ("-" + option["name"], option["letter"])}
    first = entry[1].split("\n", maxsplit=1)[0]
    for name in sorted(flags(first) - known):
        report.error(PAGE, entry[0], f"{verb['name']} has no option -{name}")


def check_arguments(report, verb, entry):
    said = {word.lower() for line in entry[1].split("\n") for word in re.findall(r"\bAr ([\w|-]+)", line)}
    alone = re.sub(r"--[a-z-]+ [A-Z|]+", "", verb["args"])  # those of options are with the options
    own = {word.lower() for word in re.findall(r"[A-Z][A-Z|]+", alone)}
    for word in sorted(own - said):
        report.error(PAGE, entry[0], f"{verb['name']}: argument {word} is not in its entry")


def check_completion(report, program, verb, everywhere):
    words = verb["name"].split(" ")
    for n, word in enumerate(words):
        offered = {row["word"] for row in ask(program, "complete", "--", *words[:n], "")["words"]}
        if word not in offered:
            report.error("src/ctl/verbs.c", 1, f"{verb['name']} is not completed")
    offered = {row["word"] for row in ask(program, "complete", "--", *words, "-")["words"]}
    own = {"--" + option["name"] for option in verb["options"] + everywhere}
    for word in sorted(offered ^ own):
        report.error("src/ctl/verbs.c", 1, f"{verb['name']}: completion and help differ about {word}")


def check_help(report, program, verb):
    alone = ask(program, "help", *verb["name"].split(" "))["verbs"]
    if alone != [verb]:
        report.error("src/ctl/verbs.c", 1, f"{verb['name']} has other words in its own help")
    example = verb["example"]
    if example and example.split(" ")[:1] != verb["name"].split(" ")[:1]:
        report.error("src/ctl/verbs.c", 1, f"{verb['name']}: the example is one of another verb")


def check_exits(report, page, statuses):
    said = page.entries("EXIT STATUS", ".It ")
    for row in statuses:
        number, text = said.get(str(row["status"]), (1, ""))
        words = " ".join(text.split("\n")[1:]).rstrip(".").lower()
        if words != row["doc"].lower():
            report.error(PAGE, number, f"exit status {row['status']} is not '{row['doc']}'")


def main():
    report = Report()
    program = report.out / "vmtuned-ctl"
    everything = ask(program, "help")
    page, everywhere = Page(report.text(PAGE)), everything["options"]
    entries, listed = page.entries("Verbs", ".It Cm "), page.options()
    headings = {name for line in report.text(JSON_PAGE).split("\n") if line.startswith("## ")
                for name in re.split(r", | --[a-z-]+", line[3:])}
    for path in SHELLS:
        if " complete -- " not in report.text(path):
            report.error(path, 1, "does not ask for completions")
    for option in everywhere:
        if listed.get("-" + option["name"], ()) is not None:
            report.error(PAGE, 1, f"option --{option['name']} is not in the list for all verbs")
    check_exits(report, page, everything["exit_statuses"])
    for verb in everything["verbs"]:
        report.seen += 1
        name = verb["name"]
        entry = next((entry for head, entry in entries.items()
                      if head == name or re.match(re.escape(name) + r" [A-Z]", head)), None)
        if name not in headings:
            report.error(JSON_PAGE, 1, f"no heading has {name}")
        check_help(report, program, verb)
        check_completion(report, program, verb, everywhere)
        if not entry:
            report.error(PAGE, 1, f"no entry of {name}")
            continue
        check_options(report, verb, entry, listed)
        check_strangers(report, verb, entry, everywhere)
        check_arguments(report, verb, entry)
    report.done("verbs")


main()
