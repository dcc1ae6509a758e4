#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tables of metrics and who goes by it: METRICS.md has each row as it is; expressions of alerts and of the
dashboard name metrics that there are, and Prometheus takes them; the alerts do what their test says."""

import json
import os
import re
import sys
import tempfile
from common import Report

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from promtool import promtool  # noqa: E402

TABLES, DOCUMENT = "src/report/metric-*.c", "docs/METRICS.md"
ALERTS, ALERTS_TEST = "conf/prometheus/vmtuned.rules.yml", "tests/data/vmtuned.rules.test.yml"
DASHBOARD = "conf/grafana/vmtuned.json"
TEXT = r'((?:"[^"]*"\s*)+)'
ROW = re.compile(r'\.family =\s*\{\.name = "(\w+)",\s*\.type = METRIC_(\w+),\s*(?:\.unit = "\w+",\s*)?'
                 rf'\.help =\s*{TEXT}(?:,\s*\.labels = \{{([^}}]*)\}})?\}}')
SUFFIXES = {"COUNTER": ("_total",), "INFO": ("_info",), "GAUGE": ("",), "HISTOGRAM": ("_bucket", "_count", "_sum")}
NAME = re.compile(r"\bvmtuned_\w+")


def strings(text):
    return re.findall(r'"([^"]*)"', text or "")


def check_document(report, rows):
    """Returns the names of all samples."""
    wanted, samples = [], set()
    for name, kind, text, labels in rows:
        suffixes = SUFFIXES[kind]
        samples.update(name + suffix for suffix in suffixes)
        shown = name + (suffixes[0] if len(suffixes) == 1 else "")
        labels = ", ".join(f"`{label}`" for label in strings(labels))
        wanted.append(f"| `{shown}` | {kind.lower()} | {labels} | {''.join(strings(text))} |")
    found = [line for line in report.text(DOCUMENT).splitlines() if line.startswith("| `vmtuned_")]
    for row in wanted:
        report.seen += 1
        if row not in found:
            report.error(DOCUMENT, 0, f"lacks the row {row}")
    for row in found:
        if row not in wanted:
            report.error(DOCUMENT, 0, f"is of no metric: {row}")
    return samples


def check_names(report, path, text, samples):
    # names of recording rules have a colon in front
    for name in sorted(set(NAME.findall(re.sub(r":vmtuned_\w+", "", text))) - samples):
        report.error(path, 0, f"there is no metric {name}")


def check_promtool(report, path, *argv):
    code, said = promtool(*argv)
    if code != 0 or "FAILED" in said:
        report.error(path, 0, f"promtool {argv[0]} {argv[1]}: {said.strip()}")


def expressions(dashboard):
    """Of panels and of variables, as Prometheus gets them."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for variable, value in (("$__rate_interval", "5m"), ("$host", ".*"), ("$guest", ".*")):
                expr = expr.replace(variable, value)
            yield expr


def check_dashboard(report, samples):
    try:
        text = report.text(DASHBOARD)
        found = list(expressions(json.loads(text)))
    except (ValueError, KeyError) as error:
        report.error(DASHBOARD, 0, f"is no dashboard: {error!r}")
        return
    check_names(report, DASHBOARD, re.sub(r'"(uid|title)": "[^"]*"', "", text), samples)
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(found)]
    report.seen += len(rules)
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        check_promtool(report, DASHBOARD, "check", "rules", file.name)


def main():
    report = Report()
    rows = []
    for path in report.files(TABLES):
        text = path.read_text(encoding="utf-8")
        rows += ROW.findall(text)
        if len(ROW.findall(text)) != len(re.findall(r'\.family =\s*\{(?!\.name = NULL)', text)):
            report.error(path, 0, "a row of the table cannot be read")
    samples = check_document(report, rows)
    check_names(report, ALERTS, report.text(ALERTS), samples)
    check_promtool(report, ALERTS, "check", "rules", "--lint-fatal", str(report.root / ALERTS))
    check_promtool(report, ALERTS_TEST, "test", "rules", str(report.root / ALERTS_TEST))
    check_dashboard(report, samples)
    report.done("metrics and expressions")


main()
