# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: a host that dies in a case is reported, with its console."""

from lab import write

FLAVOURS = ("memory-only",)
EXPECT = "host died"
LAST = True


def case(_):
    write("/proc/sysrq-trigger", "c")
