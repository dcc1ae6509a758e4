#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-tests.sh RESULT COMMAND... : runs each command (a program with arguments, one word) and leaves
# 'N passed, N failed' in RESULT. Counts are read from cmocka's summary or from a last line of that
# form; a command without either counts as one test by its exit status. A command that executed
# nothing has failed. TEST_WRAP goes in front of each command; TEST_TIMEOUT limits each (seconds).

result=$1
shift
mkdir -p "$(dirname "$result")" || exit 1
rm -f "$result" "$result.failed"
log=$result.log
total_passed=0
total_failed=0

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
        }' "$log"
}

for command in "$@"; do
    # Words are meant to split: a command is a program and its arguments.
    # shellcheck disable=SC2086
    timeout -k 10 "${TEST_TIMEOUT:-1800}" $TEST_WRAP $command </dev/null >"$log" 2>&1
    status=$?
    read -r passed failed known <<EOF
$(count)
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
        # Both ends of a long output; all of it stays in RESULT.failed.
        awk '{ line[NR] = $0 }
            END {
                for (i = 1; i <= NR; i++)
                    if (i <= 50 || i > NR - 50) print "    | " line[i]
                    else if (i == 51) print "    | [...]"
            }' "$log"
        { echo "== $command"; cat "$log"; } >>"$result.failed"
    fi
    printf '  %-6s %4d passed, %d failed  %.72s%s\n' $word "$passed" "$failed" "$command" \
        "$([ $status = 0 ] || echo " (exit $status)")"
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
done

rm -f "$log"
echo "$total_passed passed, $total_failed failed" | tee "$result"
[ $total_passed != 0 ] && [ $total_failed = 0 ]
