#!/bin/sh
# Measurements, as ratios to a floor taken in the same run. As root also beside real guests.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${BUILD_DIR:=$here/../../build/plain}"
BUILD_DIR=$(cd "$BUILD_DIR" && pwd)
export BUILD_DIR
export PYTHONPATH="$here/../common:$here/../system"
"$BUILD_DIR/tests/bench/bench"
python3 "$here/plan-grid.py" "$BUILD_DIR/plan-grid.svg"
"$here/../optimal/run.py" --missed
if [ "$(id -u)" = 0 ]; then
    exec unshare --mount --pid --fork --mount-proc --net --kill-child --propagation private \
        sh -c 'python3 "$@"; exit $?' sh "$here/live.py"
fi
echo "not root: nothing measured beside real guests"
