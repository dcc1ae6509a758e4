"""vmtuned-ctl policy: a policy is proposed, compared with what is in force, and taken over."""

import pathlib

from harness import Case

DEDICATED = "guests: [{match: {name: db1}, cpu: {policy: dedicated, emulator: share}}]\n"


class PolicyVerbs(Case):
    def drop_in(self, daemon):
        directory = pathlib.Path(daemon.policy).parent / "policy.d"
        directory.mkdir(exist_ok=True)
        return directory / "50-db1.yaml"

    def test_new_diff_reload(self):
        guest = self.guest("db1")
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")
        file = self.drop_in(daemon)
        text = daemon.ctl("policy", "new", "db1").stdout
        self.assertIn('- match: {name: "db1"}', text)
        self.assertEqual(daemon.json("policy", "new", "db1")["text"], text)
        self.assertEqual(daemon.ctl("policy", "diff").stdout, "no difference\n")

        self.assertIn("50-db1.yaml is written", daemon.ctl("policy", "new", "db1", "--output", str(file)).stdout)
        self.assertEqual(file.read_text(encoding="utf-8"), text)
        again = daemon.ctl("policy", "new", "db1", "--output", str(file), check=False)
        self.assertEqual((again.returncode, "File exists" in again.stderr), (1, True))
        self.assertEqual(daemon.ctl("check", str(file)).stderr, "")

        differs = daemon.ctl("policy", "diff", check=False)
        self.assertEqual(differs.returncode, 1)
        self.assertRegex(differs.stdout, r"db1 +match +- +named .*50-db1\.yaml:\d+")
        daemon.ctl("reload")
        self.assertEqual(daemon.ctl("policy", "diff").stdout, "no difference\n")
        self.wait_state(daemon, guest, "as-planned")

    def test_diff_of_a_file(self):
        guest = self.guest("db1")
        daemon = self.daemon("")
        self.wait_state(daemon, guest, "as-planned")
        file = pathlib.Path(daemon.policy).parent / "other.yaml"
        file.write_text("version: 1\nmode: enforce\ninterval: 1000ms\n" + DEDICATED, encoding="utf-8")
        document = daemon.json("policy", "diff", str(file), check=False)
        rows = {(row["guest"], row["key"]): (row["from"], row["to"], row["changes"]) for row in document["differences"]}
        self.assertEqual(rows[("db1", "cpu.policy")], ("shared", "dedicated", ["live"]))
        self.assertNotIn((None, "mode"), rows)
        self.assertNotIn((None, "interval"), rows)
        self.assertEqual(document["exit"], 1)
        file.write_text("version: 1\nmoed: enforce\n", encoding="utf-8")
        done = daemon.ctl("policy", "diff", str(file), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean 'mode'?\nmoed: enforce\n^", done.stderr)

    def test_nobody_there(self):
        daemon = self.daemon("")
        done = daemon.ctl("policy", "new", "nobody", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no guest 'nobody'", done.stderr)
