#!/bin/bash
# toxtcp-probe on relays that are good, dead, not theirs, and of bad temper. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

PROBE=$top_builddir/toxtcp-probe
NOBODY=8520F0098930A754748B7DDCB43EF75A0DBF3A0D26381AF4EBA4A98EAA9B4E6A # out of RFC 7748

# probe NAME STATUS OPTION...: its output in NAME.out, its figures in NAME.json.
probe() {
    local name=$1 want=$2 status
    shift 2
    timeout -k 5 60 "$PROBE" --json "$DIR/$name.json" "$@" >"$DIR/$name.out" 2>"$DIR/$name.err" </dev/null
    status=$?
    [ "$status" -eq "$want" ] || fail "$name: ended with $status, not $want: $(cat "$DIR/$name.out" "$DIR/$name.err")"
    awk 'length > 80' "$DIR/$name.out" | grep -q . && fail "$name: wider than 80 columns: $(cat "$DIR/$name.out")"
}

# holds NAME EXPRESSION...: in Python, about the figures `p`, and `r`, the relays in the order that they were given.
holds() {
    local name=$1
    shift
    python3 -B "$(dirname "$0")/holds.py" "p=$DIR/$name.json" "r=$DIR/$name.json#relays" -- "$@" ||
        fail "$name: $(cat "$DIR/$name.out")"
}

# relay_with TEMPER: of probe_relay.py.
relay_with() {
    sed -n "s/^$1 //p" "$DIR/tempers.out" | grep -v ' '
}

# order NAME: the states of the table's rows, from the top.
order() {
    awk '/^[^ ].*(ms|fails)/ { printf "%s ", $2 }' "$DIR/$1.out"
}

# --- The command line ---

expect 0 'usage: toxtcp-probe' "$PROBE" --help
expect 0 'toxtcp-probe 0.' "$PROBE" --version
expect 0 'usage: toxtcp-probe' "$PROBE" --relays "$DIR/none" --nonsense -h nonsense
expect 2 'toxtcp-probe: --nonsense: there is no such option' "$PROBE" --nonsense
[ "$(wc -l <"$DIR/expect.out")" -eq 1 ] || fail "says more: $(cat "$DIR/expect.out")"
expect 2 'no relay is named' "$PROBE"
expect 2 'is no relay' "$PROBE" nonsense
expect 2 "$DIR/none: cannot be opened" "$PROBE" --relays "$DIR/none"
expect 2 "--json $DIR/no/file" "$PROBE" --json "$DIR/no/file" "127.0.0.1:1:$NOBODY"

# --- Relays ---

start_relay relay 127.0.0.1:0
start_relay other 127.0.0.1:0
good=$(relay_of relay)
# Debian's PyNaCl belongs to Debian's interpreter, which need not be the first one in the path.
nacl_python=
for python in python3 /usr/bin/python3; do
    "$python" -c 'import nacl.bindings' 2>"$DIR/nacl.err" && nacl_python=$python
done
[ -n "$nacl_python" ] || { fail 'PyNaCl is missing (Debian: python3-nacl)'; finish; }
mkfifo "$DIR/tempers.in"
tempers=(good silent mute drop-oob drop-self drop-third change-data change-oob twice no-route no-friends one hang-up
    late-data full stranger late-oob one-early one-reset shut once-ping take-back freeze drop-ben twice-oob forge-oob)
"$nacl_python" "$(dirname "$0")/probe_relay.py" "${tempers[@]}" drop-data \
    <"$DIR/tempers.in" >"$DIR/tempers.out" 2>"$DIR/tempers.err" &
pid[tempers]=$!
exec 7>"$DIR/tempers.in"
must_say "$DIR/tempers.out" 'ready'
# A port where nobody listens: that of a relay that has gone.
dead=$(relay_of other)
kill_now other

# --- What the table says of four ---

