"""vmtuned-ctl on a terminal, over SSH, and when something is wrong."""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios

from harness import BUILD, Case
from rawbus import FIELD_MEMBER, RawBus, pad, text
from truth import run, wait_for

CTL = os.path.join(BUILD, "vmtuned-ctl")
POLICY = "defaults: {cpu: {policy: shared}}"
LEAVE = "\x1b[?1049l"


class Terminal:
    """vmtuned-ctl on a terminal of its own; seen is all that it printed."""

    def __init__(self, *argv, columns=200, rows=40, **environment):
        env = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment}
        env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(CTL, (CTL, *argv), env)
        self.seen = ""
        self.status = None

    def look(self):
        """What was printed since the last look."""
        new = b""
        while self.status is None and select.select([self.fd], [], [], 0)[0]:
            try:
                new += os.read(self.fd, 65536)
            except OSError:  # the other side is closed
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.seen += new.decode()
        return new.decode()

    def wait(self, words):
        wait_for(f"{words!r} on the terminal: {self.seen!r}", lambda: words in self.look() or words in self.seen)

    def wait_new(self, words):
        wait_for(f"a new {words!r} on the terminal", lambda: words in self.look())

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def modes(self):
        return termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ECHO)

    def end(self):
        wait_for("its end", lambda: self.look() is not None and self.status is not None)
        os.close(self.fd)
        return self.status


