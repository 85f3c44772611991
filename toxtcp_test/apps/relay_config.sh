#!/bin/bash
# toxtcp-relay: its configuration file and the options, the log's targets and formats. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

conf=$DIR/conf

# has_threads COUNT: as many as that, or more as a sanitizer has its own.
# shellcheck disable=SC2317 # wait_for runs it
has_threads() {
    local tasks=("/proc/${pid[relay]}/task"/*)
    [ ${#tasks[@]} -ge "$1" ]
}

# --check-config says what is effective, opens nothing and makes nothing.
printf 'clients_max = 12;\nkeys_file_path = "%s/no/keys";\nlisten = ["192.0.2.1:1"];\n' "$DIR" >"$conf"
expect 0 "$conf: ok" "$RELAY" --config "$conf" --check-config
expect 0 'clients_max = 12;' "$RELAY" --config "$conf" --check-config
expect 0 'clients_max = 13;' "$RELAY" --config "$conf" --check-config --clients-max 13
expect 0 'unconfirmed_max = 1024;' "$RELAY" --config "$conf" --check-config
[ ! -e "$DIR/no" ] || fail 'made a directory'
"$RELAY" --config "$conf" --check-config --motd 'a "line" \ more' >"$DIR/effective" || fail 'is not ok'
# What it says is a configuration file, and the same one.
tail -n +2 "$DIR/effective" >"$DIR/again.conf"
"$RELAY" --config "$DIR/again.conf" --check-config | tail -n +2 | cmp -s - "$DIR/again.conf" || fail 'another one comes back'
# The longest list, too.
many=$(printf '[fe80:1111:2222:3333:4444:5555:6666:7777]:%d,' {50001..50064})
"$RELAY" --config "$conf" --check-config --listen "${many%,}" >"$DIR/effective" || fail 'is not ok'
grep -qF ':50064"];' "$DIR/effective" || fail "cut off: $(grep '^listen' "$DIR/effective")"
expect 2 'there is no --config FILE to check' "$RELAY" --check-config

# Wrong ones: file, line, key, what is allowed.
printf '\nclients = 12;\n' >"$conf"
expect 2 "$conf:2: clients: there is no such key; the nearest one is clients_max" "$RELAY" --config "$conf"
expect 2 "$conf:2: clients: " "$RELAY" --config "$conf" --check-config
printf 'log_level = "loud";\n' >"$conf"
expect 2 "$conf:1: log_level: \"loud\" is not one of error, warning, info, debug" "$RELAY" --config "$conf"
printf 'listen = [\n' >"$conf"
expect 2 "$conf:2: syntax error" "$RELAY" --config "$conf"
printf '@include "other"\n' >"$conf"
printf '\nclients_max = 0;\n' >"$DIR/other"
expect 2 "other:2: clients_max: \"0\" is not a whole number from 1 to 1000000" "$RELAY" --config "$conf"
printf '@include "other"\n' >"$conf"
printf '\noutput_total_max = 4294967297;\n' >"$DIR/other"
expect 2 "other:2: a number over 2147483647 must have an L" "$RELAY" --config "$conf" --check-config
# shellcheck disable=SC2016 # the inner shell expands it
expect 2 '/dev/stdin: cannot be read twice' sh -c 'echo "clients_maxx = 1;" | "$0" --config /dev/stdin --check-config' "$RELAY"
expect 2 "$DIR/none: No such file or directory" "$RELAY" --config "$DIR/none"
expect 2 '--clients-max: "x" is not a whole number from 1 to 1000000' "$RELAY" --clients_max x
expect 2 '--enable-tcp-relay: "false" is not true' "$RELAY" --enable-tcp-relay false
expect 2 'see toxtcp-relay --help' "$RELAY" --clients-mx 1

# A file of tox-bootstrapd's, as it is.
cat >"$conf" <<END
// Listening port (UDP).
port = 33445
keys_file_path = "$DIR/relay.keys"
pid_file_path = "$DIR/no/pid"
enable_ipv6 = false
enable_ipv4_fallback = true
enable_lan_discovery = true
enable_tcp_relay = true
tcp_relay_ports = [443, 3389, 33445]
enable_motd = true
motd = "tox-bootstrapd"
bootstrap_nodes = (
  { // Node 1
    address = "127.0.0.1"
    port = 33445
    public_key = "728925473812C7AAC482BE7250BCCAD0B8CB9F737BF3D42ABD34459C1768F854"
  }
)
END
expect 0 'tcp_relay_ports = [443, 3389, 33445];' "$RELAY" --config "$conf" --check-config
"$RELAY" --config "$conf" --listen 127.0.0.1:0 --log-format json --threads 1 >"$DIR/relay.out" 2>"$DIR/relay.err" &
pid[relay]=$!
must_say "$DIR/relay.out" 'listening on 127.0.0.1:'
must_say "$DIR/relay.err" 'and ignored: port, enable_lan_discovery, bootstrap_nodes'
must_say "$DIR/relay.err" "pid file $DIR/no/pid: No such file or directory"
kill -TERM "${pid[relay]}"
must_end relay 0
# Every line of its log is an object with these members.
python3 - "$DIR/relay.err" <<'END' || fail "the log: $(cat "$DIR/relay.err")"
import datetime, json, sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) >= 4, lines
for line in lines:
    entry = json.loads(line)
    assert entry["level"] in ("error", "warning", "info", "debug") and entry["message"]
    datetime.datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
END

# A port that cannot be had is left out, if another one can.
start_relay other 127.0.0.1:0
port=$(sed -n 's/^listening on 127.0.0.1://p' "$DIR/other.out")
expect 4 'there is no address left to listen on' "$RELAY" --tcp-relay-ports "$port" --enable-ipv6 false --threads 2
expect 4 "cannot listen on 127.0.0.1:$port: the address is in use" "$RELAY" --listen "127.0.0.1:$port" --threads 2
expect 4 "cannot listen on 127.0.0.1:$port: the address is in use" "$RELAY" --listen "127.0.0.1:$port" --threads 1

# However many ports cannot be had, the last word is not held back.
python3 - "$RELAY" <<'END' || fail 'it does not say why it ends'
import socket, subprocess, sys
taken = [socket.create_server(("0.0.0.0", 0)) for _ in range(12)]
ports = ",".join(str(one.getsockname()[1]) for one in taken)
run = subprocess.run([sys.argv[1], "--tcp-relay-ports", ports, "--enable-ipv6", "false"],
                     stderr=subprocess.PIPE, text=True, timeout=60)
assert run.returncode == 4, run
assert run.stderr.splitlines()[-1] == "toxtcp-relay: there is no address left to listen on", run.stderr
assert "2 more messages like this one" in run.stderr, run.stderr
END

# With standard output and error closed nothing else takes their place.
"$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys" --pid-file-path "$DIR/closed.pid" <&- >&- 2>&- &
pid[relay]=$!
wait_for 10 test -s "$DIR/closed.pid" || fail 'does not start without standard error'
for fd in 0 1 2; do
    [ "$(readlink "/proc/${pid[relay]}/fd/$fd")" = /dev/null ] || fail "descriptor $fd is something else"
done
kill -TERM "${pid[relay]}"
must_end relay 0

# Where nobody listens for what is logged it says so.
if [ ! -e /dev/log ]; then
    "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys" --log-target syslog >"$DIR/relay.out" 2>"$DIR/relay.err" &
    pid[relay]=$!
    must_say "$DIR/relay.out" 'listening on '
    says "$DIR/relay.err" 'warning: nobody listens at log_target' || fail "no word of it: $(cat "$DIR/relay.err")"
    kill -TERM "${pid[relay]}"
    must_end relay 0
fi

# Names with control characters do not break lines, whatever the format.
expect 3 'keys file '"$DIR"'/a?b/k cannot be opened' "$RELAY" --keys "$DIR/a
b/k"

# The pid file, there while it runs.
"$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys" --pid-file-path "$DIR/pid" >"$DIR/relay.out" 2>"$DIR/relay.err" &
pid[relay]=$!
wait_for 10 test -s "$DIR/pid" || fail 'no pid file'
[ "$(cat "$DIR/pid")" = "${pid[relay]}" ] || fail "pid file: $(cat "$DIR/pid")"

# No core dumps, with the keys in them.
grep -q '^Max core file size *0 *0' "/proc/${pid[relay]}/limits" || fail 'it may dump core'
kill -TERM "${pid[relay]}"
must_end relay 0
[ ! -e "$DIR/pid" ] || fail 'the pid file stays'

# Each worker is a thread, besides the main one.
for threads in 1 2 4; do
    "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys" --threads $threads >"$DIR/relay.out" 2>"$DIR/relay.err" &
    pid[relay]=$!
    must_say "$DIR/relay.out" 'listening on '
    wait_for 10 has_threads $((threads + 1)) || fail "not $threads threads and the main one"
    [ "$(grep -c '^listening on ' "$DIR/relay.out")" = 1 ] || fail "one address, several lines: $(cat "$DIR/relay.out")"
    kill -TERM "${pid[relay]}"
    must_end relay 0
done

# Descriptors that do not suffice for clients_max.
(ulimit -n 192 && exec "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys" --clients-max 500 --threads 1 \
    >"$DIR/relay.out" 2>"$DIR/relay.err") &
pid[relay]=$!
must_say "$DIR/relay.out" 'listening on '
must_say "$DIR/relay.err" 'clients_max: 500 clients do not fit into the 192 descriptors'
kill -TERM "${pid[relay]}"
must_end relay 0

finish
