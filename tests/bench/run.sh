#!/bin/sh
# Measurements, as ratios to a floor taken in the same run. As root also beside real guests.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${BUILD_DIR:=$here/../../build/plain}"
BUILD_DIR=$(cd "$BUILD_DIR" && pwd)
export BUILD_DIR
"$BUILD_DIR/tests/bench/bench"
python3 "$here/plan-grid.py" "$BUILD_DIR/plan-grid.svg"
"$here/../optimal/run.py" --missed
if [ "$(id -u)" = 0 ]; then
    exec env MAIN="$here/live.py" "$here/../system/run.sh"
fi
echo "not root: nothing measured beside real guests"
