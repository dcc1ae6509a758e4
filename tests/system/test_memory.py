"""Memory of real guests: pages and residency against numa_maps, cold knobs, pools of huge pages. The pool of the
machine is used with care: a few pages more, and back to what it was."""

import re

from harness import Case
from test_pending import Power
from truth import read, run, taskset, virsh, wait_for, write

POOL = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"
MIB = 32  # of every guest
BACKING = "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"


CAP_SYS_RESOURCE = 1 << 24


def may_lock():
    """libvirtd raises the limit of what a guest may lock: not in every container."""
    return bool(int(re.search(r"CapEff:\s+(\w+)", read("/proc/self/status")).group(1), 16) & CAP_SYS_RESOURCE)


def pages():
    return int(read(POOL + "nr_hugepages"))


def huge_kib(guest):
    """Node → KiB in huge pages, from numa_maps."""
    nodes = {}
    for line in read(f"/proc/{guest.pid}/numa_maps").splitlines():
        if " huge " not in line:
            continue
        size = int(re.search(r"kernelpagesize_kB=(\d+)", line).group(1))
        for node, count in re.findall(r" N(\d+)=(\d+)", line):
            nodes[int(node)] = nodes.get(int(node), 0) + int(count) * size
    return nodes


class Pages(Case):
    """May add huge pages; the pool is then what it was."""

    def setUp(self):
        super().setUp()
        self.preserve(POOL + "nr_hugepages")

    def more_pages(self, count):
        wanted = pages() + count
        write(POOL + "nr_hugepages", str(wanted))
        self.assertEqual(pages(), wanted)


