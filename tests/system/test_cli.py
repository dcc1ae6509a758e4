"""vmtuned-ctl against a live daemon: every verb answers, as text and as JSON."""

import json
from concurrent.futures import ThreadPoolExecutor

from harness import Case

POLICY = """defaults: {cpu: {policy: shared}}
guests:
  - match: {name: 'ded*', label: gold}
    cpu: {policy: dedicated, emulator: share}
"""
LABEL = ("<metadata><vmtuned:label xmlns:vmtuned='https://vmtuned.org/xmlns/guest/1'>gold"
         "</vmtuned:label></metadata>")


class Verbs(Case):
    def test_every_verb(self):
        guest = self.guest("ded1", extra=LABEL)
        daemon = self.daemon(POLICY)
        self.wait_state(daemon, guest, "as-planned")
        self.assertEqual(guest.vcpu(0).cpus, {1})
        self.assertEqual(guest.main().cpus, {0})
        for verb in (("status",), ("status", "ded1"), ("plan",), ("plan", "ded1"), ("verify",),
                     ("explain", "ded1"), ("policy", "show", "ded1"), ("topology",), ("knobs",)):
            done = daemon.ctl(*verb)
            self.assertTrue(done.stdout.strip(), verb)
            document = json.loads(daemon.ctl(*verb, "--json").stdout)
            self.assertEqual(document["version"], 1, verb)
        policy = daemon.ctl("policy", "show", "ded1").stdout
        self.assertRegex(policy, r"cpu\.policy.*dedicated.*policy\.yaml:\d+")
        self.assertRegex(daemon.ctl("explain", "ded1").stdout, r"vcpu\.pin.*policy\.yaml:\d+")
        plan = daemon.json("plan")
        entry = plan["guests"][0]
        self.assertEqual((entry["result"], entry["cpu_policy"], entry["emulator"]),
                         ("placed", "dedicated", "0"))
        self.assertEqual(entry["vcpus"], [{"id": 0, "cpus": "1"}])
        self.assertEqual(plan["settings"], [])
        self.assertEqual(plan["host"]["shared"], "0")

    def test_defrag_with_nothing_to_gain(self):
        guest = self.guest("ded1", extra=LABEL)
        daemon = self.daemon(POLICY)
        self.wait_state(daemon, guest, "as-planned")
        with ThreadPoolExecutor(2) as pool:  # two at once: each is answered
            proposed = list(pool.map(lambda _: daemon.json("defrag", "--dry-run"), range(2)))
        for document in [*proposed, daemon.json("defrag")]:
            self.assertEqual((document["version"], document["moves"]), (1, []))
            self.assertEqual(document["score"], document["score_before"])
        self.assertEqual(guest.vcpu(0).cpus, {1})
        self.assertIn("nothing to gain", daemon.ctl("defrag").stdout)

    def test_unknown_guest_and_typo(self):
        daemon = self.daemon("")
        done = daemon.ctl("status", "nobody", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nobody", done.stderr)
        done = daemon.ctl("staus", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("status", done.stderr)
