# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: a case that fails is reported as failed."""

FLAVOURS = ("memory-only",)
EXPECT = "failed"


def case(host):
    assert host.state is None, "on purpose"
