# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pool of huge pages grows on the node a guest is bound to, before its start, and goes back with it."""

import re

from truth import read

FLAVOURS = ("amd-4node",)
POLICY = "host: {hugepages: auto}"
NODE = 2
MIB = 64
BACKING = "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"


def pools(host):
    return [host.pool_of(node) for node in sorted(host.nodes())]


def case(host):
    host.start(POLICY)
    assert pools(host) == [0, 0, 0, 0]
    with host.hearing() as heard:
        guest = host.guest_off(name="pool1", mib=MIB, backing=BACKING, numatune=("strict", str(NODE)))
        host.wait("its pages on its node", lambda: pools(host) == [0, 0, MIB // 2, 0])
        host.wait("its job has ended", lambda: heard.jobs("pages"))
        (result, done), = heard.jobs("pages")  # so few pages are mostly there before anything is told of them
        assert result == "done" and done == sorted(done) and all(pages <= MIB // 2 for pages in done), done
    guest.start()
    host.wait_planned(guest)
    huge = [line for line in read(f"/proc/{guest.pid}/numa_maps").splitlines() if " huge " in line]
    assert re.findall(r" N(\d)=(\d+)", " ".join(huge)) == [(str(NODE), str(MIB // 2))], huge
    entry = host.entry(guest)
    assert {"node": NODE, "page_kib": 2048, "transparent": False, "kib": MIB * 1024} in entry["memory"], entry
    assert entry["locality_pct"] == 100, entry
    host.wait_cycle(host.cycles())
    assert pools(host) == [0, 0, MIB // 2, 0] and host.free_huge_pages(NODE) == 0

    guest.remove()
    host.wait("the pool as before", lambda: pools(host) == [0, 0, 0, 0])

    other = host.guest_off(name="pool2", mib=MIB, backing=BACKING, numatune=("strict", "1"))
    host.wait("pages for another guest", lambda: pools(host) == [0, MIB // 2, 0, 0])
    host.ctl("restore", "--all", check=False)
    assert pools(host) == [0, 0, 0, 0]
    other.remove()
