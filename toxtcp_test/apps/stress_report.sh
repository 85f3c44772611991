#!/bin/bash
# What toxtcp-stress makes of what it saw: series, conditions, rounds, comparisons, the page, the live line. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

STRESS=$top_builddir/toxtcp-stress
HERE=$(dirname "$0")
NOBODY=8520F0098930A754748B7DDCB43EF75A0DBF3A0D26381AF4EBA4A98EAA9B4E6A # out of RFC 7748

# run_stress STATUS NAME OPTION...: its figures are in NAME.json, its words in NAME.out and NAME.err.
run_stress() {
    local want=$1 name=$2 status
    shift 2
    timeout 60 "$STRESS" --json "$DIR/$name.json" "$@" >"$DIR/$name.out" 2>"$DIR/$name.err" </dev/null
    status=$?
    [ "$status" -eq "$want" ] || fail "$name: $* ended with $status, not $want: $(cat "$DIR/$name.err")"
    narrow "$DIR/$name.out"
}

narrow() {
    awk 'length > 80' "$1" | grep -q . && fail "wider than 80 columns: $(cat "$1")"
}

# holds NAME EXPRESSION...: in Python, about the document `r`.
holds() {
    local name=$1
    shift
    python3 -B "$HERE/holds.py" "r=$DIR/$name.json" -- "$@" || fail "$name: $(cat "$DIR/$name.out" "$DIR/$name.err")"
}

# look NAME WHAT...: the page NAME.html, in a browser. Its pictures stay, if you say where.
look() {
    local name=$1
    shift
    mkdir -p "${SHOTS-$DIR}/$name"
    timeout 110 python3 "$HERE/stress_report.py" --profile "$DIR/chromium-$name" --shots "${SHOTS-$DIR}/$name" "$@" \
        "file://$DIR/$name.html" || fail "the page $name is not as it should be"
}

start_relay relay 127.0.0.1:0
start_relay other 127.0.0.1:0
RELAY_HERE=$(relay_of relay)
OTHER=$(relay_of other)
to_relay=(--relay "$RELAY_HERE" --relay-pid "${pid[relay]}")

# --- Slips of the pen are found before the run ---

expect 2 'there is no "p98"' "$STRESS" "${to_relay[@]}" --duration 60 --fail-if 'p98>1ms' latency
expect 2 'is no unit of loss; there is %' "$STRESS" "${to_relay[@]}" --duration 60 --fail-if 'loss>0.1' latency
expect 2 'no scenario "throughput" is run here' "$STRESS" "${to_relay[@]}" --duration 60 --fail-if 'throughput.loss>1%' latency
expect 2 'after the key there may be ",pid=PID"' "$STRESS" "${to_relay[@]}" --versus "$OTHER,x=1" latency
expect 2 'one other relay' "$STRESS" "${to_relay[@]}" --versus "$OTHER" --versus "$OTHER" latency
expect 2 'cannot both go to standard output' "$STRESS" "${to_relay[@]}" --json - --report - latency
expect 1 "--report $DIR/no/page" "$STRESS" "${to_relay[@]}" --duration 60 --report "$DIR/no/page" latency
# Of the second relay too, and not after the first one's round; files that would stay empty do not stay.
gone_pid=$(sh -c 'echo $$')
expect 1 "relay 2: there is no process $gone_pid" \
    "$STRESS" "${to_relay[@]}" --duration 60 --versus "$OTHER,pid=$gone_pid" --json "$DIR/never.json" latency
expect 1 'relay 2: refused: 192.0.2.1:33445 is not on this machine' \
    "$STRESS" "${to_relay[@]}" --duration 60 --versus "192.0.2.1:33445:$NOBODY" --report "$DIR/never.html" attack=rubbish
for file in never.json never.html; do
    [ ! -e "$DIR/$file" ] || fail "there is $file of a run that was not"
