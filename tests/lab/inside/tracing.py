# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts what is written to guests' placement, by anybody, while it is watched: calls of
sched_setaffinity from the kernel's tracepoint, writes to cpuset files by inotify."""

import ctypes
import glob
import os
import struct

from truth import read, run, write

TRACEFS = "/sys/kernel/tracing"
EVENT = f"{TRACEFS}/events/syscalls/sys_enter_sched_setaffinity"
IN_MODIFY = 0x2
EVENT_HEADER = struct.Struct("iIII")


class Writes:
    def __init__(self):
        self.affinities = 0
        self.cpuset_files = []
        self._inotify = None
        self._watched = {}

    def __enter__(self):
        if not os.path.exists(f"{TRACEFS}/trace"):
            run("mount", "-t", "tracefs", "tracefs", TRACEFS)
        write(f"{TRACEFS}/trace", "")
        write(f"{EVENT}/enable", "1")
        libc = ctypes.CDLL(None, use_errno=True)
        self._inotify = libc.inotify_init1(os.O_NONBLOCK)
        for path in glob.glob("/sys/fs/cgroup/machine.slice/**/cpuset.[cm][pe][um]s", recursive=True):
            self._watched[libc.inotify_add_watch(self._inotify, path.encode(), IN_MODIFY)] = path
        assert self._watched and -1 not in self._watched, "cpuset files cannot be watched"
        return self

    def __exit__(self, *_):
        write(f"{EVENT}/enable", "0")
        lines = read(f"{TRACEFS}/trace").splitlines()
        self.affinities = sum("sys_sched_setaffinity" in line for line in lines)
        try:
            data = os.read(self._inotify, 65536)
        except BlockingIOError:
            data = b""
        while data:
            watch, _, _, length = EVENT_HEADER.unpack_from(data)
            self.cpuset_files.append(self._watched.get(watch))
            data = data[EVENT_HEADER.size + length:]
        os.close(self._inotify)
