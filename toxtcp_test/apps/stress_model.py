#!/usr/bin/env python3
"""Whether the figures of toxtcp-stress agree with the counts of the relay that did harm, and expressions hold.

usage: stress_model.py FIGURES COUNTS EXPRESSION...

In expressions `r` are the figures, `c` the counts, `t` sums over the groups, `g` the only group, or the first, `n` how
many latencies it has. SPDX-License-Identifier: ISC
"""
import math
import sys

import holds

WORDS = "sent received lost duplicated reordered corrupted misdelivered refused cut credit_timeouts unnoticed".split()
QUANTILES = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}

r, c = (holds.load(path) for path in sys.argv[1:3])
g = r["groups"][0]
t = {word: sum(group[word] for group in r["groups"]) for word in WORDS}
n = g["one_way_us"]["count"]


def rank(quantile):
    return math.ceil(n * QUANTILES[quantile] / 1000)


def quantile_ms(quantile):
    return g["one_way_us"][quantile] / 1000


def at_least(quantile, ms):
    """Histograms are exact to half a percent."""
    return quantile_ms(quantile) >= ms * 0.995


def delayed_are_seen(ms):
    """What is delayed is the last of all."""
    return all(at_least(q, ms) for q in QUANTILES if rank(q) > n - c["delayed"])


def others_are_quick(ms):
    return all(quantile_ms(q) < ms for q in QUANTILES if rank(q) <= n - c["delayed"])


def stall_is_seen(quantile, stall_ms, per_ms, threads):
    """Of those due in the stall, each waits for its end. So many are as slow as that quantile, or slower."""
    slower = n - rank(quantile) + 1
    return at_least(quantile, stall_ms - (slower + threads) / per_ms)


def differences():
    """Where both do not agree."""
    wanted = {"sent": c["seen"], "lost": c["lost"] + c["corrupted"] + c["misdelivered"] + c["held"],
              "duplicated": c["duplicated"], "reordered": c["overtaken"], "corrupted": c["corrupted"],
              "misdelivered": c["misdelivered"], "refused": 0, "cut": 0, "credit_timeouts": 0, "unnoticed": 0}
    wanted["received"] = wanted["sent"] - wanted["lost"]
    found = [f"{word} is {t[word]}, not {wanted[word]}" for word in WORDS if t[word] != wanted[word]]
    if c["vanished"] != 0:
        found.append("receivers were gone")
    for group in r["groups"]:
        if group["connects"]["failed"] != 0 or group["connects"]["ended_by_reason"]:
            found.append(f"{group['scenario']}: connections failed")
        if group["one_way_us"]["count"] + group["round_trip_us"]["count"] != group["received"]:
            found.append(f"{group['scenario']}: not every packet that was received has a latency")
    return found


wrong = differences()
for line in wrong:
    print(line)
sys.exit(holds.check(globals(), sys.argv[3:]) + len(wrong) > 0)
