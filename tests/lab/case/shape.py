# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab itself: the host is what its flavour says, as the kernel sees it."""

import configparser
import glob

from lab import cpus, read

FLAVOURS = ("amd-4node", "debian13", "intel-smt", "memory-only")
SYS = "/sys/devices/system"


def lists(pattern):
    """The CPU lists in these files, each once."""
    return {frozenset(cpus(read(path))) for path in glob.glob(f"{SYS}/{pattern}")}


def case(host):
    parser = configparser.ConfigParser()
    parser.read("/run/lab/flavour")
    flavour = parser["host"]
    nodes = [cpus(text) if text != "-" else set() for text in flavour["nodes"].split()]
    assert [host.node_cpus(node) for node in range(len(nodes))] == nodes
    assert cpus(read(f"{SYS}/node/online")) == set(range(len(nodes)))
    distances = [read(f"{SYS}/node/node{node}/distance").split() for node in range(len(nodes))]
    assert distances == [line.split() for line in flavour["distances"].strip().splitlines()], distances

    everything = set().union(*nodes)
    assert cpus(read(f"{SYS}/cpu/online")) == everything
    part = dict(item.split("=") for item in flavour["smp"].split(",")[1:])
    threads = int(part["threads"])
    die = int(part["cores"]) * threads  # which has a last-level cache
    for files, size in (("topology/package_cpus_list", int(part.get("dies", 1)) * die),
                        ("topology/thread_siblings_list", threads),
                        ("cache/index3/shared_cpu_list", die)):
        found = lists(f"cpu/cpu[0-9]*/{files}")
        assert {len(one) for one in found} == {size}, f"{files}: {found}"
        assert sorted(cpu for one in found for cpu in one) == sorted(everything), f"{files}: {found}"
