"""Knobs of disks and IOThreads: cold ones arrive in QEMU at the next start, limits and polling in the
running guest, and what cannot be had is told and harms nothing."""

import os
import tempfile

import test_devices
from truth import virsh, wait_for

RULE = "guests: [{{match: {{name: 'dev*'}}, {}}}]"


class Disks(test_devices.Devices):
    def direct_disk(self, target, bus="virtio"):
        """On a file system where the page cache can be left out."""
        folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        path = os.path.join(folder.name, target)
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_DIRECT))
        except OSError:
            self.skipTest("/var/tmp has no direct I/O")
        return (f"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
                f"<source file='{path}'/><target dev='{target}' bus='{bus}'/></disk>")

    def settled(self, daemon, guest, state="as-planned"):
        """In that state, and nothing more is written."""
        daemon.wait_cycles(3)  # the daemon counts what it wrote at the end of one
        self.wait_state(daemon, guest, state)
        writes = daemon.status(guest)["writes"]
        daemon.wait_cycles(3)
        self.assertEqual(daemon.status(guest)["writes"], writes)

    def iotune(self, guest, target="vda"):
        disk = next(disk for disk in self.live(guest).iter("disk")
                    if disk.find("target").get("dev") == target)
        return {child.tag: child.text for child in disk.find("iotune") or []}

    def wait_iotune(self, guest, wanted):
        try:
            wait_for(f"limits {wanted}", lambda: self.iotune(guest) == wanted)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {self.iotune(guest)}") from None


class Cold(Disks):
    def test_all_but_limits(self):
        devices = (self.direct_disk("vdb") + self.direct_disk("sda", "scsi") +
                   "<controller type='scsi' index='0' model='virtio-scsi'/>")
        guest = self.guest("dev1", vcpus=2, devices=devices, start=False)
        before = guest.config_xml()
        daemon = self.daemon(RULE.format(
            "disk: {cache: none, io: auto, discard: unmap, detect_zeroes: unmap, queues: auto, "
            "queue_size: 128, iothreads: 2}"))
        wait_for("the definition", lambda: self.driver(self.config(guest), "sda").get("io"))
        guest.start()
        cpus = str(min(2, os.cpu_count()))
        live = self.live(guest)
        wanted = {"cache": "none", "io": "native", "discard": "unmap", "detect_zeroes": "unmap"}
        self.assertLessEqual(wanted.items(), self.driver(live, "sda").items())
        wanted |= {"queues": cpus, "queue_size": "128", "iothread": "1"}
        self.assertLessEqual(wanted.items(), self.driver(live, "vdb").items())
        controller = live.find("devices/controller[@type='scsi']/driver").attrib
        self.assertEqual(controller, {"queues": cpus, "iothread": "2"})
        arguments = self.command_line(guest)
        for words in (('"virtio-blk-pci"', f'"num-queues":{cpus}', '"queue-size":128',
                       '"iothread":"iothread1"'),
                      ('"virtio-scsi-pci"', f'"num_queues":{cpus}', '"iothread":"iothread2"'),
                      ('"aio":"native"', '"direct":true', '"discard":"unmap"')):
            self.assertTrue(any(all(word in argument for word in words) for argument in arguments),
                            f"{words} not in {arguments}")
        self.settled(daemon, guest)
        guest.destroy()
        daemon.ctl("restore", guest.name)
        self.assertEqual(guest.config_xml(), before)

    def test_default_words(self):
        guest = self.guest("dev1", devices=self.disk("dev1", "vda", driver="cache='unsafe' io='io_uring'"),
                           start=False)
        daemon = self.daemon(RULE.format("disk: {cache: default, io: threads, discard: ignore, detect_zeroes: off}"))
        wait_for("the definition", lambda: "cache" not in self.driver(self.config(guest)))
        self.assertNotEqual(self.driver(self.config(guest)).get("io"), "io_uring")
        guest.start()
        self.settled(daemon, guest)

    def test_what_cannot_be_had_harms_nothing(self):
        guest = self.guest("dev1", devices=self.disk("dev1", "vda") + self.disk("dev1", "sda", bus="sata"),
                           start=False)
        before = guest.config_xml()
        daemon = self.daemon(RULE.format("disk: {io: native, queue_size: 100, detect_zeroes: unmap, "
                                         "targets: {sda: {queues: 2}, vdz: {cache: none}}}"))
        daemon.wait_cycles(3)
        self.assertEqual(guest.config_xml(), before)
        guest.start()
        self.settled(daemon, guest)


class Live(Disks):
    def test_limits_come_and_go(self):
        guest = self.device_guest()
        daemon = self.daemon(RULE.format(
            "disk: {iotune: {read_iops: 100, read_iops_max: 500, read_iops_max_length: 7, "
            "write_bytes: 1M, size_iops: 4K}}"))
        self.wait_iotune(guest, {"write_bytes_sec": "1048576", "read_iops_sec": "100",
                                 "read_iops_sec_max": "500", "read_iops_sec_max_length": "7",
                                 "size_iops_sec": "4096"})
        self.settled(daemon, guest)
        daemon.write_policy(RULE.format("disk: {iotune: {read_iops: 100, read_iops_max: 500}}"))
        daemon.ctl("reload")
        wait_for("fewer limits", lambda: "write_bytes_sec" not in self.iotune(guest))
        self.settled(daemon, guest)
        daemon.write_policy(RULE.format("disk: {iotune: {total_iops: 100}}"))
        daemon.ctl("reload")
        wait_for("another limit", lambda: self.iotune(guest).get("total_iops_sec") == "100")
        self.settled(daemon, guest)
        daemon.ctl("restore", guest.name)
        self.wait_iotune(guest, {})

    def test_a_group_stays(self):
        tune = "<iotune><total_iops_sec>50</total_iops_sec><group_name>slow</group_name></iotune>"
        guest = self.guest("dev1", devices=self.disk("dev1", "vda", inside=tune))
        daemon = self.daemon(RULE.format("persist: all, disk: {iotune: {total_iops: 70}}"))
        self.wait_iotune(guest, {"total_iops_sec": "70", "group_name": "slow"})
        self.settled(daemon, guest)
        daemon.write_policy(RULE.format("persist: all, disk: {iotune: {total_iops: 0}}"))
        daemon.ctl("reload")
        self.wait_iotune(guest, {})
        self.settled(daemon, guest)
        virsh("define", self.config_file(guest))

    def config_file(self, guest):
        """Its definition as a file, to see that libvirt takes it back."""
        with tempfile.NamedTemporaryFile("w", delete=False) as file:
            file.write(guest.config_xml())
        self.addCleanup(os.unlink, file.name)
        return file.name

    def test_iothreads_are_added_and_poll(self):
        guest = self.device_guest()
        daemon = self.daemon(RULE.format("disk: {iothreads: 2, iothread_poll: {max: 5000}}"))
        wait_for("IOThreads", lambda: self.live(guest).findtext("iothreads") == "2")
        wait_for("the next start's", lambda: self.driver(self.config(guest)).get("iothread") == "1")

        def polls():
            text = virsh("domstats", "--iothread", guest.name).stdout
            return [line for line in text.split() if line.endswith("poll-max-ns=5000")]

        wait_for("polling", lambda: len(polls()) == 2)
        self.settled(daemon, guest, "cold-pending")  # its disk gets an IOThread then