done
echo old >"$DIR/old.json"
expect 1 "there is no process $gone_pid" "$STRESS" --relay "$RELAY_HERE" --relay-pid "$gone_pid" --json "$DIR/old.json" latency
[ "$(cat "$DIR/old.json")" = old ] || fail 'a run that was not has changed a file'
# shellcheck disable=SC2016 # it is the inner shell's
expect 1 'standard output cannot be written' sh -c '"$@" >/dev/full' sh \
    "$STRESS" "${to_relay[@]}" --quiet --duration 0.2 --warmup 0 latency
mkdir "$DIR/empty"
expect 1 'Debian has it in the package gnuplot-nox' \
    env PATH="$DIR/empty" "$STRESS" "${to_relay[@]}" --duration 60 --report "$DIR/page.html" latency
expect 0 'usage: toxtcp-stress compare' "$STRESS" compare --help
expect 2 'usage: toxtcp-stress compare' "$STRESS" compare one.json
echo '{}' >"$DIR/none.json"
expect 2 'not a result of toxtcp-stress' "$STRESS" compare "$DIR/none.json" "$DIR/none.json"

# --- A run with a page ---

run_stress 3 run "${to_relay[@]}" --threads 2 --duration 3 --warmup 0.5 --report "$DIR/run.html" \
    --fail-if 'latency.p99>1us' --fail-if 'loss>50%' --fail-if 'rss_kib>900M' \
    latency:pairs=4,rate=100 throughput:pairs=2,size=64 idle:clients=100
must_say "$DIR/run.err" 'failed, latency.p99>1us: latency.p99 is '
[ "$(grep -c failed, "$DIR/run.err")" -eq 1 ] || fail "other conditions failed: $(cat "$DIR/run.err")"
grep -q "$(printf '\r')" "$DIR/run.err" && fail 'a live line in a file'
holds run '[p["phase"] for p in r["series"]][-3:] == ["measure"] * 3' \
    'sum(p["seconds"] for p in r["series"] if p["phase"] == "measure") > 2.8' \
    'any(p["phase"] == "warmup" for p in r["series"])' \
    'all(a["time_s"] < b["time_s"] for a, b in zip(r["series"], r["series"][1:]))' \
    'all(p["clients"] == 112 for p in r["series"][-3:])' \
    'abs(carried(r, 0) / (r["groups"][0]["packets_per_s"] * r["duration_s"]) - 1) < 0.05' \
    'abs(carried(r, 1) / (r["groups"][1]["packets_per_s"] * r["duration_s"]) - 1) < 0.05' \
    'all(p["groups"][0]["sent_per_s"] > 0 for p in r["series"][-3:])' \
    '[g.get("latency") for g in r["series"][-2]["groups"]] == ["round_trip", "one_way", None]' \
    'all(g["p50_us"] <= g["p90_us"] <= g["p99_us"] <= g["max_us"] for g in r["series"][-2]["groups"][:2])' \
    'all(p["relay_rss_kib"] > 500 and 0 < p["relay_cpu_percent"] < 400 for p in r["series"][-3:])' \
    'r["events"] == []' 'r["machine"]["cores"] >= 1' 'r["command"][1] == "--json" and r["command"][2].endswith("/run.json")' \
    '[v["failed"] for v in r["verdicts"] if v["condition"] == "latency.p99>1us"] == [True]' \
    '[v["failed"] for v in r["verdicts"] if v["condition"] == "loss>50%"] == [False, False]'
look run --chart 'Packets that arrived' --chart 'Payload that arrived' --chart 'Latency: latency, there and back' \
    --chart 'Latency: throughput, one way' --chart 'Clients connected' --chart "The relay's processor time" \
    --chart "The relay's memory" --text 'throughput:pairs=2,size=64' --text 'latency.packets/s' \
    --text 'Failed: latency.p99>1us; latency.p99 is' --text 'Passed: loss>50%' --text "Relays: ${RELAY_HERE%:*}"

# The same page of a hostile document, with events.
python3 - "$DIR/run.json" "$DIR/hostile.json" <<'PYTHON'
import json, sys

