#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# customize.sh ROOT : makes a Debian root boot fast on a slow machine, once, when the root is made.
# What stays out is nothing that guests or vmtuned ever see: consoles, timers, first-boot work.
set -eu
root=$1

for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer getty.target getty@.service serial-getty@.service \
    libvirt-guests.service logrotate.timer man-db.timer modprobe@efi_pstore.service proc-sys-fs-binfmt_misc.automount \
    sys-fs-fuse-connections.mount sys-kernel-debug.mount systemd-binfmt.service \
    systemd-journal-flush.service systemd-logind.service systemd-machine-id-commit.service \
    systemd-networkd.service systemd-networkd.socket systemd-pcrphase-sysinit.service \
    systemd-pcrphase.service systemd-random-seed.service systemd-timesyncd.service \
    systemd-update-utmp-runlevel.service systemd-update-utmp.service systemd-user-sessions.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# With a machine ID and these stamps nothing thinks that it is the first boot.
echo 6c61620000000000000000000000da7a >"$root/etc/machine-id"
touch "$root/etc/.updated" "$root/var/.updated"

echo lab >"$root/etc/hostname"
echo '127.0.0.1 localhost lab' >"$root/etc/hosts"
useradd --root "$root" --create-home nobodyelse # the unprivileged user of the cases
cat >>"$root/etc/libvirt/qemu.conf" <<'EOF'
security_driver = "none"
remember_owner = 0
EOF
rm -f "$root"/etc/libvirt/qemu/networks/autostart/*.xml

cat >"$root/etc/systemd/system/lab.service" <<'EOF'
[Unit]
Description=What the lab was booted for
Wants=libvirtd.service
After=libvirtd.service dbus.service
[Service]
ExecStart=/bin/sh -c 'mkdir -p /run/lab && tar -xf /dev/vdb -C /run/lab && exec python3 /run/lab/start.py'
StandardOutput=journal+console
StandardError=journal+console
[Install]
WantedBy=multi-user.target
EOF
ln -sf ../lab.service "$root/etc/systemd/system/multi-user.target.wants/lab.service"
