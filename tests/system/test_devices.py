"""Knobs of devices: what is set in a definition arrives in QEMU, live knobs in the running guest, and
nobody's edit, secret or transient guest is lost on the way."""

import os
import signal
import xml.etree.ElementTree as ET

import harness
from harness import Case, preload
from truth import read, run, virsh, wait_for, write, write_at_once

DISK = "guests: [{match: {name: 'dev*'}, disk: {cache: writethrough, discard: unmap}}]"
HAND = "<description>by hand {}</description>"


class Devices(Case):
    """Guests whose definition has a disk, a NIC, a VNC password and an encrypted disk's secret."""

    def disk(self, name, target, driver="", inside="", bus="virtio"):
        path = os.path.join(harness.HOST.scratch, f"{name}-{target}.img")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        return (f"<disk type='file' device='disk'><driver name='qemu' type='raw' {driver}/>"
                f"<source file='{path}'/><target dev='{target}' bus='{bus}'/>{inside}</disk>")

    def device_guest(self, name="dev1", devices="", **options):
        return self.guest(name, devices=self.disk(name, "vda") + devices, **options)

    @staticmethod
    def config(guest):
        return ET.fromstring(guest.config_xml())

    @staticmethod
    def live(guest):
        return ET.fromstring(guest.live_xml())

    @staticmethod
    def driver(domain, target="vda"):
        return next(disk.find("driver").attrib for disk in domain.iter("disk")
                    if disk.find("target").get("dev") == target)

    @staticmethod
    def command_line(guest):
        return read(f"/proc/{guest.pid}/cmdline").split("\0")

    @staticmethod
    def secret_xml(guest):
        return virsh("dumpxml", "--inactive", "--security-info", guest.name).stdout

    def wait_cache(self, guest, word):
        wait_for(f"cache {word}", lambda: self.driver(self.config(guest)).get("cache") == word)