r = json.load(open(sys.argv[1]))
evil = "</text></svg><script>document.title = 'evil'</script><img src=//example.org/x>'\"&"
r["command"].append(evil)
r["machine"]["cpu"] = r["relay"] = r["time"] = r["verdicts"][0]["condition"] = evil
r["groups"][0]["scenario"] = "'; system 'touch evil'; " + evil
r["events"] = [{"time_s": 1, "action": "kill", "relay": 1, "lost": 70}, {"time_s": 1.5, "action": evil},
               {"time_s": None, "action": "stop", "relay": 2}]
r["relays"] = [{"address": evil, "embedded": True, "died": True}, {"address": "127.0.0.1:7", "embedded": False}]
r["attack"] = {"name": evil, "connects": 5, "refused": 4, "closed": 3, "actions": 2}
r["verdicts"].append({"condition": "idle.p50>1s", "figure": "p50", "failed": True})
json.dump(r, open(sys.argv[2], "w"))
PYTHON
(cd "$DIR" && timeout 60 "$top_builddir/toxtcp_test/apps/stress_page" hostile.json hostile.html) || fail 'no page of a hostile document'
[ ! -e "$DIR/evil" ] || fail 'gnuplot ran what a scenario was named'
look hostile --chart 'Packets that arrived' --text 'kill relay 1' --text "<script>document.title = 'evil'" --events 2 \
    --text 'p50 was not measured' --text '(started here) (died by itself), 127.0.0.1:7' \
    --text '5 streams, 4 refused, 3 closed, 2 acts'
grep -q '<td>70</td>' "$DIR/hostile.html" || fail 'not what an event has lost'
grep -q 'stop relay 2</td><td>-</td>' "$DIR/hostile.html" || fail 'figures of an event that was not done'

# --- What gnuplot is told, and how it is started ---

# Its scripts are kept. When the file `wait` is there it draws nothing until it is killed.
mkdir "$DIR/fake"
cat >"$DIR/fake/gnuplot" <<FAKE
#!/bin/sh
script=\$(cat)
[ -n "\$script" ] || exit 0
# By itself: while a shell starts another program it may block all signals.
while IFS= read -r line; do
    case \$line in SigBlk:* | SigIgn:*) printf '%s\\n' "\$line" ;; esac
done </proc/\$\$/status >"$DIR/masks"
echo "\$script" >>"$DIR/scripts"
echo \$\$ >"$DIR/gnuplot.pid"
[ ! -e "$DIR/wait" ] || exec sleep 60
echo '<svg></svg>'
FAKE
chmod +x "$DIR/fake/gnuplot"

# What a second has brought is drawn in its midst, and how things stand at its end.
cat >"$DIR/two.json" <<'JSON'
{"groups": [{"scenario": "latency"}, {"scenario": "latency"}],
 "series": [{"time_s": 1, "seconds": 1, "clients": 7, "groups": [{"packets_per_s": 10, "missing": 3}, {"packets_per_s": 30}]},
            {"time_s": 2, "seconds": 1, "clients": 8, "groups": [{"packets_per_s": 20, "missing": 4}, {"packets_per_s": 40}]}]}
JSON
PATH=$DIR/fake:$PATH timeout 60 "$top_builddir/toxtcp_test/apps/stress_page" "$DIR/two.json" "$DIR/two.html" || fail 'no page of two seconds'
for line in '0.500 10' '1.500 20' '1.000 3' '2.000 4' '1.000 7' '2.000 8'; do
    grep -qx "$line" "$DIR/scripts" || fail "no $line in: $(cat "$DIR/scripts")"
done
grep -q "title 'latency'.*title 'latency#2'" "$DIR/scripts" || fail "two groups of one name: $(cat "$DIR/scripts")"

# Nothing is blocked in it, and whoever has enough of it can end the program: the figures are written by then.
touch "$DIR/wait"
rm "$DIR/gnuplot.pid"
PATH=$DIR/fake:$PATH env --default-signal=PIPE,TERM "$STRESS" "${to_relay[@]}" --duration 1.5 --warmup 0 \
    --json "$DIR/drawing.json" --report "$DIR/drawing.html" latency >"$DIR/drawing.out" 2>"$DIR/drawing.err" &