probe four 1 --timeout 1 "$(relay_with drop-data)" "${good%:*}:$NOBODY" "$dead" "$good"
holds four 'p["good"] == 1 and p["bad"] == 3' 'r[3]["state"] == "good" and r[3]["faults"] == []' \
    'faults(r[0]) == [("data", "dropped")]' 'r[0]["steps"]["oob"]["outcome"] == "passed"' \
    'faults(r[1]) == [("handshake", "wrong_key")]' 'faults(r[2]) == [("connect", "refused")]' \
    'all(0 < r[3]["steps"][s]["ms"] < 900 for s in r[3]["steps"] if s not in ("resolve", "second"))' \
    'r[3]["steps"]["data"]["sent"] == r[3]["steps"]["data"]["received"] == 42' \
    'r[3]["steps"]["data"]["samples"] == 5' 'r[3]["steps"]["ping"]["samples"] == 4' 'r[3]["address"] == r[3]["relay"]' \
    'r[0]["steps"]["data"]["received"] == 0' 'r[0]["steps"]["oob"]["received"] == 10' \
    'r[0]["steps"]["oob_self"]["received"] == 3'
for text in '1 of 4 relays good' 'drops data: 0 of 33 packets arrived' \
    'wrong key, or full? the handshake was not taken (8520F009...)' 'connection refused'; do
    says "$DIR/four.out" "$text" || fail "the table does not say \"$text\": $(cat "$DIR/four.out")"
done
# The good one is first, then those that came farthest.
[ "$(order four)" = 'good bad bad bad ' ] || fail "not sorted: $(cat "$DIR/four.out")"
names=$(awk '/^[^ ].*(ms|fails)/ { printf "%s ", $1 }' "$DIR/four.out")
wanted=$(relay_with drop-data)
[ "$names" = "${good%:*} ${wanted%:*} ${good%:*} ${dead%:*} " ] || fail "another order: $(cat "$DIR/four.out")"
! grep -q "$(printf '\033')" "$DIR/four.out" || fail 'colour without a terminal'

# --- Each temper is found out, alone and all at the same time ---

{
    echo '# all of them'
    for temper in "${tempers[@]}"; do
        relay_with "$temper"
    done
} >"$DIR/list"
probe all 1 --timeout 0.5 --relays "$DIR/list"
holds all 'p["good"] == 1 and r[0]["state"] == "good"' \
    'faults(r[1]) == [("handshake", "no_answer")]' \
    'faults(r[2]) == [("ping", "no_answer")]' \
    'faults(r[3]) == [("oob", "dropped"), ("oob_self", "dropped")]' \
    'faults(r[4]) == [("oob_self", "dropped")]' \
    'faults(r[5]) == [("data", "dropped")]' '0 < r[5]["steps"]["data"]["received"] < r[5]["steps"]["data"]["sent"]' \
    'faults(r[6]) == [("data", "changed")]' \
    'faults(r[7]) == [("oob", "changed"), ("oob_self", "changed")]' \
    'faults(r[8]) == [("data", "changed")]' \
    'faults(r[9]) == [("route", "refused")]' 'r[9]["steps"]["oob"]["outcome"] == "passed"' \
    'faults(r[10]) == [("route", "no_answer")]' 'r[10]["steps"]["data"]["outcome"] == "not_tried"' \
    'r[11]["faults"][0]["step"] == "second"' 'r[11]["steps"]["oob_self"]["outcome"] == "passed"' \
    'faults(r[12])[0] == ("data", "ended")' \
    'faults(r[13]) == [("data", "no_answer")]' 'r[13]["steps"]["data"]["received"] == r[13]["steps"]["data"]["sent"]' \
    'faults(r[14]) == [("connect", "no_answer")]' 'faults(r[15]) == [("handshake", "wrong_key")]' \
    'faults(r[16]) == [("oob", "no_answer"), ("oob_self", "no_answer")]' \
    'faults(r[17]) == [("second", "ended")]' \
    'r[17]["faults"][0]["text"] == "lets one client in, not two: closed instead of answering"' \
    'faults(r[18]) == [("second", "ended")]' 'faults(r[19]) == [("handshake", "wrong_key")]' \
    'r[19]["faults"][0]["text"].startswith("wrong key, or full?")' \
    'faults(r[20]) == [("ping", "no_answer")]' 'r[20]["steps"]["oob_self"]["outcome"] == "passed"' \
    'faults(r[21]) == [("data", "route_lost")]' 'r[21]["faults"][0]["text"] == "takes the route back"' \
    'faults(r[22]) == [(s, "no_answer" if s == "ping" else "dropped") for s in ("ping", "data", "oob", "oob_self")]' \
    'faults(r[23]) == [("oob_self", "ended")]' \
    'faults(r[24]) == [("oob", "changed"), ("oob_self", "changed")]' \
    'faults(r[25]) == [("oob", "dropped"), ("oob_self", "dropped")]'
