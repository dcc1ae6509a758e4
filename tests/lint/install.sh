#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 'make install' puts everything in place and keeps an edited policy; 'make uninstall' leaves nothing
# but the policy.

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
for file in usr/sbin/vmtuned usr/bin/vmtuned-ctl etc/vmtuned/policy.yaml usr/lib/systemd/system/vmtuned.service \
    usr/lib/systemd/catalog/vmtuned.catalog usr/share/dbus-1/system.d/org.vmtuned1.conf \
    usr/share/polkit-1/actions/org.vmtuned.policy usr/share/bash-completion/completions/vmtuned-ctl \
    usr/share/zsh/site-functions/_vmtuned-ctl usr/share/fish/vendor_completions.d/vmtuned-ctl.fish \
    usr/share/man/man8/vmtuned.8 usr/share/man/man1/vmtuned-ctl.1 usr/share/man/man5/vmtuned-policy.5 \
    usr/include/vmtuned/message-ids.h; do
    [ -s "$dest/$file" ] || complain "install did not put /$file in place"
done
for dir in etc/vmtuned/policy.d usr/lib/vmtuned/policy.d; do
    [ -d "$dest/$dir" ] || complain "install did not make /$dir"
done
grep -q '@[a-z]*@' "$dest/usr/lib/systemd/system/vmtuned.service" && complain "vmtuned.service: a word between @ is left"
count=$(find "$dest" -type f | wc -l)

echo edited >"$dest/etc/vmtuned/policy.yaml"
do_make install
[ "$(cat "$dest/etc/vmtuned/policy.yaml")" = edited ] || complain "install overwrote the policy"
do_make uninstall
left=$(find "$dest" -type f | grep -v '/etc/vmtuned/policy.yaml$')
[ -z "$left" ] || complain "uninstall left $left"
[ $wrong = 0 ] || exit 1
echo "$count files"