pid[drawing]=$!
wait_for 15 test -s "$DIR/gnuplot.pid" || fail "gnuplot is not there: $(cat "$DIR/drawing.err")"
kill -TERM "${pid[drawing]}"
must_end drawing 143
kill -KILL "$(cat "$DIR/gnuplot.pid")"
rm "$DIR/wait"
holds drawing 'r["interrupted"] is False'
[ "$(cut -f 2 "$DIR/masks" | head -n 1)" = 0000000000000000 ] || fail "gnuplot's signals: $(cat "$DIR/masks")"
[ $((0x$(cut -f 2 "$DIR/masks" | tail -n 1) & 0x1000)) -eq 0 ] || fail "gnuplot ignores SIGPIPE: $(cat "$DIR/masks")"

# An attack alone has no groups, and little to show; the page is on standard output.
timeout 60 "$STRESS" "${to_relay[@]}" --report - --duration 1.5 --warmup 0 attack=rubbish >"$DIR/attack.html" 2>"$DIR/attack.err" ||
    fail "attack: $(cat "$DIR/attack.err")"
[ "$(head -n 1 "$DIR/attack.html")" = '<!DOCTYPE html>' ] || fail "no page of an attack: $(head "$DIR/attack.html")"
[ "$(tail -n 1 "$DIR/attack.html")" = '</html>' ] || fail "no end of a page: $(tail "$DIR/attack.html")"
says "$DIR/attack.html" "The relay's processor time" || fail 'nothing of the relay under attack'

# --- Relays that come and go ---

# The one relay is killed and started again: it is not one process, and it is not gone. Gaps are figures as others are.
run_stress 3 restarted --embedded 1 --duration 5 --warmup 0 --fail-if 'gap.max>100s' --fail-if 'recover.p50>1us' \
    multirelay:pairs=2 latency:rate=100 latency:rate=50
holds restarted '"relay_process" not in r' \
    '{v["figure"]: v["failed"] for v in r["verdicts"]} == {"multirelay.gap.max": False, "multirelay.recover.p50": True}'
says "$DIR/restarted.out" gone && fail "gone: $(cat "$DIR/restarted.out")"
says "$DIR/restarted.out" 'latency#2 ' || fail "two groups of one name: $(cat "$DIR/restarted.out")"

# The series of sleepers is of waking, not of packets' way.
run_stress 0 wake --rounds 2 --embedded 2 --duration 2 --warmup 0 --fail-if 'wake.p50>50s' --fail-if 'unwoken>0' \
    sleepwake:pairs=4,life=0.1
holds wake '[v["figure"] for v in r["verdicts"]] == ["sleepwake.wake.p50", "sleepwake.unwoken"]' \
    'all({p["groups"][0].get("latency") for p in run["result"]["series"]} <= {None, "wake"} for run in r["runs"])' \
    'all(any("latency" in p["groups"][0] for p in run["result"]["series"]) for run in r["runs"])' \
    'all(min(p["groups"][0].get("p50_us", 1e9) for p in run["result"]["series"]) >=
         run["result"]["groups"][0]["wake_us"]["min"] * 0.99 for run in r["runs"])' \
    'r["runs"][0]["result"]["groups"][0]["life_s"] == 0.1' 'r["interrupted"] is False'
for line in '^sleepwake\.wake\.p50 ' '^sleepwake\.wake\.max ' '^relay 1: 127.*, started here$' '^relay 2: 127.*, started here$'; do
    grep -q "$line" "$DIR/wake.out" || fail "no $line in: $(cat "$DIR/wake.out")"
done

# --- Rounds ---

run_stress 0 versus "${to_relay[@]}" --versus "$OTHER,pid=${pid[other]}" --rounds 3 --duration 0.6 --warmup 0.1 \
    --report "$DIR/versus.html" --fail-if 'loss>50%' latency:rate=500 throughput:pairs=2 handshake:clients=2 idle:clients=120