class Editing(Devices):
    """Of persistent definitions, against others who edit too."""

    def racing(self, policy):
        """A daemon that meets another editor, or a libvirt that does nothing, when files say so."""
        daemon = self.daemon(policy, start=False)
        daemon.start_preloaded(preload("edit-race", "virt", "dl"))
        return daemon

    def edit_by_hand(self, daemon, guest, rounds):
        """The next so many reads of a definition are each followed by somebody's edit."""
        write(os.path.join(daemon.folder, "left"), str(rounds))
        script = f"""cd {daemon.folder}
left=$(cat left)
[ "$left" -gt 0 ] || exit 0
virsh -q dumpxml --inactive --security-info {guest.name} >hand.xml
sed -n 's/.*<description>\\(.*\\)<.*/\\1/p' hand.xml >>seen
sed -i "s|<description>.*</description>|<description>by hand $left</description>|" hand.xml
virsh -q define hand.xml
echo $((left - 1)) >left
"""
        write_at_once(os.path.join(daemon.folder, "race"), script)

    @staticmethod
    def seen(daemon):
        path = os.path.join(daemon.folder, "seen")
        return read(path).splitlines() if os.path.exists(path) else []

    def test_edit_between_read_and_define_is_kept(self):
        guest = self.device_guest(start=False, extra=HAND.format(0))
        daemon = self.racing("")
        self.edit_by_hand(daemon, guest, 1)
        daemon.write_policy(DISK)
        daemon.ctl("reload")
        self.wait_cache(guest, "writethrough")
        config = self.config(guest)
        self.assertEqual(config.findtext("description"), "by hand 1")
        self.assertEqual(self.driver(config)["discard"], "unmap")

    def test_no_edit_is_lost_while_others_never_stop(self):
        guest = self.device_guest(start=False, extra=HAND.format(0))
        daemon = self.racing("")
        self.edit_by_hand(daemon, guest, 1000)
        daemon.write_policy(DISK)
        daemon.ctl("reload", check=False)
        try:
            wait_for("some edits", lambda: self.seen(daemon)[9:])
        finally:
            os.unlink(os.path.join(daemon.folder, "race"))
        self.wait_cache(guest, "writethrough")
        seen = self.seen(daemon)
        # each editor saw what the one before had written
        numbers = [int(text.rpartition(" ")[2]) for text in seen[1:]]
        self.assertEqual(numbers, list(range(1000, 1000 - len(numbers), -1)))
        self.assertIn(f"by hand {numbers[-1] - 1}", guest.config_xml())

    def test_define_without_effect_is_found(self):
        guest = self.device_guest(start=False)
        daemon = self.racing("")
        swallow = os.path.join(daemon.folder, "swallow")
        write(swallow, "")
        daemon.write_policy(DISK)
        daemon.ctl("reload", check=False)
        wait_for("it is told", lambda: "had no such effect" in daemon.log_text())
        self.assertNotIn("cache", self.driver(self.config(guest)))
        os.unlink(swallow)
        daemon.ctl("apply", guest.name, check=False)
        self.wait_cache(guest, "writethrough")

    def test_transient_guest_stays_transient(self):
        guest = self.device_guest(transient=True)
        other = self.device_guest("dev2")
        daemon = self.daemon(DISK)
        self.wait_cache(other, "writethrough")
        daemon.wait_cycles(3)
        daemon.ctl("apply", guest.name, check=False)
        self.assertIn("Persistent:     no", virsh("dominfo", guest.name).stdout)
        self.assertNotIn("cache", self.driver(self.live(guest)))
        guest.destroy()
        daemon.wait_cycles(3)
        self.assertNotIn(guest.name, virsh("list", "--all", "--name").stdout.split())

    def test_secrets_are_kept_and_told_nobody(self):
        password, usage = "hu5hhu5h", "3f0e9d0c-1111-4222-8333-00000000cafe"
        luks = self.disk("dev1", "vdb", inside=f"<encryption format='luks'>"
                         f"<secret type='passphrase' uuid='{usage}'/></encryption>")
        vnc = f"<graphics type='vnc' passwd='{password}' listen='127.0.0.1'/>"
        guest = self.device_guest(devices=luks + vnc, start=False)
        before = self.secret_xml(guest)
        self.assertIn(password, before)
        daemon = self.daemon(DISK, extra=("--log-level", "debug"))
        self.wait_cache(guest, "writethrough")
        daemon.wait_cycles(3)
        after = self.secret_xml(guest)
        self.assertIn(f"passwd='{password}'", after)
        self.assertIn(f"uuid='{usage}'", after)
        daemon.ctl("restore", guest.name)
        self.assertEqual(self.secret_xml(guest), before)
        told = daemon.log_text() + daemon.ctl("status", "--json").stdout + \
            daemon.ctl("explain", guest.name, check=False).stdout
        daemon.stop()
        self.assertNotIn(password, told + daemon.log_text())
        for folder, _, names in os.walk(daemon.state):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(password.encode(), file.read(), name)

    def test_managed_save_is_seen(self):
        guest = self.device_guest()
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")
        virsh("managedsave", guest.name)
        daemon.write_policy(DISK)
        daemon.ctl("reload")
        self.wait_cache(guest, "writethrough")
        guest.start()
        # the saved memory's definition counts, not the new one
        self.assertNotIn("cache", self.driver(self.live(guest)))
        self.assertEqual(self.driver(self.config(guest))["cache"], "writethrough")


