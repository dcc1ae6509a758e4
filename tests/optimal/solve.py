# SPDX-License-Identifier: LGPL-2.1-or-later
"""The best placement of an instance, by the integer program solver cbc.

Objectives are taken one after the other; the best value of each is a constraint for the next. Only
counts matter: how many PUs or whole cores of each place (NUMA node or LLC) each guest has. Any counts
that fit the places can be turned into PUs, see seat(). What is decided by nodes alone is solved over
nodes, which are few; then the LLCs, with all values before as constraints.
"""

import os
import re
import subprocess
import tempfile

from instance import DISTANCE

PROVED, NOT_PROVED, IMPOSSIBLE = "proved", "not proved", "impossible"
CPU_SECONDS = re.compile(r"Total time \(CPU seconds\):\s+([0-9.]+)")


class Program:
    """An integer program: variables, each with the most it may be, and rows of text."""

    def __init__(self):
        self.rows, self.most = [], {}

    def number(self, name, most):
        self.most[name] = most
        return name

    def row(self, terms, relation, value):
        """terms: (factor, variable)"""
        text = sum_text(terms)
        if text:
            self.rows.append(f"{text} {relation} {value}")

    def text(self, objective):
        lines = ["Minimize", "obj: " + (sum_text(objective) or "0 " + next(iter(self.most))), "Subject To"]
        lines += [f"r{i}: {row}" for i, row in enumerate(self.rows)]
        lines += ["Bounds"] + [f"0 <= {name} <= {most}" for name, most in self.most.items()]
        return "\n".join(lines + ["Generals"] + list(self.most) + ["End", ""])

    def solve(self, objective, seconds):
        """(how it ended, {variable: value} or None, seconds of processor time)"""
        if seconds <= 0:
            return NOT_PROVED, None, 0
        if not self.most:  # no guest fits anywhere
            return PROVED, {}, 0
        with tempfile.TemporaryDirectory() as folder:
            program, solution = os.path.join(folder, "program.lp"), os.path.join(folder, "solution")
            with open(program, "w", encoding="utf-8") as file:
                file.write(self.text(objective))
            done = subprocess.run(("cbc", program, "-seconds", str(seconds), "-solve", "-solution", solution),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            used = CPU_SECONDS.search(done.stdout)
            if not used or not os.path.exists(solution):
                raise RuntimeError(f"cbc: exit {done.returncode}\n{done.stdout}")
            with open(solution, encoding="utf-8") as file:
                how, *lines = file.read().splitlines()
        return (*self.read_solution(how, lines), float(used.group(1)))

    def read_solution(self, how, lines):
        """Its first line is 'Optimal - objective value 3' or such; then number, name, value, and more, of
        all that are not 0."""
        if "nfeasible" in how:
            return IMPOSSIBLE, None
        if not how.startswith("Optimal") and (not how.startswith("Stopped") or "no integer" in how):
            return NOT_PROVED, None
        values = dict.fromkeys(self.most, 0)
        for line in lines:
            fields = line.replace("**", " ").split()
            values[fields[1]] = round(float(fields[2]))
        return PROVED if how.startswith("Optimal") else NOT_PROVED, values


def sum_text(terms):
    """A name may come several times. On short lines: cbc does not read long ones."""
    sums = {}
    for factor, name in terms:
        sums[name] = sums.get(name, 0) + factor
    terms = [(factor, name) for name, factor in sums.items() if factor]
    words = [f"{'-' if factor < 0 else '+'} {abs(factor)} {name}" for factor, name in terms]
    return "\n ".join(" ".join(words[i:i + 8]) for i in range(0, len(words), 8))


def ones(names):
    return [(1, name) for name in names]


class Model:
    """The program of an instance over its nodes (of = host.node) or LLCs (of = host.llc)."""

    def __init__(self, instance, of):
        self.instance, self.host, self.of = instance, instance.host, of
        self.program = Program()
        self.rooms = self.host.rooms(of)
        self.places = range(len(self.rooms))
        each = len(self.rooms) // self.host.n_nodes
        self.places_of = [range(node * each, (node + 1) * each) for node in range(self.host.n_nodes)]
        self.fitting = [i for i, guest in enumerate(instance.guests)
                        if guest.least(self.host, self.host.llc) is not None]
        for i in self.fitting:
            self.add_guest(i)
            self.add_nodes(i)
            if instance.guests[i].cells:
                self.add_cells(i)
        self.add_capacity()
        self.add_order()

    def add_guest(self, i):
        """p: placed. A guest that fits in one place is whole in one (w) or spread (s); another is spread
        if it is placed. Of a spread guest x are PUs or whole cores in a place, h is one PU of one more
        core, b tells that there are some."""
        guest, host, program = self.instance.guests[i], self.host, self.program
        program.number(f"p{i}", 1)
        units, half = self.units(guest)
        spread, least = f"p{i}", guest.least(host, self.of)
        if least == 1:
            spread, least = program.number(f"s{i}", 1), 2
            for place in self.places:
                program.number(f"w{i}_{place}", int(self.room(guest, place) >= units + half))
            program.row(self.sum("w", i) + [(1, f"s{i}"), (-1, f"p{i}")], "=", 0)
        for place in self.places:
            most = min(units + half, self.room(guest, place))
            program.number(f"x{i}_{place}", min(units, most))
            program.number(f"b{i}_{place}", min(1, most))
            if half:
                program.number(f"h{i}_{place}", min(1, most))
            program.row(self.sum("xh", i, [place]) + [(-most, f"b{i}_{place}")], "<=", 0)
            program.row([(1, f"b{i}_{place}"), (-1, spread)], "<=", 0)
        program.row(self.sum("x", i) + [(-units, spread)], "=", 0)
        program.row(self.sum("b", i) + [(-least, spread)], ">=", 0)
        if half:
            program.row(self.sum("h", i) + [(-1, spread)], "=", 0)

    def add_nodes(self, i):
        """n: the guest is on that node."""
        program, nodes = self.program, range(self.host.n_nodes)
        for node in nodes:
            program.number(f"n{i}_{node}", 1)
            for place in self.places_of[node]:
                program.row(self.sum("w", i, self.places_of[node])
                            + [(1, f"b{i}_{place}"), (-1, f"n{i}_{node}")], "<=", 0)
        least = self.instance.guests[i].least(self.host, self.host.node)
        program.row(ones(f"n{i}_{node}" for node in nodes) + [(-least, f"p{i}")], ">=", 0)

    def add_cells(self, i):
        """y: vCPUs of a cell on a node; u: there are some; c: the cell is split."""
        guest, program, nodes = self.instance.guests[i], self.program, range(self.host.n_nodes)
        for cell, size in enumerate(guest.cells):
            program.number(f"c{i}_{cell}", 1)
            for node in nodes:
                program.number(f"y{i}_{cell}_{node}", size)
                program.number(f"u{i}_{cell}_{node}", 1)
                program.row([(1, f"y{i}_{cell}_{node}"), (-size, f"u{i}_{cell}_{node}")], "<=", 0)
                # not split: all of it is here or nothing
                program.row([(size, f"u{i}_{cell}_{node}"), (-1, f"y{i}_{cell}_{node}"),
                             (-size, f"c{i}_{cell}")], "<=", 0)
            program.row(ones(f"y{i}_{cell}_{node}" for node in nodes) + [(-size, f"p{i}")], "=", 0)
        width = self.host.width if self.takes_pairs(guest) else 1
        for node in nodes:
            program.row(ones(f"y{i}_{cell}_{node}" for cell in range(len(guest.cells)))
                        + self.units_in(i, self.places_of[node], -width)
                        + self.halves_in(i, self.places_of[node], -1), "=", 0)

    def add_capacity(self):
        """Whole cores for those who take cores; PUs for all, with those kept empty beside isolate. What
        require leaves of a core is there for those who do not take cores."""
        host, program, all_pus = self.host, self.program, []
        for place, (threads, cores) in enumerate(self.rooms):
            pus, whole = [], []
            for i in self.fitting:
                takes_cores = self.instance.guests[i].takes_cores(host)
                pus += self.units_in(i, [place], host.width if takes_cores else 1)
                pus += self.halves_in(i, [place], 1)
                if takes_cores:
                    whole += self.units_in(i, [place], 1) + self.halves_in(i, [place], 1)
            program.row(pus, "<=", threads)
            program.row(whole, "<=", cores)
            all_pus += pus
        if not host.housekeeping:  # a refused guest needs a PU to float on
            for i in self.fitting:
                program.row(all_pus + [(-1, f"p{i}")], "<=", host.n_pus - 1)
            if len(self.fitting) < len(self.instance.guests):
                program.row(all_pus, "<=", host.n_pus - 1)

    def add_order(self):
        """Of guests that can stand for each other the first are placed."""
        last = {}
        for i in self.fitting:
            key = self.instance.guests[i].key()
            if key in last:
                self.program.row([(1, f"p{last[key]}"), (-1, f"p{i}")], ">=", 0)
            last[key] = i

    # --- parts of rows ---

    def room(self, guest, place):
        return self.rooms[place][guest.takes_cores(self.host)]

    def takes_pairs(self, guest):
        return guest.takes_cores(self.host) and guest.threads == "require"

    def units(self, guest):
        """PUs or whole cores, and whether one PU more."""
        return divmod(guest.vcpus, self.host.width) if self.takes_pairs(guest) else (guest.vcpus, 0)

    def sum(self, letters, i, places=None, factor=1):
        """Those variables that there are."""
        names = [f"{letter}{i}_{place}" for letter in letters for place in places or self.places]
        return [(factor, name) for name in names if name in self.program.most]

    def units_in(self, i, places, factor):
        units = self.units(self.instance.guests[i])[0]
        return self.sum("x", i, places, factor) + self.sum("w", i, places, factor * units)

    def halves_in(self, i, places, factor):
        half = self.units(self.instance.guests[i])[1]
        return self.sum("hw", i, places, factor) if half else []

    # --- objectives ---

    def node_objectives(self):
        """Those that nodes alone decide."""
        return ([self.refused(priority) for priority in self.instance.priorities()]
                + [self.extra_nodes(), self.distance(), self.split_cells()])

    def refused(self, priority):
        guests = self.instance.guests
        terms = [(-1, f"p{i}") for i in self.fitting if guests[i].priority == priority]
        n = sum(guest.priority == priority for guest in guests)
        return Objective(terms, n, lambda best: n - len(terms))

    def extra_nodes(self):
        terms = []
        for i in self.fitting:
            terms += ones(f"n{i}_{node}" for node in range(self.host.n_nodes))
            terms.append((-self.instance.guests[i].least(self.host, self.host.node), f"p{i}"))
        return Objective(terms, 0, lambda best: 0)

    def extra_llcs(self):
        terms = []
        for i in self.fitting:
            terms += self.sum("wb", i) + [(-self.instance.guests[i].least(self.host, self.host.llc), f"p{i}")]
        return Objective(terms, 0, lambda best: 0)

    def distance(self):
        """k: the guest is on just so many nodes."""
        program, terms, least = self.program, [], 0
        counts = range(1, self.host.n_nodes + 1)
        for i in self.fitting:
            for count in counts:
                program.number(f"k{i}_{count}", 1)
            program.row(ones(f"k{i}_{count}" for count in counts) + [(-1, f"p{i}")], "=", 0)
            program.row([(count, f"k{i}_{count}") for count in counts]
                        + [(-1, f"n{i}_{node}") for node in range(self.host.n_nodes)], "=", 0)
            terms += [(pairs_distance(count), f"k{i}_{count}") for count in counts[1:]]
            least += pairs_distance(self.instance.guests[i].least(self.host, self.host.node))
        return Objective(terms, 0, lambda best: 0 if any(best) else least)

    def split_cells(self):
        return Objective(ones(name for name in self.program.most if name.startswith("c")), 0, lambda best: 0)


def pairs_distance(n_nodes):
    return DISTANCE * n_nodes * (n_nodes - 1) // 2


class Objective:
    """Its value is the sum of terms and a constant; least(best values of those before) is no more than
    the best value can be."""

    def __init__(self, terms, constant, least):
        self.terms, self.constant, self.least = terms, constant, least

    def value(self, values):
        return self.constant + sum(factor * values[name] for factor, name in self.terms)


# --- turning counts into PUs ---

def seat(model, values):
    """A placement with the counts of a model over LLCs. In each LLC those who take cores get the lowest,
    then the others the lowest of what is left."""
    instance, host = model.instance, model.host
    free = set(range(host.n_pus)) - host.housekeeping
    chosen = [[] for _ in instance.guests]
    counts = [{} for _ in instance.guests]
    for i in model.fitting:
        for llc in model.places:
            counts[i][llc] = [sum(factor * values[name] for factor, name in terms)
                              for terms in (model.units_in(i, [llc], 1), model.halves_in(i, [llc], 1))]
    for i in sorted(model.fitting, key=lambda i: not instance.guests[i].takes_cores(host)):
        guest = instance.guests[i]
        for llc, (units, half) in counts[i].items():
            here = sorted(pu for pu in free if host.llc(pu) == llc)
            if not guest.takes_cores(host):
                chosen[i] += here[:units]
                free -= set(here[:units])
                continue
            firsts = [pu for pu in here if free.issuperset(host.siblings(host.core(pu)))][::host.width]
            for first in firsts[:units]:
                chosen[i] += [first] if guest.threads == "isolate" else host.siblings(host.core(first))
                free -= set(host.siblings(host.core(first)))
            chosen[i] += firsts[units:units + half]
            free -= set(firsts[units:units + half])
    return [order_cells(instance, i, pus, values) if values.get(f"p{i}") else None
            for i, pus in enumerate(chosen)]


def order_cells(instance, i, pus, values):
    guest, host = instance.guests[i], instance.host
    if not guest.cells:
        return pus
    ordered, left = [], list(pus)
    for cell in range(len(guest.cells)):
        for node in range(host.n_nodes):
            here = [pu for pu in left if host.node(pu) == node][:values[f"y{i}_{cell}_{node}"]]
            ordered += here
            left = [pu for pu in left if pu not in here]
    return ordered


# --- stage by stage ---

class Solution:
    """values: one for each of score.labels(), as far as they are proved to be the best that can be;
    placement: of the best that was found, or None."""

    def __init__(self, values, placement, proved):
        self.values, self.placement, self.proved = tuple(values), placement, proved


class Stages:
    def __init__(self, instance, limit):
        self.instance, self.left = instance, limit
        self.best, self.values, self.proved = [], None, True

    def run(self, model, objectives):
        """Takes those objectives whose best value is not known yet, each with those before held."""
        for stage, objective in enumerate(objectives):
            if stage == len(self.best):
                self.find_best(model, objective)
            if stage == len(self.best):
                return
            model.program.row(objective.terms, "<=", self.best[stage] - objective.constant)

    def find_best(self, model, objective):
        """First whether the least it can be is possible, which is quickly told as a rule."""
        least = objective.least(self.best)
        if self.values is not None and objective.value(self.values) == least:
            self.best.append(least)
            return
        program = model.program
        program.row(objective.terms, "<=", least - objective.constant)
        status = self.run_program(program, [], self.left / 3)
        if status == NOT_PROVED:
            program.rows.pop()
        if status == IMPOSSIBLE:
            program.rows.pop()
            program.row(objective.terms, ">=", least + 1 - objective.constant)
        if status != PROVED:
            status = self.run_program(program, objective.terms, self.left)
        if status == IMPOSSIBLE:
            raise RuntimeError(f"seed {self.instance.seed}: cbc finds no placement, though there was one")
        self.proved = status == PROVED
        if self.proved:
            self.best.append(objective.value(self.values))

    def run_program(self, program, objective, seconds):
        status, values, used = program.solve(objective, seconds)
        self.left -= used
        self.values = values or self.values
        return status


def solve(instance, limit):
    """Within limit seconds of processor time."""
    host = instance.host
    stages = Stages(instance, limit)
    model = Model(instance, host.node)
    stages.run(model, model.node_objectives())
    stages.values = None  # of other variables
    if stages.proved:
        model = Model(instance, host.llc)
        stages.run(model, model.node_objectives() + [model.extra_llcs()])
    placement = seat(model, stages.values) if stages.values is not None and model.of == host.llc else None
    return Solution(stages.best, placement, stages.proved)
