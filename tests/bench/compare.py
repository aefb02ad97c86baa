#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Prints what the benchmark programs wrote (--json FILE) as Markdown tables.

usage: compare.py FILE.json...                 one table each, and the goals
       compare.py --before OLD.json NEW.json   one side's rows beside each other: weft's alone,
                                               as ratios to the row's peer in the same run
"""
import json
import sys


def read(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def print_rows(cells):
    for row in cells:
        print("| " + " | ".join(row) + " |")
        if row is cells[0]:
            print("|" + " --- |" * len(row))
    print()


def cell(row, name):
    for side in row["sides"]:
        if side["side"] == name:
            value = side["median"]
            text = f"{value:.0f}" if value >= 1000 else f"{value:.1f}"
            if "ratio" in side and name != row["peer"]:
                text += f" ({side['ratio']:.2f})"
            return text
    return ""


def table(result):
    sides = []
    for row in result["rows"]:
        sides += [side["side"] for side in row["sides"] if side["side"] not in sides]
    unit = result["rows"][0]["unit"] if result["rows"] else ""
    peer = result["rows"][0]["peer"] if result["rows"] else None
    print(f"`{result['program']}`, {unit}" + (f" (ratio to {peer})" if peer else ""))
    print()
    print_rows([[""] + sides] + [[row["name"]] + [cell(row, s) for s in sides]
                                 for row in result["rows"]])


def goals(results):
    cells = [["row", "side", "goal", "reached", ""]]
    for result in results:
        for row in result["rows"]:
            for goal in row["goals"]:
                bound = f" x {goal['peer']}" if goal["peer"] else ""
                cells.append([f"{result['program']}: {row['name']}", goal["side"],
                              f"<= {goal['at_most']:g}{bound}", f"{goal['reached']:.3g}",
                              "met" if goal["met"] else "not met"])
    if len(cells) > 1:
        print_rows(cells)


def before_and_after(old, new):
    earlier = {row["name"]: row for row in old["rows"]}
    cells = [["row", "side", "before", "after"]]
    for row in new["rows"]:
        for side in row["sides"]:
            if side["side"].startswith("weft") and row["name"] in earlier:
                cells.append([row["name"], side["side"],
                              cell(earlier[row["name"]], side["side"]),
                              cell(row, side["side"])])
    print_rows(cells)


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--before":
        before_and_after(read(arguments[1]), read(arguments[2]))
        return 0
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    results = [read(name) for name in arguments]
    if results:
        print(f"{results[0]['processor']}, Linux {results[0]['kernel']}, "
              f"compiler {results[0]['compiler']}\n")
    for result in results:
        table(result)
    goals(results)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
