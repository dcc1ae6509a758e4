#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# early.sh ROOT : before the kernel is installed: its initrd is to hold only what finds the disk.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/lab"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/lab"
