"""Memory of real guests: pages and residency against numa_maps, cold knobs, pools of huge pages. The pool of the
machine is used with care: a few pages more, and back to what it was."""

import re

from harness import Case
from truth import read, run, virsh, wait_for, write

POOL = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/"
MIB = 32  # of every guest
BACKING = "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"


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


class Memory(Case):
    def setUp(self):
        super().setUp()
        before = read(POOL + "nr_hugepages")
        self.addCleanup(write, POOL + "nr_hugepages", before)

    def more_pages(self, count):
        wanted = pages() + count
        write(POOL + "nr_hugepages", str(wanted))
        self.assertEqual(pages(), wanted)

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

    def test_cold_knobs_come_true(self):
        guest = self.guest("cold1")
        first = virsh("dumpxml", "--inactive", "cold1").stdout
        daemon = self.daemon("""guests:
  - match: {name: cold1}
    memory: {page_size: 2MiB, nosharepages: on, allocation_threads: 2}""")
        self.wait_state(daemon, guest, "cold-pending")
        self.assertIn("memory.page_size", daemon.ctl("pending", "cold1", check=False).stdout)
        self.more_pages(MIB // 2)
        guest.destroy()
        guest.start()
        self.wait_state(daemon, guest, "as-planned")
        live = guest.live_xml()
        self.assertIn("<page size='2048' unit='KiB'/>", live)
        self.assertIn("<nosharepages/>", live)
        self.assertRegex(live, r"<allocation threads='2'/>")
        argv = read(f"/proc/{guest.pid}/cmdline").replace("\0", " ")
        self.assertIn("mem-merge=off", argv)
        self.assertIn('"prealloc-threads":2', argv)
        self.assertEqual(huge_kib(guest), {0: MIB * 1024})
        daemon.ctl("restore", "cold1", check=False)
        self.assertEqual(virsh("dumpxml", "--inactive", "cold1").stdout, first)

    def test_locked_is_a_definition_libvirt_takes(self):
        guest = self.guest("locked1", start=False)
        first = virsh("dumpxml", "--inactive", "locked1").stdout
        daemon = self.daemon("guests: [{match: {name: locked1}, memory: {locked: on}}]")
        wait_for("the definition", lambda: "<locked/>" in guest.config_xml())
        daemon.write_policy("guests: [{match: {name: locked1}}]")
        daemon.ctl("reload")
        wait_for("the first definition", lambda: guest.config_xml() == first)

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
        wait_for("more cycles", lambda seen=daemon.cycles(): daemon.cycles() > seen + 2)
        self.assertEqual(huge_kib(guest), {0: MIB * 1024})
        self.assertEqual(pages(), grown)
        guest.destroy()
        daemon.write_policy("host: {hugepages: auto}")
        daemon.ctl("reload")
        wait_for("the pool as before", lambda: pages() == before)
        self.assertEqual(daemon.json("host", check=False)["host"]["state"], "as-planned")

    def test_pool_goes_back_with_restore_without_the_daemon(self):
        before = pages()
        self.guest("pool2", start=False, extra=BACKING)
        daemon = self.daemon("host: {hugepages: {mode: auto, pools: [{node: 0, size: 2MiB, min: %d}]}}" % (before + 8))
        wait_for("the least of the pool", lambda: pages() == before + 8)
        daemon.stop()
        self.assertEqual(pages(), before + 8)
        run(*daemon.argv("--restore"))
        self.assertEqual(pages(), before)
