#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-fuzz.sh WORK SECONDS FUZZER... : runs each fuzzer for SECONDS on tests/fuzz/corpus/<name>, new
# inputs go to WORK/<name>, inputs that break it to WORK/crash-<name>-*. tests/fuzz/<name>.dict is
# used when there.

work=$1
seconds=$2
shift 2
passed=0
failed=0
for fuzzer in "$@"; do
    name=${fuzzer##*/fuzz-}
    mkdir -p "$work/$name" || exit 1
    echo "  FUZZ  $name ($seconds s)"
    set -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$work/crash-$name-"
    if [ -f "tests/fuzz/$name.dict" ]; then
        set -- "$@" -dict="tests/fuzz/$name.dict"
    fi
    if "$fuzzer" "$@" "$work/$name" "tests/fuzz/corpus/$name" >"$work/$name.log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: */    inputs: /p' "$work/$name.log"
        passed=$((passed + 1))
    else
        tail -n 60 "$work/$name.log"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $passed != 0 ] && [ $failed = 0 ]
