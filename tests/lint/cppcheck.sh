#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# cppcheck on src/; what it gets wrong is in cppcheck.supp, each with its reason.

here=$(cd "$(dirname "$0")" && pwd)
cache=$2/cppcheck
mkdir -p "$cache" || exit 1
cache=$(cd "$cache" && pwd)
cd "$1" || exit 1
cppcheck -q -j2 --error-exitcode=1 --std=c11 --platform=unix64 --enable=warning,performance,portability \
    --library=gnu --library=posix --library=gtk --inline-suppr --suppressions-list="$here/cppcheck.supp" \
    --template='{file}:{line}: {severity}: {message} [{id}]' --cppcheck-build-dir="$cache" \
    -D__GNUC__=12 '-DG_GNUC_PRINTF(format,first)=' -I src -I include src || exit 1
echo "$(find src -name '*.c' | wc -l) files"
