#!/bin/bash
# toxtcp-stress against toxtcp-relay: every scenario, what goes wrong, what it says. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/stress_common.sh
. "$(dirname "$0")/stress_common.sh"

unharmed() {
    local expressions=()
    for word in lost duplicated reordered corrupted misdelivered credit_timeouts unnoticed; do
        expressions+=("all(x['$word'] == 0 for x in r['groups'])")
    done
    holds "$1" "${expressions[@]}" "all(x['connects']['failed'] == 0 for x in r['groups'])" \
        "all(not x['connects']['ended_by_reason'] for x in r['groups'])"
}

# --- The command line ---

expect 0 'usage: toxtcp-stress' "$STRESS" --help
expect 0 'toxtcp-stress 0.' "$STRESS" --version
expect 0 'half-open' "$STRESS" --list-attacks
expect 2 'a scenario is missing' "$STRESS"
expect 2 'is no scenario' "$STRESS" --relay "127.0.0.1:1:$NOBODY" nonsense
expect 1 'there is no process 2147483647' "$STRESS" --relay "127.0.0.1:1:$NOBODY" --relay-pid 2147483647 latency
expect 1 'refused: 192.0.2.1:33445 is not on this machine' "$STRESS" --relay "192.0.2.1:33445:$NOBODY" attack=half-open
expect 1 'name.invalid: ' "$STRESS" --relay "name.invalid:33445:$NOBODY" latency

# --- Nobody there ---

start_relay relay 127.0.0.1:0
relay_pid=${pid[relay]}
stress_options=(--relay "$(relay_of relay)")
address=$(sed -n 's/^listening on //p' "$DIR/relay.out")
expect 1 'no client ever connected' "$STRESS" --relay "$address:$NOBODY" latency
says "$DIR/expect.out" 'connecting failed, wrong_key: ' || fail "a wrong key is not named: $(cat "$DIR/expect.out")"
expect 1 'connecting failed, refused: ' "$STRESS" --relay "127.0.0.1:1:$NOBODY" throughput idle:clients=3
expect 1 'no client ever connected' "$STRESS" --relay "127.0.0.1:1:$NOBODY" --duration 0.3 --warmup 0 handshake
expect 1 'there is no attack' "$STRESS" --relay "$(relay_of relay)" latency attack=nonsense
expect 1 "--json $DIR/no/file" "$STRESS" --relay "$(relay_of relay)" --duration 60 --json "$DIR/no/file" latency
expect 1 'descriptors are needed, one for each client' \
    bash -c 'ulimit -n 60; exec "$@"' bash "$STRESS" --relay "$(relay_of relay)" idle:clients=100

# --- All scenarios, side by side, on two threads ---

run_stress all --threads 2 --duration 2 --warmup 0.2 --relay-pid "$relay_pid" --seed 7 \
    throughput:pairs=3,size=1373 latency:pairs=2,size=100,rate=50 oob:pairs=2,size=300,dir=both \
    routes:pairs=2,routes=100,rate=20 idle:clients=30 handshake:clients=3 churn:clients=20,life=0.2,rate=20
unharmed all
holds all 'len(r["groups"]) == 7' 'abs(r["duration_s"] - 2) < 0.01' 'r["interrupted"] is False' \
    'g["throughput"]["received"] > 1000 and g["throughput"]["sent"] == g["throughput"]["received"]' \
    'g["oob"]["received"] > 1000' \
    'abs(g["latency"]["sent"] + g["latency"]["refused"] - 400) < 60' 'g["latency"]["round_trip_us"]["count"] > 100' \
    'g["latency"]["one_way_us"]["p50"] <= g["latency"]["one_way_us"]["p99"] <= g["latency"]["one_way_us"]["max"]' \
    'g["latency"]["one_way_us"]["p50"] < g["latency"]["round_trip_us"]["p50"]' \
    'g["idle"]["connects"]["ok"] == 30 and g["idle"]["sent"] == 0' \
    'g["handshake"]["connects"]["ok"] > 10 and g["handshake"]["connects"]["time_us"]["count"] > 10' \
    'g["churn"]["connects"]["ok"] > 40 and g["churn"]["received"] > 100' \
    'r["relay_process"]["pid"] == '"$relay_pid" '0 < r["relay_process"]["cpu_s"] < 3' \
    'r["relay_process"]["rss_start_kib"] <= r["relay_process"]["rss_peak_kib"]' \
    'r["relay_process"]["descriptors"] > 70' \
    'abs(r["relayed_packets"] / sum(x["packets_per_s"] for x in r["groups"]) - r["duration_s"]) < 0.01' \
    '0 < r["generator"]["cpu_percent"] < 210'
kill -0 "$relay_pid" || fail 'the relay is gone'

# At a rate: as many packets as were asked for, no more.
run_stress rate --duration 1 --warmup 0 throughput:pairs=5,rate=400,size=40
unharmed rate
holds rate '1900 <= g["throughput"]["sent"] + g["throughput"]["refused"] <= 2001' 'g["throughput"]["one_way_us"]["count"] > 0'

# The smallest window, both ways.
run_stress window --duration 0.5 --warmup 0 throughput:window=1,dir=both,pairs=2
unharmed window
holds window 'g["throughput"]["received"] > 100'

# With a bad neighbour.
run_stress neighbour --duration 0.5 --warmup 0.5 latency attack=half-open:clients=20
holds neighbour 'r["attack"]["name"] == "half-open"' 'r["attack"]["connects"] > 0' 'g["latency"]["received"] > 0'

# ... and with nobody else.
run_stress alone --duration 0.3 --warmup 0 attack=rubbish
holds alone 'r["attack"]["actions"] > 0' 'r["groups"] == []'

# --- A relay that stands still ---

# Moments are laid down beforehand: a stall of 0.6 s in 2 s is seen by three in ten packets, not by one.
start_stress stall --duration 2 --warmup 0 latency:rate=100
must_say "$DIR/stall.err" 'the last 2 s are measured'
kill -STOP "$relay_pid"
sleep 0.6
kill -CONT "$relay_pid"
must_end stall 0
holds stall 'g["latency"]["one_way_us"]["max"] > 500000' 'g["latency"]["one_way_us"]["p90"] > 250000' \
    'g["latency"]["lost"] == 0'

# A full window is given up after a second, and sent again.
start_stress credit --duration 3 --warmup 0 throughput:pairs=2
must_say "$DIR/credit.err" 'the last 3 s are measured'
kill -STOP "$relay_pid"
sleep 1.5
kill -CONT "$relay_pid"
must_end credit 0
holds credit 'g["throughput"]["credit_timeouts"] >= 2' 'g["throughput"]["received"] > 1000'

# --- Ends before the time ---

start_stress interrupted --duration 50 latency throughput
must_say "$DIR/interrupted.err" 'are there'
kill -INT "${pid[interrupted]}"
must_end interrupted 0
says "$DIR/interrupted.out" 'interrupted after' || fail "does not say that it was interrupted"
holds interrupted 'r["interrupted"] is True' 'r["duration_s"] < 40' 'g["latency"]["lost"] == 0'

start_stress closed --duration 2 --warmup 0 latency:pairs=3 --relay-pid "$relay_pid"
must_say "$DIR/closed.err" 'are there'
kill -TERM "$relay_pid"
must_end relay 0
must_end closed 0
holds closed 'sum(g["latency"]["connects"]["ended_by_reason"].values()) == 6' \
    'g["latency"]["connects"]["failed_by_reason"]["refused"] >= 6' 'g["latency"]["refused"] > 100'

finish
