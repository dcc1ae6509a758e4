#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every C file is as clang-format leaves it.

here=$(cd "$(dirname "$0")/../.." && pwd)
cd "$1" || exit 1
files=$(find src include tests -name '*.[ch]' 2>/dev/null | sort)
[ -n "$files" ] || { echo ".:0: no C files"; exit 1; }
# One line for each file: 'make format' does the rest.
# shellcheck disable=SC2086
wrong=$(clang-format --style="file:$here/.clang-format" --dry-run $files 2>&1 |
    sed -n 's/^\([^:]*:[0-9]*\):[0-9]*: warning:.*/\1: not as clang-format has it: make format/p' | sort -u -t: -k1,1)
if [ -n "$wrong" ]; then
    echo "$wrong"
    exit 1
fi
echo "$(echo "$files" | wc -l) files"
