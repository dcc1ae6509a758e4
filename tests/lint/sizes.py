#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No function over 70 lines, no file over 800 lines in src/."""

import subprocess
from common import Report

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 800


def main():
    report = Report()
    files = report.files("src/*/*.[ch]")
    for path in files:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MAX_FILE_LINES:
            report.error(path, lines, f"{lines} lines, {MAX_FILE_LINES} allowed")
    command = ["ctags", "-x", "--languages=C,C++", "--langmap=C:.c.h", "--kinds-C=f", "--_xformat=%n %{end} %N %F"]
    tags = subprocess.run(command + list(map(str, files)), check=True, capture_output=True, text=True).stdout
    for tag in tags.splitlines():
        first, last, name, path = tag.split(maxsplit=3)
        report.seen += 1
        length = int(last) - int(first) + 1
        if length > MAX_FUNCTION_LINES:
            report.error(path, first, f"{name}: {length} lines, {MAX_FUNCTION_LINES} allowed")
    report.done("functions")


main()