class NextStart(Devices):
    """Cold knobs of each group: set while the guest is off, read back from live XML and from QEMU's
    command line, then put back."""

    def arrives(self, policy, checks, in_command_line, start=False, host="", **options):
        """start: what goes by the placement is planned while the guest runs."""
        guest = self.device_guest(start=start, **options)
        before = guest.config_xml()
        daemon = self.daemon(f"{host}\nguests: [{{match: {{name: 'dev*'}}, {policy}}}]")
        try:
            wait_for("the definition", lambda: all(check(self.config(guest)) for check in checks))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{guest.config_xml()}") from None
        if start:
            guest.destroy()
        guest.start()
        self.assertTrue(all(check(self.live(guest)) for check in checks), guest.live_xml())
        arguments = self.command_line(guest)
        for words in in_command_line:
            self.assertTrue(any(all(word in argument for word in words) for argument in arguments),
                            f"{words} not in {arguments}")
        self.wait_state(daemon, guest, "as-planned")
        writes = daemon.status(guest)["writes"]
        daemon.wait_cycles(3)
        self.assertEqual(daemon.status(guest)["writes"], writes)
        guest.destroy()
        daemon.ctl("restore", guest.name)
        self.assertEqual(guest.config_xml(), before)

    def test_disk(self):
        self.arrives(
            "disk: {cache: unsafe, discard: unmap, detect_zeroes: on}",
            [lambda domain: self.driver(domain).get("cache") == "unsafe",
             lambda domain: self.driver(domain).get("detect_zeroes") == "on"],
            [('libvirt-1-format', '"discard":"unmap"'), ('"detect-zeroes":"on"',), ('"no-flush":true', '"direct":false')])

    def test_network(self):
        def driver(domain):
            return domain.find("devices/interface/driver")

        self.arrives(
            "network: {driver: auto, queues: 2, rx_queue_size: 512, event_idx: off}",
            [lambda domain: driver(domain) is not None and driver(domain).get("queues") == "2",
             lambda domain: driver(domain).get("rx_queue_size") == "512"],
            [("virtio-net-pci", '"mq":true', '"rx_queue_size":512', '"event_idx":false'),
             ('"type":"tap"', '"fds":')],
            devices="<interface type='ethernet'><mac address='52:54:00:00:00:01'/>"
                    "<model type='virtio'/></interface>")

    def test_clock_of_linux(self):
        def timer(domain, name):
            found = domain.find(f"clock/timer[@name='{name}']")
            return {} if found is None else found.attrib

        self.arrives(
            "clock: {profile: auto}",
            [lambda domain: timer(domain, "hpet").get("present") == "no",
             lambda domain: timer(domain, "rtc").get("tickpolicy") == "catchup",
             lambda domain: timer(domain, "pit").get("tickpolicy") == "delay",
             # KVM's own clock cannot be had without KVM
             lambda domain: timer(domain, "kvmclock") == {}],
            [("hpet",), ("driftfix=slew",)],
            extra="<metadata><libosinfo:libosinfo"
                  " xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
                  "<libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo></metadata>")

    def test_clock_of_windows_without_kvm(self):
        self.arrives(
            "clock: {profile: windows}",
            [lambda domain: domain.find("clock/timer[@name='hpet']") is not None,
             lambda domain: domain.find("features/hyperv") is None],
            [("driftfix=slew",)])

    def test_cpu(self):
        def topology(domain):
            found = domain.find("cpu/topology")
            return {} if found is None else found.attrib

        self.arrives(
            "cpu: {policy: dedicated, topology: host, cache: emulate, hints: on}",
            [lambda domain: topology(domain).get("sockets") == "1",
             lambda domain: domain.find("cpu/cache") is not None,
             lambda domain: domain.find("features/kvm") is None],
            [("l3-cache=on",), ("2,sockets=1,",)],
            start=True, host='host: {housekeeping_cpus: ""}', vcpus=2)

    def test_cells_are_bound(self):
        def bound(domain):
            return [node.attrib for node in domain.iterfind("numatune/memnode")]

        cells = "".join(f"<cell id='{i}' cpus='{i}' memory='16' unit='MiB'/>" for i in range(2))
        self.arrives(
            "cpu: {policy: dedicated}, numa: {guest_cells: host}",
            [lambda domain: bound(domain) == [{"cellid": str(i), "mode": "strict", "nodeset": "0"}
                                              for i in range(2)]],
            [("memory-backend-ram", "ram-node1", '"host-nodes":[0]', '"policy":"bind"')],
            start=True, host='host: {housekeeping_cpus: ""}', vcpus=2, cells=f"<numa>{cells}</numa>")


