# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory fragmented on purpose, by pages that cannot be moved: a pool comes short, which is told as it is,
and keeps what serves a whole guest; with none it is as before."""

import ctypes
import fcntl
import os
import re
import resource

from truth import read

FLAVOURS = ("amd-4node",)
POLICY = "host: {hugepages: auto}"
NODE = 3
BACKING = "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>"
PAGE = 4096
PIPE = 1024 * 1024
LEAVE_MIB = 100
SET_MEMPOLICY = 238  # of x86-64
BIND = 2


def free_mib():
    text = read(f"/sys/devices/system/node/node{NODE}/meminfo")
    return int(re.search(r"MemFree:\s+(\d+)", text).group(1)) // 1024


def bind(nodes):
    mask = ctypes.c_ulong(sum(1 << node for node in nodes))
    mode = BIND if nodes else 0
    assert ctypes.CDLL(None, use_errno=True).syscall(
        SET_MEMPOLICY, mode, ctypes.byref(mask) if nodes else None, 64 if nodes else 0) == 0


def new_pipe():
    pipe = os.pipe()
    fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, PIPE)
    return pipe


def fragment():
    """Pages of pipes belong to the kernel and stay where they are. Page by page in turn into two pipes, of
    which one is closed again, they leave no two free pages side by side."""
    kept, block = [], b"x" * PAGE
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    bind({NODE})
    try:
        gone = []
        while free_mib() > LEAVE_MIB:
            one, other = new_pipe(), new_pipe()
            for _ in range(PIPE // PAGE):
                os.write(one[1], block)
                os.write(other[1], block)
            kept.append(one)
            gone.append(other)
        for pipe in gone:
            os.close(pipe[0])
            os.close(pipe[1])
    finally:
        bind(set())
    return kept


def case(host):
    host.start(POLICY)
    kept = fragment()
    free = free_mib()
    wanted = free // 2 * 7 // 10  # much less than is free, much more than there is in one piece
    host.note(f"{free} MiB free on node {NODE}, {wanted} pages of 2 MiB wanted")
    big = host.guest_off(name="afrag1", mib=2 * wanted, backing=BACKING, numatune=("strict", str(NODE)))
    host.wait("the true message", lambda: host.journal(
        f" of {wanted} pages of 2 MiB could be had on node {NODE}: its memory is fragmented"))
    line = host.journal("could be had")[0]
    had = int(re.search(r"(\d+) of \d+ pages", line).group(1))
    host.note(line)
    assert 0 <= had < wanted
    host.wait("the former count", lambda: host.pool_of(NODE) == 0)
    host.wait("what is short", lambda: f"{wanted - had} pages of 2 MiB short" in (host.entry(big)["text"] or ""))

    # A guest that fits what could be had gets that, although the large one is before it.
    small = host.guest_off(name="bfrag2", mib=2 * max(had // 2, 1), backing=BACKING,
                           numatune=("strict", str(NODE)))
    host.wait("a part of it", lambda: host.pool_of(NODE) == max(had // 2, 1))
    for pipe in kept:
        os.close(pipe[0])
        os.close(pipe[1])
    host.ctl("apply", check=False)
    host.wait("all of it", lambda: host.pool_of(NODE) == wanted + max(had // 2, 1))
    small.remove()
    big.remove()
    host.wait("nothing left", lambda: host.pool_of(NODE) == 0)
