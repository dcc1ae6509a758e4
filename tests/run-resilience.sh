#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-resilience.sh RESULT COMMAND... : as run-tests.sh, and prints what was tried: the lines
# 'figure: …' of every command.

here=$(cd "$(dirname "$0")" && pwd)
figures=$(mktemp) || exit 1
trap 'rm -f "$figures"' EXIT
TEST_FIGURES=$figures "$here/run-tests.sh" "$@" | sed '$d'
cat "$figures"
tail -n 1 "$1"
read -r passed _ failed _ <"$1"
[ "$passed" != 0 ] && [ "$failed" = 0 ]
