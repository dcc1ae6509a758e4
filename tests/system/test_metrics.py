# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics: what they say, in both forms, on the bus, in a file and over HTTP."""

import contextlib
import glob
import http.client
import os
import signal
import socket
import stat
import subprocess

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from promtool import promtool

import harness
from harness import Case, Frozen
from truth import read, run, virsh, wait_for

POLICY = "guests: [{match: {name: 'ded*'}, cpu: {policy: dedicated}}]"
EXPORTER = os.path.join(harness.BUILD, "vmtuned-exporter")
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
OPENMETRICS = "application/openmetrics-text"
MAX_CONNECTIONS = 64
ODD = 'ded\\"{b}=, \u202e'


def samples(families):
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples}


class Metrics:
    """One answer, to be asked for single values."""

    def __init__(self, text, parse=parse_openmetrics):
        self.families = list(parse(text))
        self.samples = samples(self.families)

    def __call__(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def sum(self, name, **labels):
        return sum(value for (its, pairs), value in self.samples.items()
                   if its == name and labels.items() <= dict(pairs).items())

    def labels(self, name):
        return [dict(pairs) for its, pairs in self.samples if its == name]


class Answers(Case):
    @staticmethod
    def ask(daemon):
        return Metrics(daemon.ctl("metrics").stdout)

    def test_they_are_what_the_host_is(self):
        own, floats = self.guest("ded1", iothreads=1), self.guest("shared")
        off, odd = self.guest("off", start=False), self.guest("odd", start=False)
        virsh("domrename", odd.name, ODD)
        odd.name = ODD
        daemon = self.daemon(POLICY)
        self.wait_state(daemon, own, "as-planned")
        before = self.ask(daemon)
        virsh("vcpupin", own.name, "0", "0", "--live")
        wait_for("it is repaired", lambda: own.vcpu(0).cpus == {1})
        wait_for("it is counted", lambda: self.ask(daemon)("vmtuned_repairs_total", knob="vcpu.pin") == 1)
        metrics = self.ask(daemon)
        of_own = {"guest": own.name, "uuid": own.uuid}

        self.assertEqual(metrics("vmtuned_drift_total", knob="vcpu.pin"), 1)
        self.assertEqual(metrics("vmtuned_guest_drift_total", **of_own), 1)
        self.assertEqual(metrics("vmtuned_guest_repairs_total", **of_own), 1)
        self.assertEqual(metrics("vmtuned_drift_total", knob="emulator.pin"), 0)
        self.assertGreater(metrics("vmtuned_changes_total", knob="vcpu.pin"), 1)
        self.assertEqual(metrics("vmtuned_guest_state", state="as-planned", **of_own), 1)
        self.assertEqual(metrics("vmtuned_guest_state", state="off", guest=off.name, uuid=off.uuid), 1)
        self.assertEqual((metrics("vmtuned_guests", state="off"), metrics.sum("vmtuned_guests")), (2, 4))
        self.assertEqual(metrics("vmtuned_guest_vcpus", **of_own), 1)
        self.assertIsNone(metrics("vmtuned_guest_vcpus", guest=off.name, uuid=off.uuid))
        self.assertGreater(metrics.sum("vmtuned_guest_memory_bytes", **of_own), 1 << 20)
        self.assertEqual(metrics("vmtuned_guest_memory_locality_ratio", **of_own), 1)
        self.assertEqual((metrics("vmtuned_libvirt_connected"), metrics("vmtuned_enforcing")), (1, 1))
        self.assertGreater(metrics("vmtuned_cycle_duration_seconds_count"),
                           before("vmtuned_cycle_duration_seconds_count"))
        wait_for("the interval", lambda: self.ask(daemon)("vmtuned_cycles_total", trigger="interval") > 0)
        self.assertIn({"guest": ODD.replace("\u202e", "?"), "uuid": odd.uuid, "state": "off"},
                      metrics.labels("vmtuned_guest_state"))
        self.assertEqual({labels["guest"] for labels in metrics.labels("vmtuned_guest_cpu_seconds_total")},
                         {own.name, floats.name})
        self.check_forms(daemon)

    def check_forms(self, daemon):
        text = daemon.ctl("metrics", "--format", "text").stdout
        self.assertEqual(promtool("check", "metrics", stdin=text), (0, ""))
        classic, modern = Metrics(text, parse_text), self.ask(daemon)
        self.assertEqual({sample[0] for sample in classic.samples}, {sample[0] for sample in modern.samples})
        self.assertEqual({family.name for family in modern.families if family.unit},
                         {family.name for family in modern.families if family.name.endswith(
                             ("_seconds", "_bytes", "_ratio"))})
        self.assertEqual(daemon.json("metrics", "--format", "text")["metrics"].count("# TYPE"), text.count("# TYPE"))
        self.assertEqual(daemon.ctl("metrics", "--format", "xml", check=False).returncode, 2)

    def test_a_guest_that_runs_is_contested_hangs_and_starts_anew(self):
        guest = self.guest("ded1")
        daemon = self.daemon(POLICY)
        self.wait_state(daemon, guest, "as-planned")
        of_vcpus = {"guest": guest.name, "uuid": guest.uuid, "class": "vcpu"}
        first = self.ask(daemon)("vmtuned_guest_cpu_seconds_total", **of_vcpus)
        begin = self.ran(guest)

        def runs():
            virsh("reset", guest.name)  # its firmware may have come to its end
            return self.ran(guest) > begin + 0.2

        wait_for("the guest runs", runs, step=0.5)
        second = self.ask(daemon)("vmtuned_guest_cpu_seconds_total", **of_vcpus)
        self.assertEqual(first, 0, "it counts from the first question on")
        self.assertGreaterEqual(second, 0.2)
        self.assertLessEqual(second, self.ran(guest))

        def is_left():
            virsh("vcpupin", guest.name, "0", "0", "--live")
            return daemon.state_of(guest) == "contested"

        wait_for("it is contested", is_left, timeout=60, step=2)
        metrics = self.ask(daemon)
        self.assertEqual(metrics("vmtuned_contested_settings", knob="vcpu.pin"), 1)
        self.assertEqual(metrics("vmtuned_guest_contested_settings", guest=guest.name, uuid=guest.uuid), 1)

        os.kill(guest.pid, signal.SIGSTOP)
        try:
            self.wait_state(daemon, guest, "stuck")
            self.assertEqual(self.ask(daemon)("vmtuned_guests", state="stuck"), 1)
        finally:
            os.kill(guest.pid, signal.SIGCONT)

        guest.destroy()
        guest.start()  # its kernel's counters begin anew
        self.wait_state(daemon, guest, "as-planned")
        self.assertGreaterEqual(self.ask(daemon)("vmtuned_guest_cpu_seconds_total", **of_vcpus), second)

    @staticmethod
    def ran(guest):
        return int(read(f"/proc/{guest.pid}/task/{guest.vcpu(0).tid}/schedstat").split()[0]) / 1e9

    def test_a_file_for_node_exporter(self):
        daemon = self.daemon("")
        folder = os.path.join(daemon.folder, "textfile")
        path = os.path.join(folder, "vmtuned.prom")
        os.mkdir(folder)
        for _ in range(2):
            run("sh", "-c", f'umask 077; exec "{harness.BUILD}/vmtuned-ctl" metrics --output "{path}"')
            self.assertEqual(promtool("check", "metrics", stdin=read(path) + "\n"), (0, ""))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)
            self.assertEqual(glob.glob(folder + "/*"), [path])
        text = read(path)
        refused = daemon.ctl("metrics", "--output", folder + "/no/vmtuned.prom", check=False)
        self.assertEqual((refused.returncode, refused.stdout), (1, ""))
        self.assertIn("no/vmtuned.prom", refused.stderr)
        daemon.stop()
        self.assertEqual(daemon.ctl("metrics", "--output", path, check=False).returncode, 4)
        self.assertEqual(read(path), text, "it stays as it was")


