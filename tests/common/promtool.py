# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prometheus's own checks of metrics and rules."""

import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# "make setup" puts it there where the package would start a service
PROMTOOL = shutil.which("promtool") or os.path.join(ROOT, "build/tools/promtool")


def promtool(*argv, stdin=None):
    """(exit status, all that it said)"""
    done = subprocess.run((PROMTOOL, *argv), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)
    return done.returncode, done.stdout
