#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh OUT RESULT : every check of this folder on the source tree, OUT being a built flavour. Each
# first proves on a bad sample that it can fail. A check is called with the root of a source tree
# and OUT; it prints what is wrong as file:line: text, or how much it looked at.

out=$1
result=$2
here=tests/lint
export PYTHONDONTWRITEBYTECODE=1
passed=0
failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

judge() { # STATUS WHAT
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        printf '  ok      %-22s %s\n' "$2" "$(tail -n 1 "$log")"
    else
        failed=$((failed + 1))
        cat "$log"
        printf '  FAILED  %s\n' "$2"
    fi
}

for check in includes.py purity.py format.sh cppcheck.sh documented.py sizes.py tidy.py manpages.sh verbs.py \
    install.sh packages.py dist.sh; do
    "$here/selftest.sh" "$check" >"$log" 2>&1
    judge $? "${check%.*} can fail"
    "$here/$check" . "$out" >"$log" 2>&1
    judge $? "${check%.*}"
done

mkdir -p "$(dirname "$result")"
echo "$passed passed, $failed failed" | tee "$result"
[ $failed = 0 ]
