# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that cannot fit is announced before its start, and the failure of its start explained after."""

from truth import virsh

FLAVOURS = ("amd-4node",)
POLICY = "host: {hugepages: auto}"
BACKING = "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"


def case(host):
    host.start(POLICY)
    guest = host.guest_off(name="short1", mib=2000, backing=BACKING, numatune=("strict", "1"))
    host.wait("the announcement", lambda: "will not start on node 1: " in (host.entry(guest)["text"] or ""))
    text = host.entry(guest)["text"]
    assert text.endswith(" pages of 2 MiB short"), text
    (shortage,) = host.status()["host_settings"]["shortages"]
    assert (shortage["name"], shortage["node"], shortage["page_kib"]) == ("short1", 1, 2048)
    assert 400 < shortage["pages"] < 1000 and str(shortage["pages"]) in text
    assert host.pool_of(1) == 0  # a part of them would help nobody
    assert host.journal(f"short1 {text}")

    assert virsh("start", "short1", check=False).returncode != 0
    host.wait("the explanation", lambda: (host.entry(guest)["text"] or "").startswith(
        f"its start failed: node 1 was {shortage['pages']} pages of 2 MiB short"))
    assert host.journal("short1: its start failed: node 1 was ")
    guest.remove()
    host.wait("nothing short", lambda: not host.status()["host_settings"]["shortages"])
    assert host.journal("short1: the huge pages it needs to start are there")
