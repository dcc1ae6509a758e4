# SPDX-License-Identifier: LGPL-2.1-or-later
"""What vmtuned tells on the bus, as a client sees it."""

import contextlib
import json
import subprocess

from truth import read, wait_for

NAME, PATH = "org.vmtuned1", "/org/vmtuned1"


def plain(value):
    """Without the types that busctl writes beside values."""
    if isinstance(value, dict) and set(value) == {"type", "data"}:
        return plain(value["data"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class Monitor:
    def __init__(self, path):
        self.path = path
        self.file = open(path, "wb")
        self.process = subprocess.Popen(("busctl", "--system", "--json=short", "monitor", "--match",
                                         f"type='signal',sender='{NAME}'"), stdout=self.file, stderr=subprocess.DEVNULL)
        wait_for("busctl listens", lambda: b"CycleDone" in read(self.path).encode())

    def signals(self, member):
        """(path, arguments) of each."""
        found = [json.loads(line) for line in read(self.path).splitlines() if line.endswith("}")]
        return [(message["path"], plain(message["payload"]["data"])) for message in found
                if message.get("member") == member]

    def changes(self, path):
        """Each value of its properties that was told, in order."""
        return [item for where, data in self.signals("PropertiesChanged") if where == path
                for item in data[1].items()]

    def jobs(self, kind):
        """(result, what was told of how much is done) of each job of that kind that ended, in order."""
        return [(data[3], [value for name, value in self.changes(data[1]) if name == "Done"])
                for _, data in self.signals("JobRemoved") if data[2] == kind]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.file.close()


@contextlib.contextmanager
def monitoring(path):
    monitor = Monitor(path)
    try:
        yield monitor
    finally:
        monitor.close()
