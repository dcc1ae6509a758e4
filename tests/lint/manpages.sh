#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# mandoc finds nothing wrong in the man pages.

cd "$1" || exit 1
set -- docs/*.[1-8]
[ -f "$1" ] || { echo "docs:0: no man pages"; exit 1; }
# -W warning: errors and warnings count, style and base-system advice do not.
mandoc -T lint -W warning "$@" >&2 || exit 1
echo "$# pages"
