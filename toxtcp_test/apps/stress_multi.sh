#!/bin/bash
# toxtcp-stress with several relays: those it starts itself, those that come and go, sleeping and waking.
# SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/stress_common.sh
. "$(dirname "$0")/stress_common.sh"

# --- What cannot be ---

expect 2 'that relay was not started here' "$STRESS" --relay "127.0.0.1:1:$NOBODY" --event 1:kill:1 multirelay
expect 2 'it is SECONDS:ACTION:RELAY' "$STRESS" --event 1:explode:1 multirelay
expect 2 'there are 3 relays' "$STRESS" --embedded 3 --event 1:kill:4 multirelay
expect 2 'the measured time is over after 2 s' "$STRESS" --duration 2 --event 2:kill:1 multirelay
expect 2 'multirelay alone says what came of it' "$STRESS" --event 1:kill:1 throughput
expect 2 'no kill or stop of the primary' "$STRESS" --event 1:cont:primary multirelay
expect 2 'cannot be opened' "$STRESS" --relays "$DIR/no.list" multirelay
echo '127.0.0.1:33445' >"$DIR/bad.list"
expect 2 'bad.list:1: ' "$STRESS" --relays "$DIR/bad.list" multirelay

# --- Without any relay ---

run_stress box --duration 0.5 --warmup 0 throughput latency
holds box 'len(r["relays"]) == 1 and r["relays"][0]["embedded"]' \
    'r["relay_process"]["pid"] == r["relays"][0]["pid"] and r["relay_process"]["cpu_s"] > 0' \
    'g["throughput"]["received"] > 1000 and g["throughput"]["lost"] == 0' 'g["latency"]["received"] > 50' 'r["events"] == []'

# A relay goes and comes back; the other one carries all. It is dialled again after some 1 and 3 s.
run_stress kill --duration 6 --warmup 0.3 --event 1:kill:1 --event 2:start:1 multirelay:pairs=5
holds kill 'len(r["relays"]) == 2' 'g["multirelay"]["sent"] + g["multirelay"]["refused"] >= 5 * 50 * 6 - 5' \
    '[e["action"] for e in r["events"]] == ["kill", "start"]' 'all(e["done"] and e["relay"] == 1 for e in r["events"])' \
    'all(e["receivers"] == 5 and e["recover_us"]["count"] == 5 for e in r["events"])' \
    'all(e["recover_us"]["max"] < 1e6 and e["longest_gap_us"] < 1e6 for e in r["events"])' \
    'r["events"][0]["reconnect_us"]["count"] == 0 and r["events"][1]["reconnect_us"]["count"] == 10' \
    'r["events"][0]["lost"] < 50 and r["events"][1]["lost"] == 0' \
    'sum(g["multirelay"]["connects"]["ended_by_reason"].values()) == 10' \
    'g["multirelay"]["gap_us"]["count"] == 5 and 19000 < g["multirelay"]["gap_us"]["min"]' \
    'g["multirelay"]["gap_us"]["max"] < 1e6' 'g["multirelay"]["recover_us"]["count"] == 10' \
    'g["multirelay"]["duplicated"] + g["multirelay"]["corrupted"] + g["multirelay"]["misdelivered"] == 0' \
    'g["multirelay"]["lost"] == sum(e["lost"] for e in r["events"])'
says "$DIR/kill.out" '1 s kill relay 1' || fail "no line for the event: $(cat "$DIR/kill.out")"

# The only relay is away for a second: that is the gap, at all receivers.
run_stress only --embedded 1 --duration 5 --warmup 0.3 --event 1:kill:1 --event 1.2:kill:1 --event 1.4:start:1 \
    multirelay:pairs=4,dir=both
holds only '[e.get("receivers") for e in r["events"]] == [8, None, 8]' '[e["done"] for e in r["events"]] == [True, False, True]' \
    '"does not run" in r["events"][1]["trouble"]' '"lost" not in r["events"][1] and r["events"][1]["relay"] == 1' \
    '"relay_process" not in r' \
    'g["multirelay"]["gap_us"]["count"] == 8 and g["multirelay"]["gap_us"]["min"] > 400000' \
    'r["events"][0]["longest_gap_us"] == r["events"][2]["longest_gap_us"] == g["multirelay"]["gap_us"]["max"]' \
    'g["multirelay"]["refused"] > 100' 'r["events"][0]["recover_us"]["min"] > 400000'
