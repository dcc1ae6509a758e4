# SPDX-License-Identifier: LGPL-2.1-or-later
"""The map and the report of a live host: as text, as a picture, and as a page in a real browser."""

import json
import os

import harness
import test_evil
from browser import Browser
from harness import Case
from truth import read, run, virsh, wait_for

NAMES = (
    "<img src=x onerror=document.title='owned'>",
    "<script>document.title='owned'",
    'both" onload="x\' &amp; <b>',
    "gnp\u202eexe.",
)
POLICY = """host: {cpu_overcommit: 100}
defaults: {cpu: {policy: shared}}
guests:
  - match: {name: 'db1'}
    cpu: {policy: dedicated, emulator: share}
"""

# The least contrast of any words with what is behind them, in the CSS of the page (WCAG 2: 4.5).
CONTRAST = """(() => {
    const parse = text => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = parse(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const ratio = element => {
        const pair = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort();
        return (pair[1] + 0.05) / (pair[0] + 0.05);
    };
    const own = element => [...element.childNodes].some(n => n.nodeType == 3 && n.data.trim());
    return Math.min(...[...document.body.querySelectorAll('*:not(svg *)')].filter(own).map(ratio));
})()"""


def safe(name):
    """As it is shown."""
    return name.replace("\u202e", "?")


class Report(Case):
    def setUp(self):
        super().setUp()
        self.evil = {}

    def tearDown(self):
        super().tearDown()
        for uuid in self.evil:
            virsh("destroy", uuid, check=False)
            virsh("undefine", uuid, check=False)

    def host(self):
        """A daemon with a guest of its own CPU and some whose names are written to do harm."""
        self.evil = {test_evil.define(name): name for name in NAMES}
        self.evil.pop("", None)
        self.assertGreater(len(self.evil), 2)
        for uuid in self.evil:
            virsh("start", uuid)
        guest = self.guest("db1", iothreads=1)
        daemon = self.daemon(POLICY)

        def others():
            return [entry["name"] for entry in daemon.json("status", check=False)["guests"]
                    if entry["state"] != "as-planned"]

        wait_for("all are as planned", lambda: not others())
        return daemon, guest

    def test_map_shows_where_threads_may_run(self):
        daemon, guest = self.host()
        document = daemon.json("map")
        entry = next(row for row in document["guests"] if row["name"] == "db1")
        (own,) = guest.vcpu(0).cpus
        threads = {(row["class"], row["id"]): row["cpus"] for row in entry["threads"]}
        self.assertEqual(threads["vcpu", 0], str(own))
        node = document["nodes"][0]
        self.assertGreater(node["free_mib"], 0)
        self.assertLess(node["free_mib"], node["memory_mib"])
        text = daemon.ctl("map").stdout
        self.assertRegex(text, rf"\b{own}  A0\b")
        self.assertRegex(text, r"(?m)^A +db1 +as-planned +dedicated +vCPU 0.* on " + str(own))
        self.assertRegex(daemon.ctl("map", "--compact").stdout, r"db1: vCPU 0")
        self.assertNotIn("img src", daemon.ctl("map", "db1").stdout)
        self.assertEqual(daemon.ctl("map", "nobody", check=False).returncode, 2)
        self.judge_picture(daemon)

    def judge_picture(self, daemon):
        path = os.path.join(daemon.folder, "map.svg")
        daemon.ctl("map", "--svg", path)
        run("xmllint", "--noout", path)
        picture = read(path)
        self.assertEqual(picture, daemon.ctl("map", "--svg", "-").stdout.strip())
        self.assertNotIn("<script", picture)
        self.assertNotIn("href", picture)
        self.assertIn("&lt;script&gt;", picture)
        self.assertEqual(daemon.ctl("map", "--svg", "/no/such/folder/x", check=False).returncode, 1)

    def test_page_in_a_browser(self):
        daemon, _ = self.host()
        path = os.path.join(daemon.folder, "report.html")
        daemon.ctl("report", "--html", path)
        run("xmllint", "--noout", path)  # well-formed as XML, too
        document = json.loads(daemon.ctl("report", "--json").stdout)
        with Browser(harness.HOST.scratch) as browser:
            browser.open(path)
            self.assertEqual(browser.requests(), [f"file://{path}"])
            self.assertEqual(browser.console(), [])
            self.judge_content(browser, document)
            self.judge_looks(browser)
            self.assertEqual(browser.requests(), [])

    def judge_content(self, browser, document):
        self.assertEqual(browser.run("document.title"), f"vmtuned on {document['map']['hostname']}")
        names = browser.run("[...document.querySelectorAll('#guests tbody th')].map(e => e.textContent)")
        self.assertEqual(sorted(names), sorted(["db1", *map(safe, self.evil.values())]))
        # names are words: nothing became an element
        self.assertEqual(browser.run("document.querySelectorAll('script, img, b, iframe, object').length"), 0)
        self.assertEqual(browser.run("[...document.querySelectorAll('*')].filter(e => "
                                     "[...e.attributes].some(a => a.name.startsWith('on'))).length"), 0)
        cores = len(document["map"]["cores"])
        self.assertEqual(browser.run("document.querySelectorAll('svg .core').length"), cores)
        self.assertGreater(browser.run("document.querySelector('svg').getBoundingClientRect().height"), 100)
        self.assertTrue(browser.run("document.querySelector('svg title').textContent"))
        self.judge_told_once(browser, document)
        for part, error in document["errors"].items():  # what this daemon does not tell
            self.assertIn(error, browser.run("document.body.innerText"), part)

    def judge_told_once(self, browser, document):
        """What doctor and advise both say is among the advice."""
        findings, advice = document["doctor"]["findings"], document["advise"]["advice"]
        both = [row for row in findings if row["advice"]]
        self.assertTrue(both)
        self.assertLessEqual({(row["uuid"], row["id"]) for row in both}, {(row["uuid"], row["id"]) for row in advice})
        for section, rows in (("findings", len(findings) - len(both)), ("advice", len(advice))):
            self.assertEqual(browser.run(f"document.querySelectorAll('#{section} tbody tr').length"), rows, section)

    def judge_looks(self, browser):
        levels = browser.run("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])")
        self.assertEqual(levels[0], 1)
        self.assertTrue(all(after <= before + 1 for before, after in zip(levels, levels[1:])), levels)
        self.assertTrue(browser.run("[...document.querySelectorAll('table')].every(t => t.caption && "
                                    "t.querySelector('thead th[scope=col]'))"))
        backgrounds = set()
        for scheme in ("light", "dark"):
            browser.set_scheme(scheme)
            backgrounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
            self.assertGreaterEqual(browser.run(CONTRAST), 4.5, scheme)
        self.assertEqual(len(backgrounds), 2)
        for width in (400, 1280):
            browser.set_width(width)
            self.assertEqual(browser.run("innerWidth"), width)
            self.assertLessEqual(browser.run("document.documentElement.scrollWidth"), width)
