#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every knob, policy key, bus member and message ID is documented. Names come from the tables
in the source; the document must hold each one as a whole word. Each test that a promise names is there.
The README names each page of docs/ and each example program; what it and they link to is there."""

import re
from common import Report

BUS_MEMBER = r'(?:METHOD|SIGNAL|PROPERTY|SHOWN)\w*\(\s*"(\w+)"'
# what, source files, where a name stands in them (group 1), document
NAMES = (
    ("knob", "src/model/knob.c", r'(?:\.name\s*=\s*|XML_KNOB\(\w+,\s*)"([a-z0-9_.]+)"', "docs/KNOBS.md"),
    ("policy key", "src/model/policy-key.c", r'\.path\s*=\s*"([a-z0-9_.]+)"', "docs/POLICY.md"),
    ("advice", "src/model/finding.c", r'\bADVICE\(\w+, "([a-z0-9-]+)"', "docs/ADVICE.md"),
    ("finding", "src/model/finding.c", r'\b(?:ADVICE|MEASURED)\(\w+, "([a-z0-9-]+)"', "docs/DOCTOR.md"),
    ("bus member", "src/daemon/*.c", BUS_MEMBER, "docs/BUS.md"),
    *(("bus member", f"src/daemon/{file}.c", BUS_MEMBER, f"docs/org.vmtuned1.{interface}.xml")
      for file, interface in (("bus", "Manager"), ("bus-guest", "Guest"), ("bus-job", "Job"))),
)
MESSAGE_ID = re.compile(r"\b([0-9a-f]{32})\b")
CATALOG_ID = re.compile(r"^-- ([0-9a-f]{32})$", re.MULTILINE)


PROMISES = "docs/RELIABILITY.md"
PROVES = re.compile(r"`(system|lab|unit|property|fuzz):([\w-]+)`")
# prefix of a test's name: files it may be in, and how it stands there
TESTS = {
    "system": (("tests/system/test_*.py", "def {}("),),
    "lab": (("tests/lab/case/{}.py", ""),),
    "unit": (("tests/unit/{}.c", ""), ("tests/unit/*.c", "{}(void **")),
    "property": (("tests/property/{}.c", ""),),
    "fuzz": (("tests/fuzz/fuzz-{}.c", ""),),
}

LINK = re.compile(r"\]\(([^)#:]+)\)")


def named(report, pattern, regex):
    """name -> (path, line) of the first place that names it."""
    found = {}
    for path in report.files(pattern):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(regex, text):
            found.setdefault(match.group(1), (path, text.count("\n", 0, match.start()) + 1))
    return found


def check_names(report, what, pattern, regex, document):
    names = named(report, pattern, regex)
    if not names:
        report.error(pattern, 0, f"no {what} found")
    # roff writes a hyphen as \-
    text = report.text(document).replace("\\-", "-")
    for name, (path, line) in names.items():
        report.seen += 1
        if not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text):
            report.error(path, line, f"{what} {name} is not in {document}")


def check_messages(report):
    header, catalog = "include/vmtuned/message-ids.h", "systemd/vmtuned.catalog"
    ids = set(MESSAGE_ID.findall(report.text(header).replace("-", "")))
    described = set(CATALOG_ID.findall(report.text(catalog)))
    report.seen += len(ids)
    if not ids:
        report.error(header, 0, "no message ID found")
    for message in sorted(ids - described):
        report.error(header, 0, f"message ID {message} is not in {catalog}")
    for message in sorted(described - ids):
        report.error(catalog, 0, f"message ID {message} is not in {header}")


def check_promises(report):
    text = report.text(PROMISES)
    for match in PROVES.finditer(text):
        prefix, name = match.groups()
        report.seen += 1
        if not any(re.search(r"\b" + re.escape(word.format(name)), path.read_text(encoding="utf-8"))
                   for files, word in TESTS[prefix] for path in report.files(files.format(name))):
            report.error(PROMISES, text.count("\n", 0, match.start()) + 1, f"there is no test {prefix}:{name}")


def check_pages(report):
    readme = report.root / "README.md"
    text = report.text("README.md")
    for path in report.files("docs/*.md", "docs/*.[1-8]", "conf/examples/*.py"):
        report.seen += 1
        name = path.relative_to(report.root)
        if (f"]({name})" if path.suffix in (".md", ".py") else f"`man {path.stem}`") not in text:
            report.error(readme, 1, f"does not name {name}")
    for page in (readme, *report.files("docs/*.md")):
        for link in LINK.findall(page.read_text(encoding="utf-8") if page.is_file() else ""):
            if not (page.parent / link).exists():
                report.error(page, 1, f"links to {link}, which is not there")


def main():
    report = Report()
    for row in NAMES:
        check_names(report, *row)
    check_messages(report)
    check_promises(report)
    check_pages(report)
    report.done("names")


main()
