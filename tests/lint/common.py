# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks share: the files of a tree, and the way to report."""

import pathlib
import sys


class Report:
    """Collects what is wrong; done() says how much was looked at and sets the exit status."""

    def __init__(self):
        self.root = pathlib.Path(sys.argv[1])
        self.out = pathlib.Path(sys.argv[2])
        self.wrong = 0
        self.seen = 0

    def files(self, *patterns):
        found = {path for pattern in patterns for path in self.root.glob(pattern)}
        return sorted(path for path in found if path.is_file())

    def text(self, name):
        """The text of a file; '' and a complaint when it is not there."""
        path = self.root / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
        self.error(name, 1, "is not there")
        return ""

    def error(self, path, line, text):
        name = pathlib.Path(path)
        if name.is_relative_to(self.root):
            name = name.relative_to(self.root)
        print(f"{name}:{line}: {text}")
        self.wrong += 1

    def done(self, what):
        if self.seen == 0:
            self.error(".", 0, f"no {what} to look at")
        print(f"{self.seen} {what}")
        sys.exit(1 if self.wrong else 0)
