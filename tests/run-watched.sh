#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-watched.sh RESULT COMMAND... : runs the command, shown as it goes; its last 'N passed, N failed'
# is left in RESULT. TEST_TIMEOUT (seconds) ends them all. An exit status that contradicts the count
# adds a failure.

result=$1
shift
mkdir -p "$(dirname "$result")" || exit 1
rm -f "$result" "$result.log"
{
    timeout --foreground -k 30 "${TEST_TIMEOUT:-3600}" "$@" </dev/null 2>&1
    echo $? >"$result.status"
} | tee -i "$result.log"
read -r status <"$result.status"
line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$result.log" | tail -n 1)
passed=${line%% *}
failed=${line#*, }
failed=${failed%% *}
if [ "$status" != 0 ] && [ "${failed:-0}" = 0 ]; then
    failed=1
fi
rm -f "$result.status"
echo "${passed:-0} passed, ${failed:-0} failed" | tee "$result"
[ "${passed:-0}" != 0 ] && [ "${failed:-0}" = 0 ]