says "$DIR/only.out" 'not done: it does not run' || fail "does not say what was not done: $(cat "$DIR/only.out")"

# It goes once more before anybody dials it again: nobody comes back to it by its first start. And what is lost when
# the other one stands still is not counted to what happens 0.1 s later.
run_stress twice --duration 4 --warmup 0.3 --event 0.5:kill:1 --event 0.6:start:1 --event 0.7:kill:1 --event 0.8:start:1 \
    --event 3:stop:2 --event 3.1:cont:1 multirelay:pairs=10
holds twice 'all(e["done"] for e in r["events"])' \
    '[e["reconnect_us"]["count"] for e in r["events"]] == [0, 0, 0, 20, 0, 0]' 'r["events"][4]["lost"] > 5' \
    'g["multirelay"]["lost"] == sum(e["lost"] for e in r["events"])'

# At the end there may be no time to recover. The first packets go when the first event is due.
run_stress edges --duration 1.5 --warmup 0 --event 0:kill:primary --event 0:start:primary --event 1.2:kill:1 \
    --event 1.2:kill:2 multirelay:pairs=4
holds edges 'all(e["done"] for e in r["events"])' 'r["events"][0]["relay"] == r["events"][1]["relay"]' \
    '[e["receivers"] - e["recover_us"]["count"] for e in r["events"]] == [0, 0, 4, 4]' \
    'r["events"][2]["sent"] == r["events"][3]["sent"]'
says "$DIR/edges.out" 'not yet again when the run ended: 4 of 4 receivers' ||
    fail "does not say that nobody recovered: $(cat "$DIR/edges.out")"

# One that stands still is found out by its silence. "primary" names the same one later.
run_stress stop --duration 5 --warmup 0.3 --event 1:stop:primary --event 4:cont:primary multirelay:pairs=4
holds stop 'all(e["done"] for e in r["events"]) and r["events"][0]["relay"] == r["events"][1]["relay"]' \
    '500000 < r["events"][0]["longest_gap_us"] < 2.9e6' 'r["events"][0]["recover_us"]["count"] == 4'

# --- Relays that others run ---

start_relay one 127.0.0.1:0
start_relay two 127.0.0.1:0
{
    relay_of one
    printf ' # the first\n\n'
    relay_of two
    printf '\n'
} >"$DIR/relays.list"
{
    # shellcheck disable=SC2016 # the run's shell expands it
    run_stress command --relays "$DIR/relays.list" --relay-pid "${pid[one]}" --duration 2 --warmup 0.3 --event 0.7:kill:1 --event 1:start:2 \
        --on-event 'echo "$TOXTCP_EVENT $TOXTCP_RELAY"; [ $TOXTCP_EVENT = start ] || kill -KILL '"${pid[one]}" multirelay:pairs=4
    wait "${pid[one]}"
    unset 'pid[one]'
} 2>/dev/null # bash says that it was killed
says "$DIR/command.err" 'kill 1' || fail "the command did not know the event: $(cat "$DIR/command.err")"
says "$DIR/command.err" 'start 2' || fail "the command did not know the second event: $(cat "$DIR/command.err")"
holds command 'all(e["done"] for e in r["events"])' 'not any(x["embedded"] for x in r["relays"])' \
    'r["relay_process"]["rss_start_kib"] > 0 and r["relay_process"]["cpu_s"] is None' \
    'r["relay_process"]["cpu_us_per_packet"] is None and r["relay_process"]["descriptors"] is None' \
    'r["events"][0]["recover_us"]["count"] == 4 and g["multirelay"]["gap_us"]["max"] < 1e6' \
    'sum(g["multirelay"]["connects"]["ended_by_reason"].values()) == 8'
says "$DIR/command.out" 'relay       gone' || fail "says of a relay that it was measured: $(cat "$DIR/command.out")"

# The one that the run starts is not the only one: what it takes is not said by itself, and not for each packet.
run_stress beside --relay "$(relay_of two)" --embedded 1 --duration 0.5 --warmup 0 throughput:pairs=2
holds beside '"relay_process" not in r' '[x["embedded"] for x in r["relays"]] == [False, True]' 'r["relays"][1]["died"] is False'
run_stress asked --relay "$(relay_of two)" --embedded 1 --relay-pid "${pid[two]}" --duration 0.5 --warmup 0 \
    throughput:pairs=2 handshake
