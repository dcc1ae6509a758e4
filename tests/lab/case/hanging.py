# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: a case that hangs is ended, with what it started, and reported as hung."""

from lab import run

FLAVOURS = ("memory-only",)
EXPECT = "hung"
LIMIT = 5


def case(_):
    run("sleep", "1000", timeout=1000)