# One at a time it is the same, and the clients of one relay have been nobody else's.
probe alone 1 --timeout 0.5 --parallel 1 "$(relay_with good)" "$(relay_with drop-oob)" "$(relay_with silent)"
holds alone 'faults(r[0]) == []' 'len(faults(r[1])) == 2' 'faults(r[2]) == [("handshake", "no_answer")]'
# Later than twice the time, it is not taken for one that drops.
probe tardy 1 --timeout 0.3 "$(relay_with late-data)"
holds tardy 'faults(r[0]) == [("data", "no_answer")]' 'r[0]["faults"][0]["text"] == "data comes too late"'

# --- What a late relay needs is time; that the probe was stopped meanwhile is not its fault ---

saw=$(grep -c '^saw late-data' "$DIR/tempers.out")
# shellcheck disable=SC2317 # wait_for calls it
saw_more() {
    [ "$(grep -c '^saw late-data' "$DIR/tempers.out")" -gt "$saw" ]
}
"$PROBE" --timeout 1 --json "$DIR/late.json" "$(relay_with late-data)" >"$DIR/late.out" 2>"$DIR/late.err" &
pid[late]=$!
wait_for 10 saw_more || fail 'no data comes to the late relay'
kill -STOP "${pid[late]}"
sleep 2 # until the time is over, by far
kill -CONT "${pid[late]}"
must_end late 0
holds late 'faults(r[0]) == []' '1300 < r[0]["steps"]["data"]["ms"] < 3000'

# --- What a relay sees: kinds and lengths of friends, and no payload twice ---

python3 - "$DIR/tempers.out" <<'END' || fail 'a relay can tell'
import sys

seen = [line.split()[2:] for line in open(sys.argv[1]) if line.startswith("saw good ")]
payloads = [bytes.fromhex(text) for _, text in seen]
lengths = {0x18: {145}, 0x19: {161}, 0x1A: {385}, 0x1B: set(range(40, 1401))}
assert len(payloads) == 2 * 55, len(payloads)
assert all(p[0] in lengths and len(p) in lengths[p[0]] for p in payloads)
assert len(set(p[3:] for p in payloads)) == len(payloads)
assert all(len(p) <= 1024 for (kind, _), p in zip(seen, payloads) if kind == "oob")
# Every run is somebody else.
assert len(set(p[1:33] for p in payloads if p[0] == 0x18)) == 2
END

# --- A relay of another make ---

PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0")/../bench python3 - "$PROBE" "$DIR/bootstrapd.json" "$NOBODY" \
    <<'END' >"$DIR/bootstrapd.out" 2>&1 || fail 'tox-bootstrapd could not be probed'
import subprocess, sys
from stand import Bootstrapd

probe, figures, nobody = sys.argv[1:]
with Bootstrapd(core=None) as relay:
    relays = [f"{relay.address}:{key}" for key in (relay.key, nobody)]
    sys.exit(subprocess.run([probe, "--json", figures, *relays], timeout=60).returncode != 1)
END
holds bootstrapd 'faults(r[0]) == []' 'faults(r[1]) == [("handshake", "wrong_key")]'

# --- Names, and what is wrong on this side ---

# No name server is asked about .onion (RFC 7686).
probe names 1 --timeout 5 "name.onion:33445:$NOBODY"
holds names 'faults(r[0]) == [("resolve", "name_not_found")]'
probe localhost 0 "localhost:${good#*:}"
# The second client goes where the first one is, without asking again.
holds localhost 'r[0]["steps"]["resolve"]["samples"] == 1' 'r[0]["address"].startswith("127.0.0.1:")'
start_relay six '[::1]:0'
six=$(relay_of six)
probe six 0 "$six"
holds six 'faults(r[0]) == []' 'r[0]["address"] == r[0]["relay"]' 'r[0]["relay"].startswith("[::1]:")'
probe nokey 1 "127.0.0.1:1:$(printf '0%.0s' {1..64})"
holds nokey 'faults(r[0]) == [("handshake", "wrong_key")]'
probe ways 0 "$six" "localhost:${good#*:}" "$good"
holds ways 'len(r) == 3' 'r[1]["key"] == r[2]["key"]'
probe scope 1 "[fe80::1]:33445:$NOBODY"
holds scope 'r[0]["faults"][0]["step"] == "connect"' '"ended" not in r[0]["faults"][0]["text"]'
(
    ulimit -n 20
    exec timeout -k 5 20 "$PROBE" --relays "$DIR/list" --timeout 0.5 --json "$DIR/few.json"
) >"$DIR/few.out" 2>&1
! says "$DIR/few.out" 'not two: this machine' || fail "the relay is to blame: $(cat "$DIR/few.out")"
holds few 'any(f["fault"] == "ours" for x in r for f in x["faults"])' 'p["unfinished"] == 0'

