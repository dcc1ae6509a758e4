#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 'make dist', and the tarball again from what is in it: the same bytes.

cd "$1" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^#define VMTUNED_VERSION "\(.*\)"/\1/p' include/vmtuned/version.h)
name=vmtuned-$version
export XZ_OPT=-1 # the time is not for making it small

make -s dist BUILD="$work/first" >/dev/null || exit 1
tar -C "$work" -xf "$work/first/dist/$name.tar.xz" || exit 1
cd "$work/$name" || exit 1
make -s dist BUILD="$work/second" >/dev/null || exit 1
if ! cmp "$work/first/dist/$name.tar.xz" "$work/second/dist/$name.tar.xz"; then
    echo "Makefile:0: made from itself, the tarball is another"
    exit 1
fi
tar -tf "$work/first/dist/$name.tar.xz" | wc -l | sed 's/$/ files/'