class Exporter:
    """Started as systemd does: with the socket, which stays open when it ends. As nobody, without a network."""

    def __init__(self, *options):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.options = options
        self.process = None

    def start(self):
        fd = self.socket.fileno()
        self.process = subprocess.Popen(
            ("unshare", "--net", *NOBODY, "sh", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{fd}', "sh", EXPORTER, *self.options),
            pass_fds=(fd,), stdin=subprocess.DEVNULL)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(20)
        self.socket.close()
        if code != 0:
            raise AssertionError(f"the exporter ended with {code}")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path="/metrics", method="GET", body=None, **headers):
        connection = self.connect()
        try:
            connection.request(method, path, body, {"Accept": OPENMETRICS, **headers})
            response = connection.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            connection.close()

    def raw(self, data):
        """What comes back until the other side closes; b"": nothing."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            with contextlib.suppress(OSError):
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: client.recv(65536), b""))
            return b""


class Http(Case):
    def test_what_is_served(self):
        self.daemon("")
        with Exporter() as exporter:
            status, text, headers = exporter.get()
            self.assertEqual((status, headers["Content-Type"]),
                             (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"))
            self.assertEqual(Metrics(text)("vmtuned_libvirt_connected"), 1)
            for accept in ("", "*/*", "text/plain;version=0.0.4"):
                status, text, headers = exporter.get(Accept=accept)
                self.assertEqual((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
                self.assertEqual(promtool("check", "metrics", stdin=text), (0, ""))
            status, text, headers = exporter.get(method="HEAD")
            self.assertEqual((status, text), (200, ""))
            self.assertGreater(int(headers["Content-Length"]), 1000)
            self.assertIn('href="/metrics"', exporter.get("/")[1])
            self.assertEqual(exporter.get("/metrics?name[]=a")[0], 200)
            for path in ("/metrics/", "/metrics/../etc/passwd", "//metrics", "/index.html"):
                self.assertEqual(exporter.get(path)[0], 404, path)
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
                status, _, headers = exporter.get(method=method, body="x" * 100000)
                self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), method)
            self.assertEqual(exporter.get(method="GET", body="x" * 100000)[0], 200)

    def test_one_connection_for_several_scrapes(self):
        self.daemon("")
        with Exporter() as exporter:
            connection = exporter.connect()
            for _ in range(3):
                connection.request("GET", "/metrics")
                self.assertEqual(connection.getresponse().read()[:6], b"# HELP")
            connection.close()

    def test_odd_requests(self):
        self.daemon("")
        with Exporter() as exporter:
            for data in (b"", b"\xff\0 / HTTP/1.1\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"\r\n" * 10000,
                         b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
                         b"GET /metrics HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 100000 + b"\r\n\r\n",
                         b"GET /metrics HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100000 + b"\r\n",
                         b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
                         b"GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n"):
                answer = exporter.raw(data)
                self.assertNotIn(b" 200 ", answer.split(b"\r\n")[0], data[:40])
                self.assertEqual(exporter.get()[0], 200, data[:40])

    def test_who_is_slow_holds_up_nobody(self):
        daemon = self.daemon("")
        with Exporter() as exporter:
            slow = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(MAX_CONNECTIONS // 2)]
            for client in slow:
                client.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
            self.assertEqual(exporter.get()[0], 200)
            waiting = exporter.connect()
            with Frozen(daemon):  # nor does a scrape that waits for the daemon
                waiting.request("GET", "/metrics")
                self.assertEqual((exporter.get("/")[0], exporter.get("/no")[0]), (200, 404))
            self.assertEqual(waiting.getresponse().status, 200)
            waiting.close()
            # more than there may be: once they leave, or are let go, there is room again
            slow += [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(MAX_CONNECTIONS)]
            for client in slow:
                client.close()
            self.assertEqual(wait_for("room", lambda: self.try_get(exporter)), 200)

    @staticmethod
    def try_get(exporter):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return exporter.get()[0]
        return None

    def test_the_daemon_is_away(self):
        daemon = self.daemon("")
        with Exporter() as exporter:
            self.assertEqual(exporter.get()[0], 200)
            daemon.stop()
            status, text, headers = exporter.get()
            self.assertEqual((status, text), (503, "vmtuned is not running\n"))
            self.assertEqual(headers["Content-Type"], "text/plain; charset=utf-8")
            daemon.start()
            self.assertEqual(exporter.get()[0], 200)
            with Frozen(daemon):
                self.assertEqual(exporter.get()[:2], (503, "vmtuned does not answer\n"))
            # ends while somebody waits
            with Frozen(daemon):
                waiting = exporter.connect()
                waiting.request("GET", "/metrics")
                self.assertEqual(exporter.get("/")[0], 200)
                exporter.process.terminate()
                self.assertEqual(exporter.process.wait(20), 0)
        with Exporter("--bus", "unix:path=/nonexistent") as exporter:
            status, text, _ = exporter.get()
            self.assertEqual(status, 503)
            self.assertIn("cannot reach the bus", text)

    def test_it_ends_when_nobody_asks(self):
        self.daemon("")
        with Exporter("--exit-idle-time", "1s") as exporter:
            connection = exporter.connect()
            connection.request("GET", "/metrics")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            self.assertEqual(exporter.process.wait(60), 0)
            connection = exporter.connect()  # systemd starts it again
            connection.request("GET", "/metrics")
            exporter.start()
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()

    def test_as_systemd_starts_it(self):
        self.daemon("")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with subprocess.Popen(("systemd-socket-activate", "-l", f"127.0.0.1:{port}", EXPORTER),
                              stderr=subprocess.DEVNULL) as process:
            def scrape():
                with contextlib.suppress(OSError):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                    connection.request("GET", "/metrics")
                    return connection.getresponse().status
                return None
            try:
                self.assertEqual(wait_for("an answer", scrape), 200)
            finally:
                process.terminate()
        alone = run(EXPORTER, check=False)
        self.assertEqual(alone.returncode, 2)
        self.assertIn("systemctl enable --now vmtuned-exporter.socket", alone.stderr)