class Running(Devices):
    """Live knobs, read back from QEMU and the kernel."""

    @staticmethod
    def monitor(guest, command):
        return virsh("qemu-monitor-command", guest.name, "--hmp", command).stdout

    def polling(self, guest):
        return self.monitor(guest, "info iothreads").count("poll-max-ns=5000")

    def test_iothreads_added_live_are_pinned_and_poll_again_after_a_start(self):
        guest = self.device_guest()
        daemon = self.daemon("guests: [{match: {name: 'dev*'}, cpu: {iothreads: '0'},"
                             " disk: {iothreads: 2, iothread_poll: {max: 5000}}}]")
        wait_for("IOThreads", lambda: "IO iothread2" in [thread.comm for thread in guest.threads()])
        for name in ("IO iothread1", "IO iothread2"):
            wait_for(f"{name} pinned", lambda name=name: guest.thread(name).cpus == {0})
        wait_for("libvirt's pin, which comes after that of the threads", lambda: guest.cpuset("iothread2") == {0})
        wait_for("polling", lambda: self.polling(guest) == 2)
        self.wait_state(daemon, guest, "cold-pending")  # its disk gets an IOThread then
        guest.destroy()
        guest.start()  # as its definition has it: without
        wait_for("polling again", lambda: self.polling(guest) == 2)
        wait_for("pinned again", lambda: guest.thread("IO iothread2").cpus == {0})
        self.wait_state(daemon, guest, "as-planned")
        daemon.ctl("restore", guest.name)
        self.assertEqual(self.polling(guest), 0)

    def test_disk_limits_arrive_in_qemu(self):
        guest = self.device_guest()
        daemon = self.daemon("guests: [{match: {name: 'dev*'},"
                             " disk: {iotune: {total_iops: 150, write_bytes: 1MiB}}}]")
        wait_for("limits", lambda: "iops=150" in self.monitor(guest, "info block"))
        self.assertIn("bps_wr=1048576", self.monitor(guest, "info block"))
        self.assertIn("150", virsh("blkdeviotune", guest.name, "vda", "--live").stdout)
        self.wait_state(daemon, guest, "as-planned")
        virsh("blkdeviotune", guest.name, "vda", "--total-iops-sec", "9", "--live")
        wait_for("the drift's repair", lambda: "iops=150" in self.monitor(guest, "info block"))
        daemon.ctl("restore", guest.name)
        self.assertNotIn("I/O throttling", self.monitor(guest, "info block"))

    def test_bandwidth_or_its_refusal(self):
        mac = "52:54:00:00:00:02"
        guest = self.device_guest(devices=f"<interface type='ethernet'><mac address='{mac}'/>"
                                          "<model type='virtio'/></interface>")
        daemon = self.daemon("guests: [{match: {name: 'dev*'},"
                             " network: {outbound: {average: 1MB, peak: 2MB}}}]")
        wait_for("a result", lambda: daemon.status(guest)["writes"] > 0)
        daemon.wait_cycles(3)
        writes, state = daemon.status(guest)["writes"], daemon.state_of(guest)
        daemon.wait_cycles(3)
        # a kernel that cannot do it is asked once, and the rest of the guest is as planned
        self.assertEqual(daemon.status(guest)["writes"], writes)
        outbound = self.live(guest).find("devices/interface/bandwidth/outbound")
        if outbound is not None:
            self.assertEqual((state, outbound.get("average")), ("as-planned", "1000"))
            self.assertIn("police", run("tc", "filter", "show", "dev", "vnet0", "parent", "ffff:").stdout)
        else:
            self.assertEqual(daemon.log_text().count("net.outbound"), 1, daemon.log_text())

    def test_hung_guests_with_iothreads_hold_up_nobody(self):
        # as many as a connection to libvirt takes calls
        hung = [self.guest(f"shared{i}", iothreads=1) for i in range(3)]
        daemon = self.daemon("guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]")
        for guest in hung:
            self.wait_state(daemon, guest, "as-planned")
        for guest in hung:
            os.kill(guest.pid, signal.SIGSTOP)
        try:
            daemon.ctl("reload", check=False)  # a look at all of each, with IOThreads' statistics
            guest = self.guest("ded1", iothreads=1)
            self.wait_all_on(guest, {1})
            for other in hung:
                self.wait_all_on(other, {0})
            self.wait_state(daemon, guest, "as-planned")
        finally:
            for other in hung:
                os.kill(other.pid, signal.SIGCONT)
        for other in hung:
            self.wait_state(daemon, other, "as-planned")