class Memory(Pages):
    @staticmethod
    def reported(daemon, guest):
        """Node → KiB in huge pages, from status."""
        rows = daemon.status(guest)["memory"] or []
        return {row["node"]: row["kib"] for row in rows if row["page_kib"] == 2048 and not row["transparent"]}

    def test_huge_pages_are_measured(self):
        self.more_pages(MIB // 2)
        guest = self.guest("huge1", extra=BACKING)
        daemon = self.daemon("guests: [{match: {name: huge1}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(huge_kib(guest), {0: MIB * 1024})
        self.assertEqual(self.reported(daemon, guest), huge_kib(guest))
        self.assertEqual(daemon.status(guest)["locality_pct"], 100)
        text = daemon.ctl("explain", "huge1").stdout
        self.assertRegex(text, r"Memory: node 0 \S+ \(.*2MiB pages 32MiB.*100% where its vCPUs are")

    def test_ordinary_pages_are_measured(self):
        guest = self.guest("small1")
        daemon = self.daemon("guests: [{match: {name: small1}}]")
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(self.reported(daemon, guest), {})
        rows = daemon.status(guest)["memory"]
        total = sum(row["kib"] for row in rows)
        seen = sum(int(count) * 4 for line in read(f"/proc/{guest.pid}/numa_maps").splitlines()
                   if "anon=" in line for count in re.findall(r" N0=(\d+)", line))
        self.assertTrue(0.5 * seen < total < 2 * seen + 8192, (total, seen))

    def test_pool_grows_for_a_guest_and_goes_back(self):
        before = pages()
        guest = self.guest("pool1", start=False, extra=BACKING)
        short = self.daemon("guests: [{match: {name: pool1}}]")
        unused = int(read(POOL + "free_hugepages"))
        if unused < MIB // 2:
            wait_for("the shortage", lambda: short.status(guest)["text"] ==
                     f"will not start on node 0: {MIB // 2 - unused} pages of 2 MiB short")
        short.stop()

        daemon = self.daemon("host: {hugepages: auto}\nguests: [{match: {name: pool1}}]")
        wait_for("pages for it", lambda: int(read(POOL + "free_hugepages")) >= MIB // 2)
        self.assertLessEqual(pages(), before + MIB // 2)
        grown = pages()
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        daemon.wait_cycles(3)
        self.assertEqual(huge_kib(guest), {0: MIB * 1024})
        self.assertEqual(pages(), grown)
        guest.destroy()
        daemon.write_policy("host: {hugepages: auto}")
        daemon.ctl("reload")
        wait_for("the pool as before", lambda: pages() == before)
        self.assertEqual(daemon.json("host", check=False)["host"]["state"], "as-planned")

    def test_pool_that_somebody_else_changes(self):
        """What they add stays, what they take is made up for."""
        before, others = pages(), 8
        self.guest("pool1", start=False, extra=BACKING)
        daemon = self.daemon("host: {hugepages: auto}\nguests: [{match: {name: pool1}}]")
        wait_for("pages for it", lambda: int(read(POOL + "free_hugepages")) >= MIB // 2)
        grown = pages()
        write(POOL + "nr_hugepages", str(grown + others))
        daemon.wait_cycles(3)  # they see it
        self.assertEqual(pages(), grown + others)
        write(POOL + "nr_hugepages", str(before + others))
        wait_for("pages for it again", lambda: int(read(POOL + "free_hugepages")) >= MIB // 2)
        wait_for("all as planned", lambda: daemon.json("host", check=False)["host"]["state"] == "as-planned")

    def test_a_pool_that_grows_undoes_no_foreign_change(self):
        guest = self.guest("noted")
        daemon = self.daemon("guests: [{match: {name: noted}, drift: report}]")
        self.wait_state(daemon, guest, "as-planned")
        taskset(guest.vcpu(0).tid, "0")
        self.wait_state(daemon, guest, "drifted")
        self.more_pages(1)
        wait_for("the pool is seen", lambda: "page pools or devices changed" in daemon.log_text())
        daemon.wait_cycles(3)
        self.assertEqual(guest.vcpu(0).cpus, {0})
        self.assertEqual(daemon.state_of(guest), "drifted")

    def test_pool_goes_back_with_restore_without_the_daemon(self):
        before = pages()
        self.guest("pool2", start=False, extra=BACKING)
        daemon = self.daemon("host: {hugepages: {mode: auto, pools: [{node: 0, size: 2MiB, min: %d}]}}" % (before + 8))
        wait_for("the least of the pool", lambda: pages() == before + 8)
        daemon.stop()
        self.assertEqual(pages(), before + 8)
        run(*daemon.argv("--restore"))
        self.assertEqual(pages(), before)


class ColdMemory(Pages):
    """Memory knobs go into the persistent definition, come true at the next start, and go back."""

    LOCKED = "on" if may_lock() else "off"
    WANTS = f"""guests:
  - match: {{name: '*'}}
    memory: {{page_size: 2MiB, nosharepages: on, locked: {LOCKED}, allocation_threads: 2}}"""
    KNOBS = ("memory.allocation_threads", "memory.nosharepages", "memory.page_size")

    @staticmethod
    def first(guest):
        return virsh("dumpxml", "--inactive", guest.name).stdout

    @staticmethod
    def restart(guest):
        guest.destroy()
        guest.start()

    @staticmethod
    def unsupported(daemon, guest):
        """(knob, reason)"""
        return {(row["device"], row["reason"]) for row in daemon.json("advise", guest.name)["advice"]
                if row["id"] == "unsupported"}

    def assert_on_pages(self, guest):
        live = guest.live_xml()
        self.assertIn("<page size='2048' unit='KiB'/>", live)
        self.assertIn("<nosharepages/>", live)
        self.assertRegex(live, r"<allocation [^>]*threads='2'/>")
        argv = read(f"/proc/{guest.pid}/cmdline").replace("\0", " ")
        self.assertIn("mem-merge=off", argv)
        self.assertIn('"prealloc-threads":2', argv)
        self.assertEqual(huge_kib(guest), {0: MIB * 1024})
        if not may_lock():
            return
        self.assertIn("<locked/>", live)
        self.assertIn("mem-lock=on", argv)
        locked = int(re.search(r"VmLck:\s+(\d+) kB", read(f"/proc/{guest.pid}/status")).group(1))
        self.assertGreaterEqual(locked, MIB * 1024)

    def test_all_come_true_and_go_back(self):
        guest = self.guest("cold1")
        first = self.first(guest)
        self.assertEqual(huge_kib(guest), {})
        daemon = self.daemon(self.WANTS)
        self.wait_state(daemon, guest, "cold-pending")
        told = daemon.ctl("pending", "cold1", check=False).stdout
        for knob in self.KNOBS:
            self.assertIn(knob, told)
        self.more_pages(MIB // 2)
        self.restart(guest)
        self.wait_state(daemon, guest, "as-planned")
        self.assert_on_pages(guest)
        daemon.ctl("restore", "cold1", check=False)
        self.assertEqual(self.first(guest), first)
        self.restart(guest)
        self.assertEqual(huge_kib(guest), {})

    def test_what_else_backs_it_stays(self):
        """As a guest with vhost-user has it: memory others can map."""
        guest = self.guest("shared1", start=False, extra="""<memoryBacking><source type='memfd'/>
<access mode='shared'/><allocation mode='immediate'/></memoryBacking>""")
        first = self.first(guest)
        daemon = self.daemon(self.WANTS)
        wait_for("huge pages", lambda: "<hugepages>" in guest.config_xml())
        self.more_pages(MIB // 2)
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        self.assert_on_pages(guest)
        live = guest.live_xml()
        self.assertIn("<source type='memfd'/>", live)
        self.assertIn("<access mode='shared'/>", live)
        self.assertIn("<allocation mode='immediate' threads='2'/>", live)
        self.assertIn('"hugetlb":true', read(f"/proc/{guest.pid}/cmdline"))
        daemon.ctl("restore", "shared1", check=False)
        self.assertEqual(self.first(guest), first)

    def test_what_libvirt_refuses_leaves_the_rest(self):
        guest = self.guest("refused1", start=False,
                           extra="<memoryBacking><allocation mode='ondemand'/></memoryBacking>")
        daemon = self.daemon(self.WANTS)
        wait_for("the others", lambda: "<nosharepages/>" in guest.config_xml())
        wait_for("the refusal", lambda: any(device == "memory.page_size" and "allocation" in reason
                                            for device, reason in self.unsupported(daemon, guest)))
        self.assertNotIn("<hugepages>", guest.config_xml())
        self.assertIn("<allocation mode='ondemand' threads='2'/>", guest.config_xml())

    def test_locked_is_a_definition_libvirt_takes(self):
        guest = self.guest("locked1", start=False)
        first = self.first(guest)
        daemon = self.daemon("guests: [{match: {name: locked1}, memory: {locked: on}}]")
        wait_for("the definition", lambda: "<locked/>" in guest.config_xml())
        daemon.write_policy("guests: [{match: {name: locked1}}]")
        daemon.ctl("reload")
        wait_for("the first definition", lambda: self.first(guest) == first)

    def test_small_takes_huge_pages_away(self):
        guest = self.guest("small2", start=False, extra=BACKING)
        first = self.first(guest)
        daemon = self.daemon("guests: [{match: {name: small2}, memory: {page_size: small}}]")
        wait_for("no huge pages", lambda: "<memoryBacking>" not in guest.config_xml())
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(huge_kib(guest), {})
        daemon.write_policy("guests: [{match: {name: small2}, memory: {page_size: any}}]")
        daemon.ctl("reload")
        wait_for("the first definition", lambda: self.first(guest) == first)

    def test_pages_by_cell_are_left_alone(self):
        pages_xml = "<page size='2048' unit='KiB' nodeset='0'/>"
        guest = self.guest("cells1", vcpus=2, start=False,
                           extra=f"<memoryBacking><hugepages>{pages_xml}</hugepages></memoryBacking>",
                           cells="""<numa><cell id='0' cpus='0' memory='16' unit='MiB'/>
<cell id='1' cpus='1' memory='16' unit='MiB'/></numa>""")
        first = self.first(guest)
        self.assertIn(pages_xml, first)
        daemon = self.daemon("guests: [{match: {name: cells1}, memory: {page_size: small}}]")
        wait_for("told", lambda: self.unsupported(daemon, guest) == {
            ("memory.page_size", "small (config): its definition has page sizes by cell")})
        self.assertEqual(self.first(guest), first)


class RestartForPages(Power, Pages):
    def test_pool_grows_before_the_start(self):
        """A running guest's next start needs pages that are made once it is off."""
        guest = self.power_guest("pow1")
        daemon = self.daemon("host: {hugepages: auto}\nguests: [{match: {name: pow1}, memory: {page_size: 2MiB}}]")
        self.wait_state(daemon, guest, "cold-pending")
        before = pages()
        daemon.ctl("restart-into", "pow1")
        self.assertGreater(pages(), before)
        self.assertEqual(huge_kib(guest), {0: MIB * 1024})
        self.wait_state(daemon, guest, "as-planned")