# --- Quiet, JSON alone ---

timeout -k 5 20 "$PROBE" --quiet "$good" >"$DIR/expect.out" 2>&1 || fail '--quiet on a good relay'
[ ! -s "$DIR/expect.out" ] || fail "--quiet says: $(cat "$DIR/expect.out")"
expect 1 "${dead%:*} bad: connection refused" "$PROBE" --quiet "$good" "$dead"
[ "$(wc -l <"$DIR/expect.out")" -eq 1 ] || fail "--quiet says more: $(cat "$DIR/expect.out")"
timeout -k 5 20 "$PROBE" --json - "$good" 2>"$DIR/stdout.out" >"$DIR/stdout.json" || fail 'JSON on standard output'
holds stdout 'p["good"] == 1'
says "$DIR/stdout.out" '1 of 1 relay good' || fail 'no table on standard error'

# fill_fifo: fd 6 holds it open, and it has room for nothing more.
fill_fifo() {
    exec 6<>"$DIR/fifo.json"
    python3 - <<'END'
import os

os.set_blocking(6, False)
try:
    while True:
        os.write(6, b" ")
except BlockingIOError:
    os.set_blocking(6, True)
END
}

# --- Where JSON goes: a plain file is replaced and keeps its mode, all else keeps its place ---

echo old >"$DIR/real.json"
chmod 640 "$DIR/real.json"
ln -s real.json "$DIR/link.json"
probe real 0 "$good"
holds real 'p["good"] == 1'
[ "$(stat -c %a "$DIR/real.json")" = 640 ] || fail "another mode: $(stat -c %a "$DIR/real.json")"
head -c 100000 /dev/zero >"$DIR/real.json"
probe link 0 "$good"
[ -L "$DIR/link.json" ] || fail 'a link is replaced'
holds real 'p["good"] == 1'
: >"$DIR/shut.json.new"
probe shut 0 "$good"
[ ! -e "$DIR/shut.json.new" ] || fail 'a file is left'
echo old >"$DIR/kept.json"
mkdir "$DIR/kept.json.new"
expect 2 "--json $DIR/kept.json" "$PROBE" --json "$DIR/kept.json" "$good"
says "$DIR/kept.json" old || fail 'a file is touched before there is a result'
mkfifo "$DIR/fifo.json"
cat "$DIR/fifo.json" >"$DIR/fifo.out" &
pid[reader]=$!
timeout -k 5 20 "$PROBE" --json "$DIR/fifo.json" "$good" >"$DIR/expect.out" 2>&1 || fail 'JSON into a FIFO'
must_end reader 0
mv "$DIR/fifo.out" "$DIR/piped.json"
holds piped 'p["good"] == 1'
[ -p "$DIR/fifo.json" ] || fail 'a FIFO is replaced'
# When nobody reads what is written, and that has lasted, a signal ends it.
fill_fifo
env --default-signal=INT "$PROBE" --json "$DIR/fifo.json" "$good" >"$DIR/stuck.out" 2>&1 6>&- &
pid[stuck]=$!
must_say "$DIR/stuck.out" '1 of 1 relay good'
# shellcheck disable=SC2317 # wait_for calls it
interrupted() {
    kill -INT "${pid[stuck]}" 2>/dev/null
    gone stuck
}
wait_for 10 interrupted || fail 'signals do not end what waits for a reader'
must_end stuck 130
exec 6>&-

# --- A round that is cut short ---

came=$(grep -c '^came silent$' "$DIR/tempers.out")
# shellcheck disable=SC2317 # wait_for calls it
more_came() {
    [ "$(grep -c '^came silent$' "$DIR/tempers.out")" -gt "$came" ]
}
env --default-signal=INT "$PROBE" --timeout 60 --json "$DIR/cut.json" "$good" "$(relay_with silent)" \
    >"$DIR/cut.out" 2>&1 &
