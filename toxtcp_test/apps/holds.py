#!/usr/bin/env python3
"""Whether expressions hold about JSON documents; says which do not.

usage: holds.py NAME=FILE[#KEY]... -- EXPRESSION...

Expressions are Python's and see each document, or its KEY alone, by its NAME; `g` are the groups of `r` by scenario.
SPDX-License-Identifier: ISC
"""
import json
import sys


def by_scenario(result):
    return {group["scenario"]: group for group in result["groups"]}


def carried(result, index):
    """Packets in the series' measured time, of a group."""
    points = (point for point in result["series"] if point["phase"] == "measure")
    return sum(point["groups"][index]["packets_per_s"] * point["seconds"] for point in points)


def faults(relay):
    """Of one that was probed: steps and what went wrong in them."""
    return [(fault["step"], fault["fault"]) for fault in relay["faults"]]


def load(path):
    path, _, key = path.partition("#")
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    return document[key] if key else document


def check(names, expressions):
    """Returns how many do not hold. Inner loops of an expression see what is global to it."""
    wrong = [expression for expression in expressions if not eval("(%s)" % expression, dict(names))]
    for expression in wrong:
        print("does not hold:", expression)
    return len(wrong)


def main():
    end = sys.argv.index("--")
    names = {"carried": carried, "faults": faults}
    for name, path in (argument.split("=", 1) for argument in sys.argv[1:end]):
        names[name] = load(path)
    if "groups" in names.get("r", {}):
        names["g"] = by_scenario(names["r"])
    return check(names, sys.argv[end + 1:]) > 0


if __name__ == "__main__":
    sys.exit(main())
