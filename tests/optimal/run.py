#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run.py [--count N] [--seed N] [--missed] [--limit SECONDS] [--self-test]: vmtuned's plans against the best
there are.

Random hosts and guests (instance.py) are planned by vmtuned-ctl simulate, by simple planners (peers.py)
and by an integer program that cbc solves (solve.py); all are judged by the same scorer (score.py).
--limit is processor time of cbc for one instance. BUILD_DIR names the flavour to test.

A case passes if no rule is broken and vmtuned reaches the best; where only the first values of the best
are proved in time, if it reaches these and no simple planner does better. For some instances it is a
case more that the names of the guests change nothing. --self-test checks the reference itself first, and
one instance is looked at again with --count 1 --seed N. --missed: those in the file beside this one, known
to be missed; they are listed, and fail nothing.
The last line is 'N passed, N failed'; the exit status says the same.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "common"))

import peers
import score
import selftest
import solve
from instance import random_instance
from truth import cpus

BUILD = os.environ.get("BUILD_DIR", os.path.join(HERE, "..", "..", "build", "plain"))
WORKERS = 2
SHUFFLE_EVERY = 5  # of so many instances one is shuffled
SHUFFLES = 50


def say(text):
    print(text, flush=True)


# --- vmtuned ---

def ctl_json(arguments):
    done = subprocess.run([os.path.join(BUILD, "vmtuned-ctl"), "--json", *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"vmtuned-ctl: exit {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


class Planned:
    """What vmtuned makes of an instance."""

    def __init__(self, instance, names=None):
        names = names or instance.names()
        with tempfile.TemporaryDirectory() as folder:
            self.document = ctl_json(["simulate", *instance.write(folder, names)])
        by_name = {guest["name"]: guest for guest in self.document["guests"]}
        self.wrong = []
        self.placement = [self.pus(instance, by_name[name]) for name in names]
        self.wrong += score.broken_rules(instance, self.placement)
        self.vector = score.vector(instance, self.placement)
        self.wrong += wrong_score(instance, self.vector, self.document.get("score"))

    def pus(self, instance, guest):
        if guest["result"] == "refused":
            return None
        vcpus = sorted(guest["vcpus"], key=lambda vcpu: vcpu["id"])
        masks = [sorted(cpus(vcpu["cpus"])) for vcpu in vcpus]
        if guest["result"] != "placed" or any(len(mask) != 1 for mask in masks):
            self.wrong.append(f"{guest['name']} is {guest['result']} on {masks}")
        pus = [mask[0] for mask in masks if mask]
        for key, of in (("nodes", instance.host.node), ("llcs", instance.host.llc)):
            if cpus(guest[key]) != set(map(of, pus)):
                self.wrong.append(f"{guest['name']} is said to be on {key} {guest[key]}")
        return pus


def wrong_score(instance, vector, said):
    """Values of the planner's own score that are not what was found here; it may have others."""
    values = dict(zip(score.labels(instance), vector))
    values["refused", None] = sum(vector[:len(instance.priorities())])
    wrong = []
    for item in said or []:
        key = item["name"], item.get("priority")
        if key in values and values[key] != item["value"]:
            wrong.append(f"score: {item['name']} is {values[key]}, not {item['value']}")
    names = {item["name"] for item in said or []}
    return wrong + [f"score: has no {name}" for name, _ in values if said is not None and name not in names]


# --- one instance ---

class Case:
    """An instance, what everybody made of it, and what is wrong with that. planned or solution is None if
    there was no answer at all."""

    def __init__(self, instance, limit):
        self.instance, self.planned, self.solution = instance, None, None
        try:
            self.run(limit)
        except (RuntimeError, ValueError, KeyError) as error:
            self.wrong, self.word = [f"{type(error).__name__}: {error}"], "WRONG"

    def run(self, limit):
        instance = self.instance
        self.planned = Planned(instance)
        self.solution = solve.solve(instance, limit)
        self.peers, self.wrong = {}, list(self.planned.wrong)
        for peer in peers.PEERS:
            placement = peers.place(instance, peer)
            self.wrong += [f"{peer}: {rule}" for rule in score.broken_rules(instance, placement)]
            self.peers[peer] = score.vector(instance, placement)
        self.word = self.judge()

    def judge(self):
        """How vmtuned did, in a word; capitals for what is a failure."""
        best, mine = self.solution.values, self.planned.vector
        known = len(best)  # values that are proved
        found = self.solution.placement
        if found is not None:
            self.wrong += [f"cbc: {rule}" for rule in score.broken_rules(self.instance, found)]
            if score.vector(self.instance, found)[:known] != best:
                self.wrong.append(f"cbc: the placement is not worth {text(best)}")
        for who, vector in (("vmtuned", mine), *self.peers.items()):
            if vector[:known] < best:
                self.wrong.append(f"{who}: {text(vector)} is better than the best")
        if self.wrong:
            return "WRONG"
        if mine[:known] > best:
            return "MISSED"
        if self.solution.proved:
            return "equal"
        return "unproved" if mine <= min(self.peers.values()) else "WORSE"

    def failed(self):
        return self.word.isupper()

    def complete(self):
        return self.planned is not None and self.solution is not None

    def missed(self):
        return self.planned.vector[:len(self.solution.values)] != self.solution.values

    def best(self):
        unknown = len(score.labels(self.instance)) - len(self.solution.values)
        return text(self.solution.values + ("?",) * unknown)

    def show(self):
        instance, result = self.instance, ""
        if self.complete():
            reach = [peer if vector == self.solution.values else "-" * len(peer)
                     for peer, vector in self.peers.items()]
            result = f"{text(self.planned.vector):<17} {self.best():<17} {' '.join(reach)}"
        say(f"{instance.seed:<6} {str(instance.host):<24.24} {len(instance.guests):>2} {instance.fill():>4}%"
            f"  {self.word:<8}  {result}")
        if self.failed():
            say(f"       guests: {' '.join(map(str, instance.guests))}")
        if self.word == "WORSE":
            for peer, vector in self.peers.items():
                say(f"       {peer}: {text(vector)}")
        for sentence in self.wrong:
            say(f"       {sentence}")


def text(vector):
    return ",".join(map(str, vector))


def shuffled_vectors(instance):
    """The different vectors that come out when the guests have each other's names."""
    rng, names = random.Random(instance.seed), instance.names()
    vectors = [Planned(instance).vector]
    for _ in range(SHUFFLES):
        rng.shuffle(names)
        vectors.append(Planned(instance, names).vector)
    return list(dict.fromkeys(vectors))


# --- all ---

def run_self_test(pool):
    tests = list(selftest.cases(ctl_json))
    failed = 0
    for (name, _), wrong in zip(tests, pool.map(lambda test: test[1](), tests)):
        failed += bool(wrong)
        say(f"{'FAILED' if wrong else 'ok':<7} {name}")
        for sentence in wrong:
            say(f"        {sentence}")
    return len(tests), failed


def run_instances(pool, seeds, limit):
    say(f"{'seed':<6} {'host':<24} guests     vmtuned   {'its values':<17} {'the best':<17} reached by")
    cases = []
    for case in pool.map(lambda seed: Case(random_instance(seed), limit), seeds):
        case.show()
        cases.append(case)
    if any(case.complete() for case in cases):
        summary([case for case in cases if case.complete()])
    return len(cases), sum(case.failed() for case in cases)


def summary(cases):
    proved = [case for case in cases if case.solution.proved]
    say(f"\nThe best is proved for {len(proved)} of {len(cases)} instances.")
    names = [name for name, priority in score.labels(cases[0].instance) if priority is None]
    for n, name in enumerate(["refused"] + names):
        # the refused come first, with a value for each priority
        equal = [case for case in proved
                 for last in [len(case.solution.values) - len(names) + n]
                 if case.planned.vector[:last] == case.solution.values[:last]]
        say(f"  vmtuned is equal to it up to {name:<12} {len(equal):>3}")
    for peer in peers.PEERS:
        equal = [case for case in proved if case.peers[peer] == case.solution.values]
        say(f"  {peer + ' reaches it':<41} {len(equal):>3}")
    missed = [case for case in cases if case.missed()]
    if missed:
        say("Missed:")
    for case in missed:
        say(f"  seed {case.instance.seed}: {text(case.planned.vector)}, the best is {case.best()}")
    others = [case for case in cases if not case.solution.proved]
    if others:
        fine = [case for case in others if case.planned.vector <= min(case.peers.values())]
        say(f"Of the {len(others)} others vmtuned is as good as every simple planner in {len(fine)}.")
    worse = [case for case in cases if min(case.peers.values()) < case.planned.vector]
    say(f"A simple planner is better than vmtuned in {len(worse)} of all {len(cases)} instances.")


def run_shuffles(pool, seeds):
    failed, seeds = 0, list(seeds)[::SHUFFLE_EVERY]
    for seed, vectors in zip(seeds, pool.map(lambda seed: shuffled_vectors(random_instance(seed)), seeds)):
        failed += len(vectors) > 1
        say(f"{'FAILED' if len(vectors) > 1 else 'ok':<7} seed {seed}, names shuffled {SHUFFLES} times:"
            f" {' '.join(map(text, vectors))}")
    return len(seeds), failed


def read_missed():
    with open(os.path.join(HERE, "missed"), encoding="utf-8") as file:
        return [int(line) for line in file if not line.startswith("#")]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="instances (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the others follow (default: 1)")
    parser.add_argument("--missed", action="store_true", help="those that are known to be missed")
    parser.add_argument("--limit", type=float, default=20, help="seconds for each instance (default: 20)")
    parser.add_argument("--self-test", action="store_true", help="check the reference itself first")
    options = parser.parse_args()
    for program in (os.path.join(BUILD, "vmtuned-ctl"), "cbc"):
        if not shutil.which(program):
            sys.exit(f"optimal: there is no {program}")
    with ThreadPoolExecutor(WORKERS) as pool:
        if options.missed:
            run_instances(pool, read_missed(), options.limit)
            return 0
        seeds = range(options.seed, options.seed + options.count)
        say(f"seeds {options.seed} to {options.seed + options.count - 1}, {options.limit:g} s for each")
        results = [run_self_test(pool)] if options.self_test else []
        results.append(run_instances(pool, seeds, options.limit))
        results.append(run_shuffles(pool, seeds))
    total, failed = (sum(result[i] for result in results) for i in (0, 1))
    say(f"{total - failed} passed, {failed} failed")
    return 0 if failed == 0 and total > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
