#!/bin/sh
# System tests: the daemon against a real libvirtd with real QEMU guests, all in namespaces of their
# own. Needs root. BUILD_DIR names the flavour to test. Arguments: test names to run (default: all).
# MAIN: another program to run there, with the same modules.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "system tests need root" >&2; exit 1; }
: "${BUILD_DIR:=$here/../../build/plain}"
BUILD_DIR=$(cd "$BUILD_DIR" && pwd)
export BUILD_DIR
export PYTHONPATH="$here/../common:$here"
# The shell stays as process 1 and reaps what QEMU and libvirtd leave behind: libvirtd waits for its
# guests' processes to vanish. The system's Python has the modules of its packages, another may not.
exec unshare --mount --pid --fork --mount-proc --net --kill-child --propagation private \
    sh -c '/usr/bin/python3 "$@"; exit $?' sh "${MAIN:-$here/main.py}" "$@"
