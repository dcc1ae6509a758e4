"""A real browser, headless Chromium, driven by WebDriver's plain HTTP."""

import json
import re
import subprocess
import tempfile
import urllib.request

LIMIT = 120.0  # seconds for one command: a browser that is just starting on a busy machine


class Browser:
    def __init__(self, folder):
        self.profile = tempfile.TemporaryDirectory(dir=folder)
        self.driver = subprocess.Popen(("chromedriver", "--port=0"), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.session = ""
        self.base = ""
        try:
            self.base = f"http://127.0.0.1:{self.read_port()}/session"
            self.session = self.post("", {"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "goog:chromeOptions": {"args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--disable-background-networking", f"--user-data-dir={self.profile.name}"]},
            }}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            self.call("DELETE", "", None)
        self.driver.terminate()
        self.driver.wait(20)
        self.driver.stdout.close()
        self.profile.cleanup()

    def read_port(self):
        for line in self.driver.stdout:
            match = re.search(r"started successfully on port (\d+)", line)
            if match:
                return match.group(1)
        raise AssertionError("chromedriver ended")

    def call(self, method, path, body):
        url = self.base + (f"/{self.session}" if self.session else "") + path
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return json.load(answer)["value"]

    def post(self, path, body):
        return self.call("POST", path, body)

    def open(self, path):
        self.post("/url", {"url": "about:blank"})
        self.requests()  # what the browser's own first page asked for, and said
        self.console()
        self.post("/url", {"url": f"file://{path}"})

    def run(self, script):
        """The value of a JavaScript expression, which the page's own policy does not hold up."""
        return self.post("/execute/sync", {"script": f"return {script}", "args": []})

    def devtools(self, command, **parameters):
        return self.post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def set_width(self, width):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
                      mobile=False)

    def set_scheme(self, scheme):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])

    def console(self):
        return [entry["message"] for entry in self.post("/se/log", {"type": "browser"})]

    def requests(self):
        """What pages asked for since the last call."""
        events = (json.loads(entry["message"])["message"]
                  for entry in self.post("/se/log", {"type": "performance"}))
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"
                and not event["params"]["documentURL"].startswith("chrome:")]
