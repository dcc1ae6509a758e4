"""Guests that are off: their definitions are tuned for the next start, and nothing else."""

import os

import harness
from harness import Case
from truth import virsh, wait_for

CACHE = "guests: [{match: {name: 'off*'}, cpu: {policy: dedicated}, disk: {cache: none}}]"


class Off(Case):
    def off_guest(self, name="off1"):
        path = os.path.join(harness.HOST.scratch, f"{name}.img")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        return self.guest(name, start=False, devices=f"""<disk type='file' device='disk'>
<driver name='qemu' type='raw' cache='writeback'/><source file='{path}'/><target dev='vda' bus='virtio'/></disk>""")

    @staticmethod
    def config(guest):
        return virsh("dumpxml", "--inactive", guest.name).stdout

    def has_cache(self, guest, word):
        return f"cache='{word}'" in self.config(guest)

    def test_definition_is_tuned_and_put_back(self):
        guest = self.off_guest()
        before = self.config(guest)
        daemon = self.daemon(CACHE)
        wait_for("cache none", lambda: self.has_cache(guest, "none"))
        self.assertEqual(daemon.state_of(guest), "off")
        writes = daemon.status(guest)["writes"]
        daemon.wait_cycles(3)
        self.assertEqual(daemon.status(guest)["writes"], writes)
        daemon.write_policy("guests: [{match: {name: 'off*'}, cpu: {policy: dedicated}}]")
        daemon.ctl("reload")
        wait_for("the first definition", lambda: self.config(guest) == before)

    def test_new_guest_before_its_first_start(self):
        daemon = self.daemon(CACHE)
        guest = self.off_guest()
        wait_for("cache none", lambda: self.has_cache(guest, "none"))
        guest.start()
        self.assertIn("cache='none'", guest.live_xml())
        self.wait_state(daemon, guest, "as-planned")
        self.assertTrue(guest.all_on({1}))

    def test_drift_of_a_definition(self):
        guest = self.off_guest()
        daemon = self.daemon(CACHE)
        wait_for("cache none", lambda: self.has_cache(guest, "none"))
        self.redefine(guest, "cache='none'", "cache='unsafe'")
        wait_for("cache none again", lambda: self.has_cache(guest, "none"))
        wait_for("drift counted", lambda: daemon.status(guest)["drift"] == 1)

    def test_observe_changes_nothing(self):
        guest = self.off_guest()
        before = self.config(guest)
        daemon = self.daemon(CACHE, mode="observe")
        daemon.wait_cycles(3)
        self.assertEqual(self.config(guest), before)
        daemon.ctl("apply", guest.name)
        self.assertTrue(self.has_cache(guest, "none"))

    def test_released_until_its_next_start(self):
        guest = self.off_guest()
        before = self.config(guest)
        daemon = self.daemon(CACHE)
        wait_for("cache none", lambda: self.has_cache(guest, "none"))
        daemon.ctl("restore", guest.name)
        self.assertEqual(self.config(guest), before)
        self.assertEqual(daemon.state_of(guest), "released")
        daemon.stop()
        daemon.start()
        daemon.wait_cycles(3)
        self.assertEqual(self.config(guest), before)
        self.assertEqual(daemon.state_of(guest), "released")
        guest.start()
        wait_for("cache none", lambda: self.has_cache(guest, "none"))

    def test_released_while_it_ran(self):
        guest = self.off_guest()
        guest.start()
        daemon = self.daemon(CACHE)
        wait_for("cache none", lambda: self.has_cache(guest, "none"))
        daemon.ctl("restore", guest.name)
        self.assertTrue(self.has_cache(guest, "writeback"))
        guest.destroy()
        wait_for("seen off", lambda: daemon.status(guest)["state"] == "released"
                 and not daemon.status(guest).get("active", False))
        daemon.wait_cycles(3)
        self.assertTrue(self.has_cache(guest, "writeback"))
        daemon.ctl("apply", guest.name)
        self.assertTrue(self.has_cache(guest, "none"))

    @staticmethod
    def redefine(guest, old, new):
        text = virsh("dumpxml", "--inactive", "--security-info", guest.name).stdout
        assert old in text
        path = os.path.join(harness.HOST.scratch, f"{guest.name}-new.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        virsh("define", path)
