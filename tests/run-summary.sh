#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-summary.sh DIR RUNNER... : adds up DIR/<runner>. A runner that left nothing, or executed
# nothing, counts as one failure. The last line is the sum, also kept in DIR/total.

dir=$1
shift
passed=0
failed=0
for runner in "$@"; do
    p=0
    f=0
    if [ -s "$dir/$runner" ]; then
        read -r p _ f _ <"$dir/$runner"
    fi
    note=
    if [ $((p + f)) = 0 ]; then
        f=1
        note=' (executed nothing)'
    fi
    printf '  %-10s %5d passed, %d failed%s\n' "$runner" "$p" "$f" "$note"
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed" | tee "$dir/total"
[ $failed = 0 ]