class OnATerminal(Case):
    def setUp(self):
        super().setUp()
        self.one = self.guest("term1", start=False)
        self.vmtuned = self.daemon(POLICY)

    def shown(self, *argv, **options):
        terminal = Terminal(*argv, **options)
        self.assertEqual(terminal.end(), 0)
        return terminal.seen

    def test_colour_and_width(self):
        self.one.start()
        self.wait_state(self.vmtuned, self.one, "as-planned")
        seen = self.shown("status")
        self.assertIn("\x1b[4mGUEST", seen)
        self.assertIn("\x1b[32mas-planned\x1b[0m", seen)
        self.assertNotIn("\x1b", self.shown("status", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.shown("status", TERM="dumb"))
        self.assertNotIn("\x1b", self.vmtuned.ctl("status").stdout)
        narrow = self.shown("status", columns=40, TERM="dumb")
        rows = [line for line in narrow.splitlines() if line.startswith(("GUEST", "term1"))]
        self.assertEqual([len(row) for row in rows], [40, 40])
        self.assertTrue(rows[1].endswith("…"))
        self.assertIn("--full", narrow)
        self.assertIn("...", self.shown("status", columns=40, LC_ALL="C"))
        self.assertNotIn("…", self.shown("status", "--full", columns=40))
        self.assertEqual(len(self.shown("status", "--no-legend").splitlines()), 1)
        self.assertIn("\x1b[32m●\x1b[0m term1", self.shown("status", "term1"))
        self.assertIn("\x1b[32m*\x1b[0m term1", self.shown("status", "term1", LC_ALL="C"))

    def test_pager(self):
        script = os.path.join(self.vmtuned.folder, "pager")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho paged $LESS\nexec cat\n")
        os.chmod(script, 0o755)
        few = {"rows": 5, "SYSTEMD_PAGER": script}
        self.assertIn("paged FRSXMK", self.shown("knobs", **few))
        self.assertIn("paged", self.shown("knobs", "--json", **few))
        self.assertNotIn("paged", self.shown("knobs", "--no-pager", **few))
        self.assertNotIn("paged", self.shown("knobs", rows=500, SYSTEMD_PAGER=script))
        self.assertNotIn("paged", self.shown("knobs", rows=5, SYSTEMD_PAGER=script, SUDO_UID="1", PATH="/nowhere"))
        self.assertIn("vcpu.pin", self.shown("knobs", rows=5, SYSTEMD_PAGER=""))
        self.assertIn("vcpu.pin", self.shown("knobs", rows=5, SYSTEMD_PAGER="no-such-pager"))

    def test_watch(self):
        terminal = Terminal("status", "--watch=3600")
        before = terminal.modes()
        terminal.wait("term1")
        self.assertEqual(terminal.modes(), 0)
        self.guest("term2", start=False)
        terminal.wait_new("term2")  # long before the hour is over
        self.vmtuned.stop()
        terminal.wait_new("systemctl start vmtuned")
        self.vmtuned.start()
        terminal.wait_new("term2")
        self.assertNotIn(LEAVE, terminal.seen)
        terminal.type("q")
        terminal.wait(LEAVE)
        wait_for("the modes of before", lambda: terminal.status is not None or terminal.modes() == before)
        self.assertEqual(terminal.end(), 0)

    def test_watch_ends_by_signals(self):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            terminal = Terminal("status", "term1", "--watch")
            terminal.wait("term1")
            os.kill(terminal.pid, number)
            terminal.wait(LEAVE)
            self.assertEqual(terminal.end(), 0)

    def test_watch_as_json(self):
        asking = self.vmtuned.ask("status", "--watch", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            first, second = (json.loads(asking.stdout.readline()) for _ in range(2))
            self.assertGreater(second["daemon"]["cycles"], first["daemon"]["cycles"])
            self.vmtuned.stop()
            self.vmtuned.start()
            wait_for("the daemon after", lambda: json.loads(asking.stdout.readline())["daemon"]["cycles"] <
                     second["daemon"]["cycles"])
        finally:
            asking.terminate()
            asking.communicate(timeout=20)

    def test_a_guest_that_is_not_there_is_not_watched(self):
        done = self.vmtuned.ctl("status", "trem1", "--watch", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'term1'?", done.stderr)


class OverSsh(Case):
    def remote(self, *argv, bridge="exec systemd-stdio-bridge"):
        """With an ssh that goes nowhere, and says where it was to go."""
        script = os.path.join(self.vmtuned.folder, "ssh")
        with open(script, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\necho "$@" >{self.vmtuned.folder}/asked\n{bridge}\n')
        os.chmod(script, 0o755)
        return run(CTL, *argv, check=False, env={**os.environ, "SYSTEMD_SSH": script,
                                                 "PATH": f"{self.vmtuned.folder}:{os.environ['PATH']}"})

    def test_host(self):
        self.guest("far1", start=False)
        self.vmtuned = self.daemon(POLICY)
        done = self.remote("-H", "root@far.example", "status")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("far1", done.stdout)
        with open(f"{self.vmtuned.folder}/asked", encoding="utf-8") as file:
            asked = file.read()
        self.assertIn("far.example", asked)
        self.assertIn("root", asked)
        done = self.remote("status", "--host=far.example", bridge="exit 255")
        self.assertEqual(done.returncode, 4)
        self.assertIn("ssh far.example", done.stderr)
        done = self.remote("check", "--host=far.example")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--host", done.stderr)


class Errors(Case):
    def test_what_to_do_next(self):
        self.guest("near1", start=False)
        daemon = self.daemon(POLICY)
        for argv, words, status in ((("status", "naer1"), "did you mean 'near1'?", 2),
                                    (("explain", "wholly-else"), "vmtuned-ctl status", 2),
                                    (("staus",), "did you mean 'status'?", 2),
                                    (("status", "--jsn"), "did you mean '--json'?", 2)):
            done = daemon.ctl(*argv, check=False)
            self.assertEqual(done.returncode, status, argv)
            self.assertIn(words, done.stderr)
        done = run("setpriv", "--reuid=nobody", "--clear-groups", CTL, "apply", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("org.vmtuned.apply", done.stderr)
        self.assertIn("sudo", done.stderr)
        daemon.stop()
        done = daemon.ctl("status", check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("systemctl start vmtuned", done.stderr)

    def test_daemon_of_another_version(self):
        """One that knows no method at all."""
        with contextlib.closing(RawBus()) as bus:
            bus.answers([bus.send("RequestName", "su", pad(text("org.vmtuned1"), 4) + struct.pack("<I", 0),
                                  to="org.freedesktop.DBus")])
            asking = subprocess.Popen((CTL, "status"), stderr=subprocess.PIPE, text=True)
            for member in ("Status", "Get"):
                call = bus.receive()
                while call.get(FIELD_MEMBER) != member:
                    call = bus.receive()
                bus.refuse(call, "org.freedesktop.DBus.Error.UnknownMethod")
            _, words = asking.communicate(timeout=60)
        self.assertEqual(asking.returncode, 1)
        self.assertIn("systemctl restart vmtuned", words)