holds asked 'r["relay_process"]["cpu_s"] > 0' 'r["relay_process"]["cpu_us_per_packet"] is None' \
    'r["relay_process"]["cpu_us_per_handshake"] is None'

# The first one is dead now.
run_stress dead --relays "$DIR/relays.list" --duration 0.5 --warmup 0 multirelay:pairs=4 throughput:pairs=4 sleepwake:pairs=2
holds dead 'g["multirelay"]["received"] > 50 and g["multirelay"]["lost"] == 0' \
    'g["multirelay"]["connects"]["ok"] == 8 and g["multirelay"]["connects"]["failed_by_reason"]["refused"] >= 8' \
    'g["throughput"]["connects"]["ok"] == 4 and g["throughput"]["received"] > 100'
expect 1 'no client ever connected' "$STRESS" --relay "127.0.0.1:1:$NOBODY" --duration 0.5 multirelay

# far_relay MILLISECONDS: the second relay, so far away; until kill_now delay. It is $FAR then.
far_relay() {
    : >"$DIR/delay.out"
    python3 "$(dirname "$0")/stress_delay.py" "$(relay_of two | cut -d: -f2)" "$1" >"$DIR/delay.out" 2>"$DIR/delay.err" &
    pid[delay]=$!
    must_say "$DIR/delay.out" 'listening on '
    FAR=$(sed -n 's/^listening on //p' "$DIR/delay.out"):$(relay_of two | cut -d: -f3)
}

# Two dead ones do not make a far one hopeless.
far_relay 60
run_stress patient --relay "127.0.0.1:1:$NOBODY" --relay "127.0.0.1:2:$NOBODY_ELSE" --relay "$FAR" --duration 1 --warmup 0 \
    multirelay:pairs=5
holds patient 'g["multirelay"]["connects"]["ok"] == 10 and g["multirelay"]["received"] > 100'
kill_now delay

# sources NAME: from how many addresses connections to that relay come.
sources() {
    awk -v port=":$(printf '%04X' "$(relay_of "$1" | cut -d: -f2)")" \
        '$4 == "01" && substr($3, 9) == port { from[substr($2, 1, 8)] } END { n = 0; for (i in from) n++; print n }' /proc/net/tcp
}

# shellcheck disable=SC2317 # wait_for calls it
have_sources() {
    [ "$(sources "$1")" -eq "$2" ]
}

# Each client has an address of its own, so that what a relay allows one address is not what is measured.
start_stress sources --relay "$(relay_of two)" --duration 50 multirelay:pairs=20
wait_for 10 have_sources two 40 || fail "40 clients come from $(sources two) addresses"
kill -INT "${pid[sources]}"
must_end sources 0

run_stress fails --relay "$(relay_of two)" --duration 1 --warmup 0 --event 0.2:kill:1 --on-event 'exit 7' multirelay
holds fails 'not r["events"][0]["done"]' '"status 7" in r["events"][0]["trouble"]'
run_stress hangs --relay "$(relay_of two)" --duration 0.5 --warmup 0 --event 0.2:kill:1 --on-event 'sleep 50' multirelay
holds hangs 'not r["events"][0]["done"]' '"had not ended" in r["events"][0]["trouble"]'
# What came after it was no recovery, since it was not done.
run_stress revives --relay "$(relay_of two)" --duration 1 --warmup 0 --event 0.2:start:1 --on-event 'sleep 0.3; exit 7' multirelay
holds revives '"status 7" in r["events"][0]["trouble"]' 'not r["events"][0]["done"] and r["events"][0]["time_s"] is None' \
    '"recover_us" not in r["events"][0]' 'g["multirelay"]["recover_us"]["count"] == 0'

# --- Sleeping and waking ---

# 20 ms each way: a handshake, a route, a packet are three round trips of 40 ms; TCP here takes none.
far_relay 20
run_stress wake --relay "$FAR" --duration 3 --warmup 0 sleepwake:pairs=4,life=0.2
holds wake 'g["sleepwake"]["wake_us"]["count"] >= 8 and g["sleepwake"]["lost"] == 0 and g["sleepwake"]["unwoken"] == 0' \
    '110000 < g["sleepwake"]["wake_us"]["min"] < g["sleepwake"]["wake_us"]["p50"] < 400000' \
    'g["sleepwake"]["wake_round_trips"]["count"] >= 8 and 2 < g["sleepwake"]["wake_round_trips"]["p50"] < 5'
