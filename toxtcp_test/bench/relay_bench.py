#!/usr/bin/env python3
"""What toxtcp-relay costs beside tox-bootstrapd: the table of `make bench-relay`.

SPDX-License-Identifier: ISC

Both relays are measured by toxtcp-stress, in turns, several times; medians count. Where there are two cores or more the
relay has the last one to itself and the generator the first. Processor time is the relay's own, from /proc. What is missing
on this machine is said, and left out.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import relay_rows as rows  # noqa: E402
from stand import RELAY_CORE, Trouble, build_directory, clean_up_when_ended, cores, median, spawn  # noqa: E402


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", help="where the programs are (default: $top_builddir, or here)")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (5; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="one round of short runs: to see that it works")
    parser.add_argument("--only", action="append", metavar="PART", choices=rows.PARTS, help="one part; can be repeated")
    parser.add_argument("--list", action="store_true", help="list the parts")
    parser.add_argument("--json", metavar="FILE", help="the figures")
    parser.add_argument("--in-namespace", metavar="BYTES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = 1.5 if options.quick else 3
    options.idle_seconds = 6 if options.quick else 30
    options.parts = options.only or rows.PARTS
    return options


def shim_of(build):
    path = os.path.join(build, "toxtcp_test", "bench", "no_mlock.so")
    return path if os.path.exists(path) else None


def find_contenders(options):
    """Who is measured, and what that leaves out."""
    contenders = [rows.ours(options.build)]
    if shutil.which("tox-bootstrapd") is None:
        print("tox-bootstrapd is missing (Debian's toxcore-utils): toxtcp-relay alone is measured.")
        return contenders
    shim = shim_of(options.build)
    if shim is None:
        print("no_mlock.so is not built (make toxtcp_test/bench/no_mlock.so): its column stays empty.")
    else:
        contenders.insert(0, rows.bootstrapd_without_locks(shim))
    contenders.insert(0, rows.bootstrapd())
    return contenders


def in_namespace(options, receive_buffer):
    """Measures fairness in a network of its own, whose sockets begin with such a receive buffer. None: not allowed."""
    flags = ["-n"] if os.geteuid() == 0 else ["-U", "-r", "-n"]
    command = ["unshare", *flags, sys.executable, os.path.abspath(__file__), "--build", options.build]
    command += ["--in-namespace", str(receive_buffer)] + (["--quick"] if options.quick else [])
    try:
        # Errors are shown where this script's are.
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no measurement in a network namespace: {error}", file=sys.stderr)
        return {}
    return json.loads(done.stdout)


def measure_in_namespace(options):
    """In the namespace: sets it up, measures, prints what in_namespace() reads."""
    rows.loopback_up()
    rows.set_receive_buffer(int(options.in_namespace))
    measured = {}
    for contender in find_contenders_quietly(options):
        measured.update(rows.tagged(contender, rows.fairness(options, contender, options.in_namespace)))
    json.dump(measured, sys.stdout)


def find_contenders_quietly(options):
    found = [rows.ours(options.build)]
    if shutil.which("tox-bootstrapd") is not None:
        found.insert(0, rows.bootstrapd())
    return found


def measure_part(options, part, contenders):
    """All contenders one after another. Returns {row: {contender: value}}, flat."""
    measured = {}
    if part == "fairness":
        if shutil.which("unshare") is None:
            print("unshare is missing (Debian's util-linux): fairness is measured with the stock setting alone.")
        else:
            for receive_buffer in rows.RECEIVE_BUFFERS:
                measured.update(in_namespace(options, receive_buffer))
    if part == "calls" and shutil.which("strace") is None:
        print("strace is missing (Debian's strace): system calls are not counted.")
        return measured
    if part == "latency":
        forwarder = rows.forwarder(options, cores()[0], cores()[-1])
        measured.update({f"{row}|{rows.OURS}": value for row, value in forwarder.items()})
    for contender in contenders:
        if contender.name in rows.WHO[part]:
            measured.update(rows.tagged(contender, rows.MEASURE[part](options, contender)))
    return measured


def show_progress(text):
    """For whoever sits there; not into a file."""
    if sys.stderr.isatty():
        print(f"\r{text:60}\r{text}", end="", file=sys.stderr, flush=True)


def measure_all(options):
    contenders = find_contenders(options)
    samples = {}
    began = time.monotonic()
    for turn in range(options.rounds):
        for part in options.parts:
            if part in rows.ONCE and turn > 0:
                continue
            show_progress(f"{time.monotonic() - began:5.0f} s: round {turn + 1} of {options.rounds}, {part}")
            for name, value in measure_part(options, part, contenders).items():
                samples.setdefault(name, []).append(value)
    show_progress("")
    return samples


def bare_primitives(options):
    """What opening and sealing alone cost, by bench_channel: {size: microseconds}."""
    program = os.path.join(options.build, "toxtcp_test", "bench", "bench_channel")
    if not os.access(program, os.X_OK):
        print("bench_channel is not built (make toxtcp_test/bench/bench_channel): no figures of the bare primitives.")
        return {}
    running = spawn([program], RELAY_CORE, stdout=subprocess.PIPE, text=True)
    output = running.communicate(timeout=120)[0]
    found = re.findall(r"(\d+) bytes:.*\n.*\n\s+crypto_box_\(open_\)easy_afternm\s+([\d.]+)", output)
    return {int(size): float(nanoseconds) / 1000 for size, nanoseconds in found}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    return f"{len(cores())} cores, {model.group(1) if model else 'unknown'}"


def run(options):
    print(f"{machine()}; {options.rounds} rounds, medians; relay on core {cores()[-1]}.")
    samples = measure_all(options)
    medians = {name: median(values) for name, values in samples.items()}
    bare = bare_primitives(options) if "packets" in options.parts else {}
    table = rows.make_table(medians, bare)
    rows.print_table(table)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine(), "rounds": options.rounds, "samples": samples, "bare_us": bare}, file, indent=2)
    return 0 if all(row.met is not False for row in table) else 1


def main():
    options = read_options()
    clean_up_when_ended()
    try:
        if options.list:
            print("\n".join(rows.PARTS))
            return 0
        options.build = build_directory(options.build)
        if options.in_namespace:
            measure_in_namespace(options)
            return 0
        return run(options)
    except Trouble as trouble:
        print(f"relay_bench.py: {trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
