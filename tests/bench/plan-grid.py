#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""plan-grid.py [SVG]: runs the programs plan-grid and plan-steps of BUILD_DIR, prints their lines as
tables and draws the time of plans by guests into SVG (docs/plan-grid.svg). The C files tell the fields."""

import math
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR", os.path.join(ROOT, "build", "plain"))

MIXES = (("dedicated", "all dedicated, to start"), ("mixed", "half shared, to start"),
         ("steady", "half shared, in place"))
POINT = ("mix", "guests", "PUs", "nodes", "vCPUs", "placed", "refused", "plans", "median us", "p99 us",
         "floor us", "ratio")
STEP = ("guests", "all", "PUs", "nodes", "one", "steps", "written", "median us", "p99 us", "x floor",
        "whole us", "whole x")
DRAWN_STEPS = ("stops", "starts", "refused")
MEMORY = ("guests", "PUs", "nodes", "tried", "allocations", "of the search")
GROWTH = ("mix", "PUs", "nodes", "guests from", "to", "time x", "n log n x")

# ---- the picture
WIDTH, HEIGHT = 1040, 470
LEFT, TOP, GAP, PANEL_W, PANEL_H = 62, 62, 20, 224, 300
LINE_NODES = 4
# text, dim text, paper, grid, lines by number of PUs, floor
LIGHT = ("#1f2328", "#59636e", "#ffffff", "#d8dee4", ("#86b6ef", "#4a90e2", "#1f62b4", "#0d2f5e"), "#8c959f")
DARK = ("#e6edf3", "#9198a1", "#0d1117", "#30363d", ("#1f4f8f", "#2f7bd8", "#72aef2", "#cfe3fb"), "#6e7681")
SHAPES = """
text { font: 12px system-ui, sans-serif; }
.title { font-size: 15px; font-weight: 600; }
.line { stroke-width: 2; fill: none; stroke-linejoin: round; }
.span { stroke-width: 5; opacity: .35; }
.thin { stroke-width: 1.5; stroke-dasharray: 6 4; }
.guide { fill: none; stroke-width: 1.5; stroke-dasharray: 1 4; stroke-linecap: round; }
"""


def colours(theme):
    text, dim, paper, grid, lines, floor = theme
    rules = [f"text {{ fill: {text}; }}", f".dim {{ fill: {dim}; }}", f".paper {{ fill: {paper}; }}",
             f".grid {{ stroke: {grid}; }}", f".guide {{ stroke: {dim}; }}", f".floor {{ stroke: {floor}; }}"]
    for index, line in enumerate(lines):
        rules += [f".p{index} {{ stroke: {line}; }}", f".dot.p{index} {{ fill: {line}; }}"]
    return "\n".join(rules)


def style():
    dark = f"@media (prefers-color-scheme: dark) {{\n{colours(DARK)}\n}}"
    return f"<style>{SHAPES}{colours(LIGHT)}\n{dark}\n</style>"


def number(text):
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() and "." not in text else value


def run(program, lines):
    """Adds kind -> lists of values, as they come."""
    command = os.path.join(BUILD, "tests/bench", program)
    with subprocess.Popen((command,), stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            kind, *fields = map(number, line.strip().split(","))
            print(line, end="", file=sys.stderr, flush=True)
            if kind == "cut":
                kind, fields = "point", fields + ["cut", "", ""]
            lines[kind].append(fields)
    if process.returncode != 0:
        sys.exit(f"{command}: exit {process.returncode}")


def compared(step):
    """The floor and the whole plan of a step as ratios."""
    *fields, median, p99, whole, floor = step
    return [*fields, median, p99, median / floor, whole, whole / median]


def cell(value):
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value


def print_table(head, rows):
    texts = [head] + [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts)]
    for row in texts:
        print("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(row, widths))))
    print()


class Panel:
    """Where a point is, and what is drawn there."""

    def __init__(self, index, points, decades):
        self.x0 = LEFT + index * (PANEL_W + GAP)
        self.points = points
        self.low, self.high = decades
        self.out = []

    def x(self, guests):
        return self.x0 + 14 + (PANEL_W - 28) * (math.log10(guests) - 1) / 2

    def y(self, usec):
        return TOP + PANEL_H * (self.high - math.log10(usec)) / (self.high - self.low)

    def line(self, css, x1, y1, x2, y2):
        self.out.append(f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, css, x, y, anchor, text):
        self.out.append(f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>')

    def path(self, css, places):
        words = " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        self.out.append(f'<path class="{css}" d="M{words}"/>')

    def axes(self, title):
        self.text("", self.x0, TOP - 10, "start", title)
        for decade in range(self.low, self.high + 1):
            self.line("grid", self.x0, self.y(10 ** decade), self.x0 + PANEL_W, self.y(10 ** decade))
        for guests in sorted({point["guests"] for point in self.points}):
            self.line("grid", self.x(guests), TOP, self.x(guests), TOP + PANEL_H)
            self.text("dim", self.x(guests), TOP + PANEL_H + 17, "middle", f"{guests:,}")
        self.text("dim", self.x0 + PANEL_W / 2, TOP + PANEL_H + 34, "middle", "guests")

    def curve(self, index, pus):
        """A line at LINE_NODES nodes, a bar from the least to the most over all numbers of nodes."""
        css, places = f"p{index}", []
        mine = [point for point in self.points if point["PUs"] == pus]
        for guests in sorted({point["guests"] for point in mine}):
            here = [point for point in mine if point["guests"] == guests]
            times = [point["median us"] for point in here]
            x = self.x(guests)
            self.line(f"span {css}", x, self.y(max(times)), x, self.y(min(times)))
            places += [(self.x(guests), self.y(point["median us"])) for point in here
                       if point["nodes"] == LINE_NODES]
        if places:
            self.path(f"line {css}", places)
        self.out += [f'<circle class="dot {css}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places]

    def bounds(self, pus):
        """The floor and n log n from 100 guests on, both at LINE_NODES nodes."""
        mine = {p["guests"]: p for p in self.points if p["PUs"] == pus and p["nodes"] == LINE_NODES}
        floor = [(self.x(n), self.y(p["floor us"])) for n, p in sorted(mine.items()) if p["floor us"]]
        if floor:
            self.path("line thin floor", floor)
        if 100 in mine:
            start = mine[100]["median us"] / (100 * math.log(100))
            places = [(n, start * n * math.log(n)) for n in (100, 180, 320, 560, 1000)]
            self.path("guide", [(self.x(n), self.y(usec)) for n, usec in places if usec < 10 ** self.high])


    def step(self, what, points):
        """A line of one kind of step, with its name."""
        places = [(self.x(point["all"]), self.y(point["median us"])) for point in points]
        self.path("line p3", places)
        self.out += [f'<circle class="dot p3" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places]
        self.text("dim", places[0][0] - 10, places[0][1] + 4, "end", what)


def draw_steps(panel, steps):
    """Dedicated guests on the largest host with the most nodes."""
    nodes = max(step[3] for step in steps)
    named = [dict(zip(STEP, step)) for step in steps if step[0] == "dedicated" and step[3] == nodes]
    panel.points = [{"guests": step["all"]} for step in named] + [{"guests": 10}]
    panel.axes("one guest changes, 16 nodes")
    for what in DRAWN_STEPS:
        panel.step(what, [step for step in named if step["one"] == what])


def unit(decade):
    exponent, name = (6, "s") if decade >= 6 else (3, "ms") if decade >= 3 else (0, "µs")
    return f"{10 ** (decade - exponent):g} {name}"


def draw(points, steps, path):
    counts = sorted({point[2] for point in points})
    times = [point[8] for point in points] + [point[10] for point in points if point[10]]
    decades = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    panels = [Panel(index, [dict(zip(POINT, point)) for point in points if point[0] == mix], decades)
              for index, (mix, _) in enumerate(MIXES)]
    last = Panel(len(MIXES), [], decades)
    draw_steps(last, steps)
    for panel, (_, title) in zip(panels, MIXES):
        panel.axes(title)
        panel.bounds(counts[-1])
        for index, pus in enumerate(counts):
            panel.curve(index, pus)
    first, y = panels[0], HEIGHT - 26
    first.text("title", LEFT, 26, "start", "Time to plan all guests of a host, or one more, median")
    first.text("dim", last.x0 + PANEL_W, 26, "end", f"lines: {LINE_NODES} nodes; bars: 1 to 16 nodes")
    for decade in range(decades[0], decades[1] + 1):
        first.text("dim", LEFT - 8, first.y(10 ** decade) + 4, "end", unit(decade))
    x = LEFT
    for css, label in [(f"line p{i}", f"{pus:,} PUs") for i, pus in enumerate(counts)] + [
            ("guide", "n log n"), ("line thin floor", f"floor: first fit, {counts[-1]:,} PUs")]:
        first.line(css, x, y - 4, x + 24, y - 4)
        first.text("", x + 30, y, "start", label)
        x += 54 + 7 * len(label)
    with open(path, "w", encoding="utf-8") as file:
        print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
              f'height="{HEIGHT}" role="img">', "<title>Time of a plan by number of guests</title>", style(),
              f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
              *(line for panel in (*panels, last) for line in panel.out), "</svg>", sep="\n", file=file)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "docs", "plan-grid.svg")
    lines = {"point": [], "growth": [], "step": [], "memory": []}
    run("plan-grid", lines)
    run("plan-steps", lines)
    print_table(POINT, lines["point"])
    print_table(GROWTH, lines["growth"])
    print_table(STEP, [compared(step) for step in lines["step"]])
    print_table(MEMORY, lines["memory"])
    draw(lines["point"], lines["step"], path)
    print(f"{path} (tests/bench/plan-grid.py draws docs/plan-grid.svg)")


main()