kill_now delay

# Of those that wake, many have most of their 1.5 s to go when the load ends.
far_relay 250
run_stress slow --relay "$FAR" --duration 2.9 --warmup 0 sleepwake:pairs=8,life=0.2
holds slow 'g["sleepwake"]["unwoken"] == 0' 'g["sleepwake"]["wake_us"]["count"] >= 8' 'g["sleepwake"]["wake_us"]["min"] > 1.4e6'
kill_now delay

# --- Nothing is left behind ---

# children_of NAME: their process ids; under `timeout` is the program itself.
children_of() {
    pgrep -P "$(pgrep -P "${pid[$1]}" -f toxtcp-stress)"
}

all_gone() {
    local child
    for child in "$@"; do
        kill -0 "$child" 2>/dev/null && return 1
    done
    return 0
}

start_stress interrupted --duration 50 --event 30:kill:1 multirelay
must_say "$DIR/interrupted.err" 'are there'
mapfile -t children < <(children_of interrupted)
[ "${#children[@]}" -eq 2 ] || fail "two relays were to be started, not ${#children[@]}"
kill -INT -- "-${pid[interrupted]}" # to the whole group, as a terminal does
must_end interrupted 0
all_gone "${children[@]}" || fail 'a relay outlives the run'
holds interrupted 'r["interrupted"] is True' 'not g["multirelay"]["connects"]["ended_by_reason"]' \
    'not r["events"][0]["done"] and r["events"][0]["relay"] == 1'
says "$DIR/interrupted.out" 'it did not come to that' || fail "says that it did: $(cat "$DIR/interrupted.out")"

# What it started for an event ends with it too.
start_stress hangup --duration 50 --warmup 0 --embedded 1 --event 0:stop:1 --on-event 'echo "$$ runs" >&2; sleep 50' multirelay
must_say "$DIR/hangup.err" ' runs'
mapfile -t children < <(children_of hangup)
[ "${#children[@]}" -eq 2 ] || fail "a relay and a command were to be started, not ${#children[@]}"
command=$(sed -n 's/ runs$//p' "$DIR/hangup.err")
mapfile -t sleeping < <(pgrep -P "$command")
[ "${#sleeping[@]}" -eq 1 ] || fail "the command has ${#sleeping[@]} processes"
kill -HUP "$(pgrep -P "${pid[hangup]}" -f toxtcp-stress)"
must_end hangup 0
wait_for 5 all_gone "${children[@]}" "${sleeping[@]}" || fail 'a command outlives the run'
holds hangup 'r["interrupted"] is True'

start_stress alone --duration 50 --embedded 2 --event none multirelay
must_say "$DIR/alone.err" 'are there'
mapfile -t children < <(children_of alone)
kill -KILL "${children[0]}"
wait_for 5 all_gone "${children[0]}" || fail 'who died by itself is not noticed'
kill -INT "${pid[alone]}"
must_end alone 0
says "$DIR/alone.out" 'died by itself' || fail "does not say that a relay died: $(cat "$DIR/alone.out")"
holds alone "[x['died'] for x in r['relays'] if x['pid'] == ${children[0]}] == [True]" 'sum(x["died"] for x in r["relays"]) == 1'

# shellcheck disable=SC2317 # wait_for calls it
any_stopped() {
    local child
    for child in "$@"; do
        grep -q '^State:.T' "/proc/$child/status" && return 0
    done
    return 1
}

# Nor does one stay that stands still and cannot see that its tie is cut.
start_stress killed --duration 50 --warmup 0 --embedded 3 --event 0:stop:2 multirelay
must_say "$DIR/killed.err" 'are there'
mapfile -t children < <(children_of killed)
[ "${#children[@]}" -eq 3 ] || fail "three relays were to be started, not ${#children[@]}"
wait_for 5 any_stopped "${children[@]}" || fail 'no relay was stopped'
kill -KILL "$(pgrep -P "${pid[killed]}" -f toxtcp-stress)"
wait "${pid[killed]}" 2>/dev/null
unset 'pid[killed]'
wait_for 5 all_gone "${children[@]}" || fail 'a relay outlives whoever started it'

finish
