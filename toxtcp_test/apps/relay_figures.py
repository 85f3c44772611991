#!/usr/bin/env python3
"""Reads a relay's figures: strictly, and both forms must agree. SPDX-License-Identifier: ISC

usage: relay_figures.py URL [past]    where the page is; whether there must be a busy past
"""
import json
import math
import re
import sys
import urllib.request

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9.e+-]+|\+Inf|-Inf|NaN)")
PREFIX = "toxtcp_relay_"


class Family:
    def __init__(self, name):
        self.name = name
        self.kind = None
        self.samples = {}  # (suffix, labels): value, in their order


def parse(text):
    """Every family, by name. Raises ValueError at what the format does not allow, or what it only advises against."""
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    families = {}
    family = None
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            if match[1] in families:
                raise ValueError("a second time: " + line)
            family = families[match[1]] = Family(match[1])
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            if family is None or family.name != match[1] or family.kind is not None:
                raise ValueError("not after its HELP: " + line)
            family.kind = match[2]
        elif match := SAMPLE.fullmatch(line):
            add_sample(family, line, *match.groups())
        else:
            raise ValueError("no such line: " + line)
    for family in families.values():
        check_family(family)
    return families


def add_sample(family, line, name, labels, value):
    if family is None or family.kind is None or not name.startswith(family.name):
        raise ValueError("not of the family above: " + line)
    suffix = name[len(family.name):]
    if suffix not in (("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)):
        raise ValueError("not of the family above: " + line)
    pairs = tuple(re.findall(r'([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"', labels or ""))
    if len(dict(pairs)) != len(pairs) or (suffix, pairs) in family.samples:
        raise ValueError("twice: " + line)
    family.samples[suffix, pairs] = float(value)


def check_family(family):
    if family.kind is None or not family.samples:
        raise ValueError("nothing of " + family.name)
    if (family.kind == "counter") != family.name.endswith("_total"):
        raise ValueError(f"{family.name} is a {family.kind}")
    if len({tuple(name for name, _ in labels) for suffix, labels in family.samples if suffix in ("", "_bucket")}) != 1:
        raise ValueError("labels of several kinds: " + family.name)
    if any(not math.isfinite(value) or value < 0 for value in family.samples.values()):
        raise ValueError("odd values: " + family.name)
    if family.kind == "histogram":
        check_histogram(family)


def check_histogram(family):
    buckets = [(float(labels[0][1]), value) for (suffix, labels), value in family.samples.items() if suffix == "_bucket"]
    bounds = [bound for bound, _ in buckets]
    counts = [count for _, count in buckets]
    if bounds != sorted(set(bounds)) or bounds[-1] != math.inf or counts != sorted(counts):
        raise ValueError("buckets out of order: " + family.name)
    if counts[-1] != family.samples["_count", ()] or len(bounds) != 20 or bounds[0] != 1e-5 or bounds[-2] != 10:
        raise ValueError("buckets do not add up: " + family.name)


def in_json(figures, family, labels):
    """The same number there."""
    name = family.name.removeprefix(PREFIX).removesuffix("_total")
    if name.startswith("worker_"):
        return figures["worker"][int(labels[0][1])][name.removeprefix("worker_")]
    at = figures[name]
    for _, value in labels:
        at = at[value]
    return at


def compare(before, families, after):
    """The relay goes on between the three looks: what only grows lies between the first and the third."""
    compared = 0
    for family in families.values():
        if family.kind == "histogram" or family.name == PREFIX + "build_info":
            continue
        for (_, labels), value in family.samples.items():
            low, high = in_json(before, family, labels), in_json(after, family, labels)
            steady = family.kind == "counter" or family.name.endswith(("_max", "_fds", "workers", "draining"))
            if steady and not min(low, high) - 1e-6 <= value <= max(low, high) + 1e-6:
                raise ValueError(f"{family.name} {labels}: {low}, {value}, {high}")
            compared += 1
    if compared < 50:
        raise ValueError(f"only {compared} numbers")


def check_history(figures):
    history = figures["history"]
    lengths = {len(column) for column in history.values()}
    times = history["uptime_seconds"]
    if len(lengths) != 1 or len(times) < 60 or times != sorted(set(times)):
        raise ValueError(f"history of {lengths}")
    if set(history) != set(figures["recent"]):
        raise ValueError("what is recent is something else than what was")
    rates = history["packets_per_second"]
    if not 3000 < min(rates) < max(rates) < 40000:
        raise ValueError(f"packets per second: {rates}")


def must_refuse(text):
    try:
        parse(text)
    except ValueError:
        return
    raise ValueError("taken: " + text)


def check_parser():
    """That it would find mistakes."""
    head = "# HELP a_total b\n# TYPE a_total counter\n"
    parse(head + 'a_total{b="c",d="\\\\\\"\\n"} 1\n')
    for text in ("", head, head + "a_total 1", head + "a_total 1\n\n", head + "a_total  1\n", head + "a_total x\n",
                 head + "a_total 1\na_total 1\n", head + "b_total 1\n", head + 'a_total{b="c"d="e"} 1\n',
                 head + 'a_total{b="c"} 1\na_total{d="c"} 1\n', head + 'a_total{b="\\c"} 1\n', head + "a_total -1\n",
                 head + head + "a_total 1\n", "a_total 1\n", "# TYPE a_total counter\na_total 1\n",
                 "# HELP a b\n# TYPE a counter\na 1\n", "# HELP a_total b\n# TYPE a_total gauge\na_total 1\n"):
        must_refuse(text)


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()


def main():
    check_parser()
    url = sys.argv[1]
    before = json.loads(fetch(url + "figures.json"))
    families = parse(fetch(url + "metrics"))
    compare(before, families, json.loads(fetch(url + "figures.json?history=0")))
    if sys.argv[2:]:
        check_history(before)


main()
