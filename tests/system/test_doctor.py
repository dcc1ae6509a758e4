"""What costs performance, found on real guests: one set up badly, and one well."""

import os

import harness
from harness import Case

# Guests are emulated here, and that is none of their faults; the machine's own interrupts and its
# load are none of the test's.
IGNORED = "emulated, cpu-default-model, hpet, interrupts, run-delay, rival-tuner, emulator-on-vcpus"


class Doctor(Case):
    def disk(self, name, target, bus, driver):
        path = os.path.join(harness.HOST.scratch, f"{name}.img")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        return f"""<disk type='file' device='disk'><driver name='qemu' type='raw' {driver}/>
<source file='{path}'/><target dev='{target}' bus='{bus}'/></disk>"""

    def badly(self):
        """Dedicated, and large, with an emulated disk and NIC, one queue, no IOThread and small pages."""
        return self.guest(
            "badly", vcpus=2, current=1, memory_mib=4096,
            devices=self.disk("bad1", "sda", "sata", "") +
            self.disk("bad2", "vda", "virtio", "cache='none' io='threads' queues='1'") +
            "<interface type='user'><mac address='52:54:00:aa:00:01'/><model type='e1000e'/></interface>")

    def well(self):
        return self.guest(
            "well", iothreads=1,
            devices=self.disk("good", "vda", "virtio", "cache='none' io='native' iothread='1'") +
            "<interface type='user'><mac address='52:54:00:aa:00:02'/><model type='virtio'/></interface>")

    def policy(self, more=""):
        return (f"advice: {{ignore: [{IGNORED}]}}\n"
                f"guests: [{{match: {{name: badly}}, cpu: {{policy: dedicated}}}}]\n{more}")

    @staticmethod
    def rows(daemon, *names):
        return {(row["id"], row["device"]): row
                for row in daemon.json("doctor", *names, check=False)["findings"]}

    def test_badly_and_well(self):
        badly, well = self.badly(), self.well()
        daemon = self.daemon(self.policy())
        self.wait_state(daemon, badly, "as-planned")
        self.wait_state(daemon, well, "as-planned")
        rows = self.rows(daemon, "badly")
        for finding, severity in ((("disk-not-virtio", "sda"), "high"), (("disk-host-cache", "sda"), "medium"),
                                  (("disk-no-iothread", "vda"), "medium"), (("disk-one-queue", "vda"), "low"),
                                  (("disk-io-threads", "vda"), "low"), (("no-hugepages", None), "medium"),
                                  (("nic-not-virtio", "52:54:00:aa:00:01"), "high")):
            self.assertEqual(rows[finding]["severity"], severity)
            self.assertTrue(rows[finding]["policy"] or rows[finding]["command"])
        self.assertEqual({row["guest"] for row in rows.values()}, {"badly"})
        self.assertEqual(daemon.json("doctor", "well")["findings"], [])  # exit status 0
        self.assertIn("nothing found", daemon.ctl("doctor", "well").stdout)
        shown = daemon.ctl("doctor", "badly", check=False)
        self.assertEqual(shown.returncode, 1)
        for words in ("STORAGE\n", "QEMU emulates its sata controller", "policy: disk: {queues: auto}",
                      "virsh edit badly", "/etc/vmtuned/policy.d/60-doctor-"):
            self.assertIn(words, shown.stdout)

    def test_the_drop_in_mends(self):
        """The file as it is printed is a policy, and with it the policy has nothing left to mend."""
        badly = self.badly()
        daemon = self.daemon(self.policy())
        self.wait_state(daemon, badly, "as-planned")
        document = daemon.json("doctor", "badly", check=False)
        folder = os.path.join(daemon.folder, "policy.d")
        os.mkdir(folder)
        path = os.path.join(folder, os.path.basename(document["drop_in"]["file"]))
        # without the host's pools of huge pages, which are the machine's
        text = "".join(line for line in document["drop_in"]["text"].splitlines(True) if "hugepages" not in line)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        daemon.ctl("check", path)
        daemon.ctl("reload")
        self.wait_state(daemon, badly, "cold-pending")
        after = daemon.json("doctor", "badly", check=False)
        self.assertIsNone(after["drop_in"])
        ids = {row["id"] for row in after["findings"]}
        self.assertIn("not-applied", ids)  # what waits for its next start
        self.assertFalse(ids & {"disk-host-cache", "disk-no-iothread", "disk-one-queue", "no-hugepages"})
