"""Advice on real guests: what is found, told and left out."""

import os

import harness
from harness import Case
from truth import run, virsh, wait_for


class Advise(Case):
    def disk_guest(self, name):
        path = os.path.join(harness.HOST.scratch, f"{name}.img")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        return self.guest(name, vcpus=2, devices=f"""<disk type='file' device='disk'>
<driver name='qemu' type='raw'/><source file='{path}'/><target dev='sda' bus='sata'/></disk>
<interface type='user'><mac address='52:54:00:aa:00:01'/><model type='e1000e'/></interface>""")

    @staticmethod
    def ids(daemon, *names):
        return {(row["guest"], row["id"], row["device"])
                for row in daemon.json("advise", *names)["advice"]}

    def test_found_told_and_ignored(self):
        guest, other = self.disk_guest("slow"), self.guest("other")
        daemon = self.daemon("guests: [{match: {name: slow}, clock: {profile: windows}}]")
        self.wait_state(daemon, other, "as-planned")
        found = self.ids(daemon)
        for expected in (("slow", "disk-not-virtio", "sda"), ("slow", "disk-host-cache", "sda"),
                         ("slow", "nic-not-virtio", "52:54:00:aa:00:01"), ("slow", "emulated", None),
                         ("slow", "unsupported", "clock.timer hypervclock"), ("other", "emulated", None)):
            self.assertIn(expected, found)
        self.assertEqual({row[0] for row in self.ids(daemon, "other")}, {"other"})
        text = daemon.ctl("advise", "slow").stdout
        self.assertIn("QEMU emulates its sata controller", text)
        self.assertIn("virsh edit slow", text)
        daemon.write_policy("advice: {ignore: [emulated, disk-not-virtio]}")
        daemon.ctl("reload")
        found = self.ids(daemon)
        self.assertFalse({row for row in found if row[1] in ("emulated", "disk-not-virtio")})
        self.assertIn(("slow", "disk-host-cache", "sda"), found)
        self.assertIn("sata", guest.live_xml())  # nothing is changed by itself

    def test_commands_do_it(self):
        """What a running guest alone shows, and commands that are run as they are told."""
        images = [os.path.join(harness.HOST.scratch, f"chain{i}") for i in range(6)]
        run("qemu-img", "create", "-q", "-f", "qcow2", images[0], "1M")
        for below, image in zip(images, images[1:]):
            run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", image)
        self.guest("$(id)", devices=f"""<disk type='file' device='disk'>
<driver name='qemu' type='qcow2' cache='none'/><source file='{images[-1]}'/>
<target dev='vda' bus='virtio'/></disk>""")
        fleeting = self.guest("fleeting", transient=True)
        daemon = self.daemon("guests: [{match: {name: fleeting}}]")
        self.wait_state(daemon, fleeting, "as-planned")
        rows = {row["id"]: row for row in daemon.json("advise")["advice"] if row["command"]}
        self.assertIn("5 images are below", rows["disk-backing-chain"]["reason"])
        for name in ("disk-backing-chain", "transient"):
            run("sh", "-c", rows[name]["command"])
        daemon.ctl("apply", "fleeting")
        self.assertIn("fleeting", virsh("list", "--persistent", "--name").stdout.split())
        self.assertNotIn("backing file", run("qemu-img", "info", "-U", images[-1]).stdout)
        wait_for("both are done", lambda: not {"disk-backing-chain", "transient"} &
                 {row["id"] for row in daemon.json("advise")["advice"]})

    def test_unknown_id_rejects_the_policy(self):
        daemon = self.daemon("")
        daemon.write_policy("advice: {ignore: [emulatd]}")
        done = daemon.ctl("reload", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'emulated'?", done.stdout + done.stderr)
