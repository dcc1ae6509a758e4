#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-tests.sh RESULT COMMAND... : runs each command (a program with arguments, one word), as many at a
# time as there are CPUs, and leaves 'N passed, N failed' in RESULT. Counts are read from cmocka's
# summary or from a last line of that form; a command without either counts as one test by its exit
# status. A command that executed nothing has failed. TEST_WRAP goes in front of each command;
# TEST_TIMEOUT limits each (seconds). Lines 'figure: …' are added to the file TEST_FIGURES. Start the
# longest first.

export CMOCKA_MESSAGE_OUTPUT=STDOUT
export ASAN_OPTIONS="handle_segv=2:detect_leaks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"

count() {
    awk '
        /^\[  PASSED  \] [0-9]+ test/ { passed += $4; known = 1 }
        /^\[  FAILED  \] [0-9]+ test/ { failed += $4; known = 1 }
        /^[0-9]+ passed, [0-9]+ failed$/ { last_passed = $1; last_failed = $3; line = NR }
        END {
            if (line) { passed += last_passed; failed += last_failed; known = 1 }
            print passed + 0, failed + 0, known + 0
        }' "$1"
}

# Both ends of a long output; all of it stays in RESULT.failed.
excerpt() {
    awk '{ line[NR] = $0 }
        END {
            for (i = 1; i <= NR; i++)
                if (i <= 50 || i > NR - 50) print "    | " line[i]
                else if (i == 51) print "    | [...]"
        }' "$1"
}

# --one DIR NUMBER COMMAND: the report in DIR/NUMBER.report, the output in DIR/NUMBER.failed if it failed.
one() {
    log=$1/$2.log
    # Words are meant to split: a command is a program and its arguments.
    # shellcheck disable=SC2086
    timeout --foreground -k 10 "${TEST_TIMEOUT:-1800}" $TEST_WRAP $3 </dev/null >"$log" 2>&1
    status=$?
    [ -z "${TEST_FIGURES:-}" ] || sed -n 's/^.*figure: /  /p' "$log" >>"$TEST_FIGURES"
    read -r passed failed known <<EOF
$(count "$log")
EOF
    if [ "$known" = 0 ]; then
        [ $status = 0 ] && passed=1 || failed=1
    elif [ $status != 0 ] && [ "$failed" = 0 ]; then
        failed=1
    fi
    word=ok
    if [ "$failed" != 0 ] || [ "$passed" = 0 ]; then
        [ "$failed" != 0 ] || failed=1
        word=FAILED
        { echo "== $3"; cat "$log"; } >"$1/$2.failed"
    fi
    printf '  %-6s %4d passed, %d failed  %.72s%s\n' $word "$passed" "$failed" "$3" \
        "$([ $status = 0 ] || echo " (exit $status)")" >"$1/$2.report"
    [ $word = ok ] || excerpt "$log" >>"$1/$2.report"
    cat "$1/$2.report" # at once: reports of two commands do not mix
    echo "$passed $failed" >"$1/$2.count"
    rm -f "$log"
}

if [ "$1" = --one ]; then
    one "$2" "$3" "$4"
    exit 0
fi

result=$1
shift
rm -rf "$result" "$result.failed" "$result.d"
mkdir -p "$result.d" || exit 1
number=0
for command in "$@"; do
    number=$((number + 1))
    printf '%d\0%s\0' $number "$command"
done | xargs -0 -r -n 2 -P "$(nproc)" "$0" --one "$result.d"
cat "$result.d"/*.failed >"$result.failed" 2>/dev/null || rm -f "$result.failed"
lost=$(($# - $(find "$result.d" -name '*.count' | wc -l))) # ended without a word: failed
total=$(cat "$result.d"/*.count 2>/dev/null | awk -v lost=$lost \
    '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed", passed, failed + lost }')
rm -rf "$result.d"
echo "$total" | tee "$result"
case $total in
"0 passed,"*) exit 1 ;;
*", 0 failed") exit 0 ;;
*) exit 1 ;;
esac
