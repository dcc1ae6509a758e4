#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run-setup.sh DEB DEB_IF_THERE RPM DEB_PROGRAMS TOOLS : installs the packages of the list for this
# system that are missing; those of DEB_IF_THERE only where the release has them. Of DEB_PROGRAMS
# (PACKAGE:PROGRAM) only the program is unpacked, to the folder TOOLS. Nothing missing: nothing is done.

deb=$1
deb_if_there=$2
rpm=$3
deb_programs=$4
tools=$5

deb_missing() {
    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
        installed*) ;;
        *) echo "$package" ;;
        esac
    done
}

need_root() {
    if [ "$(id -u)" != 0 ]; then
        echo "setup: needs root to install:" "$@" >&2
        exit 1
    fi
}

unpack() { # PACKAGE PROGRAM
    command -v "$2" >/dev/null || [ -x "$tools/$2" ] && return
    mkdir -p "$tools" && scratch=$(mktemp -d "$tools/XXXXXX") || return 1
    (cd "$scratch" && apt-get download -q -o APT::Sandbox::User=root "$1" &&
        dpkg-deb --fsys-tarfile ./*.deb | tar -x "./usr/bin/$2" && mv "usr/bin/$2" ..)
    status=$?
    rm -rf "$scratch"
    return $status
}

setup_apt() {
    # Package lists are meant to split into words, here and below.
    # shellcheck disable=SC2086
    needed=$(deb_missing $deb)
    # shellcheck disable=SC2086
    wished=$(for package in $(deb_missing $deb_if_there); do
        apt-cache show "$package" >/dev/null 2>&1 && echo "$package"
    done)
    if [ -n "$needed$wished" ]; then
        # shellcheck disable=SC2086
        need_root $needed $wished
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q || exit 1
        # shellcheck disable=SC2086
        wished=$(for package in $(deb_missing $deb_if_there); do
            apt-cache show "$package" >/dev/null 2>&1 && echo "$package"
        done)
        # shellcheck disable=SC2086
        apt-get install -y -q --no-install-recommends $needed $wished || exit 1
    fi
    for entry in $deb_programs; do
        unpack "${entry%%:*}" "${entry#*:}" || exit 1
    done
}

setup_dnf() {
    # shellcheck disable=SC2086
    needed=$(for package in $rpm; do
        rpm -q --quiet --whatprovides "$package" || echo "$package"
    done)
    if [ -n "$needed" ]; then
        # shellcheck disable=SC2086
        need_root $needed
        # shellcheck disable=SC2086
        dnf install -y --setopt=install_weak_deps=False $needed || exit 1
    fi
}

if command -v apt-get >/dev/null; then
    setup_apt
elif command -v dnf >/dev/null; then
    setup_dnf
else
    echo "setup: neither apt-get nor dnf here" >&2
    exit 1
fi
echo "setup: every package is there"