must_say "$DIR/versus.err" 'round 3 of 3, relay 1'
holds versus '[run["relay_number"] for run in r["runs"]] == [0, 1, 1, 0, 0, 1]' \
    '[run["round"] for run in r["runs"]] == [1, 1, 2, 2, 3, 3]' 'len(set(r["contenders"])) == 2' \
    'all(run["result"]["relay"] == r["contenders"][run["relay_number"]] for run in r["runs"])' \
    '{v["figure"] for v in r["versus"]} >= {"latency.p50", "latency.p99", "throughput.packets/s", "handshake.handshakes/s",
        "cpu_us_per_packet", "kib_per_client"}' \
    'all(v["ratio_min"] <= v["ratio"] <= v["ratio_max"] for v in r["versus"] if "ratio" in v)' \
    '[(v["first_median"], len(v["first"]), len(v["second"])) for v in r["versus"] if v["figure"] == "latency.p50"] ==
        [(sorted(run["result"]["groups"][0]["round_trip_us"]["p50"] for run in r["runs"] if run["relay_number"] == 0)[1], 3, 3)]' \
    'len({run["result"]["relay_process"]["pid"] for run in r["runs"]}) == 2' 'r["verdicts"][0]["failed"] is False'
says "$DIR/versus.out" 'handshake.handshakes/s' || fail "no handshakes in the table: $(cat "$DIR/versus.out")"
says "$DIR/versus.html" '<th>ratio</th>' || fail 'no ratios in the page'
[ "$(grep -c 'The last round: ' "$DIR/versus.html")" -eq 2 ] || fail 'not the charts of both'

run_stress 0 rounds "${to_relay[@]}" --rounds 2 --duration 0.3 --warmup 0 latency:rate=500
holds rounds '[run["round"] for run in r["runs"]] == [1, 2]' '"versus" not in r' 'len(r["contenders"]) == 1'
expect 1 'relay 2: no client ever connected' \
    "$STRESS" "${to_relay[@]}" --versus "${OTHER%:*}:$NOBODY" --rounds 2 --duration 0.2 --warmup 0 latency

# Rounds that are over are kept when a signal comes.
env --default-signal=INT timeout 60 "$STRESS" "${to_relay[@]}" --rounds 500 --duration 0.2 --warmup 0 --json "$DIR/cut.json" \
    latency >"$DIR/cut.out" 2>"$DIR/cut.err" &
pid[cut]=$!
must_say "$DIR/cut.err" 'round 3 of'
kill -INT "${pid[cut]}"
must_end cut 0
holds cut '2 <= len(r["runs"]) < 400' 'r["interrupted"]' 'not any(run["result"]["interrupted"] for run in r["runs"])'

# The first one is kept as far as it came, and what it could not measure is nobody's fault.
env --default-signal=HUP timeout 60 "$STRESS" "${to_relay[@]}" --versus "$OTHER" --rounds 3 --warmup 50 --fail-if 'handshakes/s<1' \
    --fail-if 'latency.p99>1us' --json "$DIR/first.json" --report "$DIR/first.html" latency handshake:clients=1 >"$DIR/first.out" 2>"$DIR/first.err" &
pid[first]=$!
must_say "$DIR/first.err" 'are there; '
kill -HUP "${pid[first]}"
must_end first 0
holds first '[run["result"]["interrupted"] for run in r["runs"]] == [True]' 'r["interrupted"]' \
    'all(row["second_median"] is None and "ratio" not in row for row in r["versus"])'
grep -qx interrupted "$DIR/first.out" || fail "not interrupted: $(cat "$DIR/first.out")"
narrow "$DIR/first.out"
says "$DIR/first.html" 'interrupted before its time' || fail 'the page does not say that it was interrupted'

# shellcheck disable=SC2317 # wait_for calls it
has_begun_twice() {
    [ "$(grep -c 'are there; ' "$DIR/bad.err")" -ge 2 ]
}

# Rounds that are over are kept when the relay goes away. All clients are connected then: one that never was would be
# waited for.
start_relay third 127.0.0.1:0
: >"$DIR/bad.err"
timeout 60 "$STRESS" --relay "$(relay_of third)" --rounds 50 --duration 1.5 --warmup 0 --json "$DIR/bad.json" \
    latency >"$DIR/bad.out" 2>"$DIR/bad.err" &
