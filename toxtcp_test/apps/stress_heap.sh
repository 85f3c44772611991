#!/bin/bash
# What a client of toxtcp-stress costs in memory: many of them, in one process. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

STRESS=$top_builddir/toxtcp-stress
CLIENTS=2000

start_relay relay 127.0.0.1:0
timeout 120 "$STRESS" --relay "$(relay_of relay)" --threads 2 --ramp 2000 --duration 0.2 --warmup 0 --json "$DIR/figures.json" \
    "idle:clients=$CLIENTS" >"$DIR/stress.out" 2>"$DIR/stress.err" || fail "ended with $?: $(cat "$DIR/stress.err")"

# With AddressSanitizer the C library doesn't know what is allocated.
known=True
grep -q __asan_init "$STRESS" && known=False
python3 - "$DIR/figures.json" "$CLIENTS" "$known" <<'END' || fail "$(cat "$DIR/stress.out" "$DIR/stress.err")"
import json, sys

r = json.load(open(sys.argv[1]))
connects = r["groups"][0]["connects"]
heap = r["generator"]["heap_kib_per_client"]
print("KiB of heap per client:", heap)
assert connects["ok"] == int(sys.argv[2]) and connects["failed"] == 0 and not connects["ended_by_reason"], connects
# The client of the library alone takes 600 bytes.
assert 0.6 < heap < 2 if sys.argv[3] == "True" else heap is None
END

finish
