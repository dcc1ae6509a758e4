#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 'make install' keeps an edited policy; man pages say the version, links between pages hold; 'make uninstall' leaves
# nothing but the policy. That all is there is known by packages.py.

cd "$1" || exit 1
dest=$(mktemp -d) || exit 1
trap 'rm -rf "$dest"' EXIT
wrong=0

complain() {
    echo "Makefile:0: $1"
    wrong=1
}
do_make() {
    make -s DESTDIR="$dest" PREFIX=/usr sysconfdir=/etc "$1" || complain "$1 failed"
}

do_make install
empty=$(find "$dest" -type f -empty -printf '/%P ')
[ -z "$empty" ] || complain "install put nothing into $empty"
for dir in etc/vmtuned/policy.d usr/lib/vmtuned/policy.d; do
    [ -d "$dest/$dir" ] || complain "install did not make /$dir"
done
for unit in "$dest"/usr/lib/systemd/system/*; do
    grep -q '@[a-z]*@' "$unit" && complain "${unit##*/}: a word between @ is left"
done
version=$(sed -n 's/^#define VMTUNED_VERSION "\(.*\)"/\1/p' include/vmtuned/version.h)
for page in "$dest"/usr/share/man/man*/*; do
    grep -qFx ".Os vmtuned $version" "$page" || complain "${page##*/}: it does not say the version"
done
doc=$dest/usr/share/doc/vmtuned
for page in "$doc"/*.md; do
    for link in $(grep -o '\]([^)#:]*)' "$page" | tr -d ']()'); do
        [ -e "$doc/$link" ] || complain "${page##*/} links to $link, which is not installed"
    done
done
count=$(find "$dest" -type f | wc -l)

echo edited >"$dest/etc/vmtuned/policy.yaml"
do_make install
[ "$(cat "$dest/etc/vmtuned/policy.yaml")" = edited ] || complain "install overwrote the policy"
do_make uninstall
left=$(find "$dest" -type f | grep -v '/etc/vmtuned/policy.yaml$')
[ -z "$left" ] || complain "uninstall left $left"
[ $wrong = 0 ] || exit 1
echo "$count files"