pid[bad]=$!
wait_for 15 has_begun_twice || fail "no second round: $(cat "$DIR/bad.err")"
kill_now third
must_end bad 1
must_say "$DIR/bad.err" 'relay 1: no client ever connected'
says "$DIR/bad.out" latency.p50 || fail "no rounds in the table: $(cat "$DIR/bad.out")"
holds bad '1 <= len(r["runs"]) < 40' 'r["interrupted"] is False'

# --- Comparisons ---

run_stress 0 narrow "${to_relay[@]}" --duration 4 --warmup 0.2 throughput:pairs=1,size=64,window=1
run_stress 0 wide "${to_relay[@]}" --duration 4 --warmup 0.2 throughput:pairs=1,size=64,window=32
expect 1 'scenario 1 has another window' "$STRESS" compare "$DIR/wide.json" "$DIR/narrow.json"
grep -q '^throughput.packets/s .* worse$' "$DIR/expect.out" || fail "not worse: $(cat "$DIR/expect.out")"
narrow "$DIR/expect.out"
timeout 10 "$STRESS" compare "$DIR/narrow.json" "$DIR/wide.json" >"$DIR/better.out"
grep -q '^throughput.packets/s .* better$' "$DIR/better.out" || fail "not better: $(cat "$DIR/better.out")"
expect 1 'worse' "$STRESS" compare "$DIR/wide.json" "$DIR/wide.json" "$DIR/narrow.json"
awk '/ -> /{file++} / (better|worse)$/{bad[file]++} END {exit bad[1] > 0 || bad[2] == 0}' "$DIR/expect.out" ||
    fail "not the same as itself, or as another one: $(cat "$DIR/expect.out")"
expect 0 'latency.p50' "$STRESS" compare "$DIR/versus.json" "$DIR/versus.json"

# --- On a terminal ---

timeout -k 1 60 python3 - "$STRESS" "$RELAY_HERE" <<'PYTHON' || fail 'on a terminal'
import fcntl, os, pty, re, select, struct, sys, termios, time

stress, relay = sys.argv[1:]

def start(*options):
    child, terminal = pty.fork()
    if child == 0:
        os.execv(stress, [stress, "--relay", relay, *options])
    return child, terminal

def size(terminal, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

def read_until(terminal, pattern):
    """All that is shown until then; without a pattern until the end."""
    seen, end = b"", time.monotonic() + 15
    while pattern is None or not re.search(pattern, seen):
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            sys.exit("waited for %r, there is %r" % (pattern, seen))
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            piece = b""
        if not piece:
            if pattern is not None:
                sys.exit("ended, and %r was not in %r" % (pattern, seen))
            break
        seen += piece
    return seen

child, terminal = start("--duration", "50", "--warmup", "0", "latency")
size(terminal, 80)
line = rb"\r\x1b\[K\[[ =]{6}\] \d+ s  2 up  \d+/s  0\.0 MB/s  lost 0\.00%  p50 [\d.]+ [um]s  p99 [\d.]+ [um]s"
_ = read_until(terminal, line)
size(terminal, 30)
narrow = read_until(terminal, rb"(\r\x1b\[K[^\r]*){3}\r").split(b"\r\x1b[K")[2]
if len(narrow) > 29 or b"2 up" not in narrow or b"lost" in narrow:
    sys.exit("on 30 columns it shows %r" % narrow)
os.write(terminal, b"\x03")
rest = read_until(terminal, None)
if b"interrupted after" not in rest or b"round trip" not in rest or b"\r\x1b[K" not in rest or os.waitpid(child, 0)[1] != 0:
    sys.exit("after Ctrl-C: %r" % rest)
child, terminal = start("--quiet", "--duration", "1.5", "--warmup", "0", "latency")
quiet = read_until(terminal, None)
if b"\x1b" in quiet or b"measured" in quiet or os.waitpid(child, 0)[1] != 0:
    sys.exit("not quiet: %r" % quiet)
PYTHON

finish