pid[cut]=$!
wait_for 10 more_came || fail 'the probe does not connect'
kill -INT "${pid[cut]}"
must_end cut 1
holds cut 'p["interrupted"] is True' 'r[1]["state"] == "unfinished"'
says "$DIR/cut.out" 'not finished' || fail "does not say what is not finished: $(cat "$DIR/cut.out")"
# Of two signals, as timeout(1) sends them, the second does not take away what is shown: it comes while the JSON waits.
came=$(grep -c '^came silent$' "$DIR/tempers.out")
fill_fifo
env --default-signal=INT "$PROBE" --timeout 60 --quiet --json "$DIR/fifo.json" "$(relay_with silent)" >"$DIR/row.out" \
    2>&1 6>&- &
pid[row]=$!
wait_for 10 more_came || fail 'the probe does not connect'
kill -INT "${pid[row]}"
must_say "$DIR/row.out" '1 not finished'
kill -INT "${pid[row]}"
cat "$DIR/fifo.json" >"$DIR/row.json" 6>&- &
pid[reader]=$!
must_end row 1
exec 6>&-
must_end reader 0
holds row 'p["interrupted"] is True'

# --- Watching ---

start_relay watched 127.0.0.1:0
watched=$(relay_of watched)
env --default-signal=INT "$PROBE" --watch=1 --timeout 0.5 --json "$DIR/watch.json" "$good" "$watched" \
    >"$DIR/watch.out" 2>&1 &
pid[watch]=$!
env --default-signal=TERM "$PROBE" --watch=1 --timeout 0.5 --quiet --json - "$watched" \
    >"$DIR/lines.json" 2>"$DIR/lines.out" &
pid[lines]=$!
must_say "$DIR/watch.out" 'round 2,'
kill -TERM "${pid[watched]}"
must_end watched 0
must_say "$DIR/watch.out" 'bad since'
must_say "$DIR/lines.out" "${watched%:*} bad: connection refused"
address=${watched%:*}
"$RELAY" --listen "$address" --keys "$DIR/watched.keys" >"$DIR/watched.out" 2>&1 &
pid[watched]=$!
must_say "$DIR/watched.out" 'listening on '
must_say "$DIR/lines.out" "${watched%:*} good"
# shellcheck disable=SC2317 # wait_for calls it
was_good() {
    python3 -c 'import json, sys; sys.exit(json.load(open(sys.argv[1]))["good"] != 2)' "$DIR/watch.json"
}
wait_for 10 was_good || fail 'the relay is not seen again'
kill -INT "${pid[watch]}"
must_end watch 0
kill -TERM "${pid[lines]}"
must_end lines 0
holds watch 'p["round"] == r[0]["history"]["rounds"] >= 4' 'r[0]["history"]["availability_percent"] == 100' \
    '0 < r[1]["history"]["availability_percent"] < 100' 'None in r[1]["history"]["last_ms"]' \
    'r[1]["history"]["last_ms"][-1] > 0' \
    'r[1]["history"]["good"] + r[1]["history"]["last_ms"].count(None) == p["round"]'
python3 - "$DIR/lines.json" <<'END' || fail 'not a JSON object on each line'
import json, sys

rounds = [json.loads(line) for line in open(sys.argv[1])]
assert [x["round"] for x in rounds] == list(range(1, len(rounds) + 1)) and len(rounds) >= 3
END

# --- A terminal ---

on_terminal() {
    timeout 20 python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' env TERM=xterm "$@" "$PROBE" "$good" "$dead" \
        >"$DIR/terminal.out" </dev/null
}
on_terminal NO_COLOR=
says "$DIR/terminal.out" "$(printf '\033[32mgood')" || fail "no colour on a terminal: $(cat "$DIR/terminal.out")"
on_terminal NO_COLOR=1
says "$DIR/terminal.out" '0 of 2 relays done' || fail "no progress on a terminal: $(cat "$DIR/terminal.out")"
says "$DIR/terminal.out" 'good' || fail "nothing on a terminal: $(cat "$DIR/terminal.out")"
! says "$DIR/terminal.out" "$(printf '\033[3')" || fail 'colour with NO_COLOR'
on_terminal NO_COLOR= TERM=dumb
says "$DIR/terminal.out" 'good' || fail "nothing on a dumb terminal: $(cat "$DIR/terminal.out")"
! says "$DIR/terminal.out" "$(printf '\033')" || fail 'escape sequences on a dumb terminal'

exec 7>&-
finish
