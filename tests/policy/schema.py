#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The policy's JSON Schema judges every file as vmtuned-ctl check does: those of the source tree, good
and bad, and each key with many values that are right for it or for another. What JSON Schema cannot
say is listed in BEYOND; there the schema may take what the parser refuses, never the other way round."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CTL = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build/plain")) / "vmtuned-ctl"
FILES = ("conf/policy.yaml", "conf/examples/*.yaml", "tests/scenario/*/policy.yaml", "tests/unit/policy-bad/*.yaml",
         "tests/fuzz/corpus/policy/*.yaml")

# The parser's words for what no schema can see.
BEYOND = re.compile("|".join((
    "duplicate key", "nowhere set", "tab", "not UTF-8", "control character", "document", "alias", "anchor",
    "^(did not|could not|found|block|while|mapping)", "nested", "is empty", "NUL character", "YAML syntax", "tags? ", "merge key",
    "expected a range whose end is not below its start", "expected a number up to 65535", "not '(0[xo]|[0-9]{6})")))
# A text that is a number out of the bounds of its key: a pattern counts no further than digits.
NUMBER_TEXT = re.compile(r"""^(["']?)([0-9][0-9.]*)(%|[a-zA-Z/]*)\1$""")
# Numbers the parser takes only as they are usually written, and lists that select nothing.
SPELLING = re.compile(r"^([0-9]+\.0+|0[xo].*|[+-].*|0-3,\^0-3|3-1|[0-9]{6,})$")

VALUES = """
on off yes "no" true "false" OFF ~ "" '' text "a&b" 0 1 2 7 64 100 256 "256" 1000 1001 4096 65535 65536 -1 1.5 2.0 "1.5"
0.5 50% 150% 2000% "0-3" 0-3 "0-3,8,^2" "0-3,^0-3" "3-1" node:1 "^node:0,all" "node:" "node:llc:1" all auto none share isolate
dedicated 30s 5m 2h 1ms 1m30s 90 4000 512MiB 1.5G 4GiB 4kb 4Ki 100MB/s 1GiB/s 10/s [] [1] [text] [disk-not-virtio] {}
{0:&4GiB} {0:&"1"} {a:&b} {vda:&{cache:&none}} {vda:&{cache:&fast}} {"52:54:00:12:34:56":&{queues:&auto}} {mode:&auto}
{mode:&auto,&mode:&off} {max:&1,&grow:&2} {average:&1} {average:&fast} {-1:&"0"} {total_iops:&100,&group:&a} [{node:&0}] [[]]
""".replace("\n", " ").split()


class Core(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """YAML 1.2's core schema, as editors read it; a key is text, as in JSON."""

    def construct_mapping(self, node, deep=False):
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


Core.add_constructor("tag:yaml.org,2002:map", Core.construct_mapping)
Core.yaml_implicit_resolvers = {}
for tag, regex, first in (
        ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
        ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
        ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""])):
    Core.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(regex), first)


class Judge:
    def __init__(self):
        self.schema = json.loads(ctl("policy", "schema"))
        jsonschema.Draft202012Validator.check_schema(self.schema)
        self.validator = jsonschema.Draft202012Validator(self.schema)
        self.passed, self.failed = 0, 0

    def tell(self, good, text):
        self.passed += good
        self.failed += not good
        if not good:
            print(text)

    def schema_errors(self, text, loader=Core):
        """None: it is no YAML."""
        try:
            return list(self.validator.iter_errors(yaml.load(text, loader)))
        except (yaml.YAMLError, ValueError, RecursionError, AttributeError, TypeError):
            return None

    def file(self, path):
        errors = parser_errors(path)
        if errors and all(BEYOND.search(error["text"]) for error in errors):
            return
        text = path.read_bytes()
        if b"[*" in text:  # aliases within aliases: the parser has a limit, Python has none
            return
        found = self.schema_errors(text)
        if errors:
            self.tell(found != [], f"{path}: the schema takes it, the parser says {errors[0]['text']}")
            return
        self.tell(found == [], f"{path}: the parser takes it, the schema does not: {found and found[0].message}")
        self.tell(self.schema_errors(text, yaml.SafeLoader) == [], f"{path}: not as YAML 1.1")

    def value(self, key, value, errors, found):
        """errors, found: what parser and schema say of that value of that key."""
        what = f"{key}: {value}"
        if not errors:
            self.tell(not found, f"{what}: the parser takes it, the schema says {found and found[0].message}")
        elif not (all(BEYOND.search(error["text"]) for error in errors) or NUMBER_TEXT.match(value) and value[0] in "\"'"
                  or NUMBER_TEXT.match(value) and not value.isdigit() or SPELLING.match(value.strip("\"'"))):
            self.tell(bool(found), f"{what}: the schema takes it, the parser says {errors[0]['text']}")

    def guest_key(self, key, values, directory):
        """One file: a rule for each value."""
        rules = [f"  - {{match: {{name: a}}, {in_yaml(key, value)}}}" for value in values]
        text = "version: 1\nguests:\n" + "\n".join(rules) + "\n"
        errors, found = parser_errors(write(directory, text)), self.schema_errors(text)
        for i, value in enumerate(values):
            self.value(key, value, [error for error in errors if (error["key"] or "").startswith(f"guests[{i}].")
                                    or error["line"] == i + 3], [error for error in found if error.absolute_path[1] == i])

    def host_key(self, key, values, directory):
        """A file for each value."""
        for value in values:
            text = f"version: 1\n{in_yaml(key, value)}\n"
            self.value(key, value, parser_errors(write(directory, text)), self.schema_errors(text))

    def defaults(self, schema):
        """What the schema calls the default of a value is one."""
        if isinstance(schema, dict):
            if "default" in schema:
                good = self.validator.evolve(schema=schema).is_valid(schema["default"])
                self.tell(good, f"{schema['default']} is no default of {schema}")
            for below in schema.values():
                self.defaults(below)


def ctl(*words):
    return subprocess.run([CTL, *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          encoding="utf-8").stdout


def parser_errors(path):
    return [row for row in json.loads(ctl("check", "--json", path))["diagnostics"] if row["severity"] == "error"]


def write(directory, text):
    path = pathlib.Path(directory) / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def in_yaml(key, value):
    section, _, name = key.rpartition(".")
    return f"{section}: {{{name}: {value}}}" if section else f"{name}: {value}"


def main():
    judge = Judge()
    keys = json.loads(ctl("policy", "explain", "--json"))["keys"]
    examples = {row["key"]: re.sub(r"^\w+: \{\w+: (.*)\}$" if "." in row["key"] else r"^\w+: (.*)$", r"\1", row["example"])
                for row in keys}
    common = [value.replace("&", " ") for value in VALUES]
    # scenarios often share a policy
    files = {path.read_bytes(): path for pattern in FILES for path in sorted(ROOT.glob(pattern))}
    for path in files.values():
        judge.file(path)
    with tempfile.TemporaryDirectory() as directory:
        for row in keys:
            words = re.split(r", | or ", row["value"])
            own = [examples[row["key"]], *(word for word in words if " " not in word)]
            if row["scope"] == "guest":
                judge.guest_key(row["key"], list(dict.fromkeys([*own, *common, *examples.values()])), directory)
            else:  # takes longer, so fewer of them
                judge.host_key(row["key"], list(dict.fromkeys([*own, *common[::3]])), directory)
    judge.defaults(judge.schema)
    print(f"{judge.passed} passed, {judge.failed} failed")
    sys.exit(judge.failed > 0)


main()
