#!/bin/bash
# toxtcp-relay as a service: systemd's protocols, SIGHUP, a log that is not flooded. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

timeout 120 python3 "$(dirname "$0")/relay_supervise.py" "$RELAY" "$DIR" 2>"$DIR/supervise.err" ||
    fail "supervised: $(cat "$DIR/supervise.err")"

conf=$DIR/conf
printf 'listen = ["127.0.0.1:0"];\nkeys_file_path = "%s/relay.keys";\nlog_level = "warning";\n' "$DIR" >"$conf"
(trap '' HUP && exec "$RELAY" --config "$conf" --threads 2 >"$DIR/relay.out" 2>"$DIR/relay.err") & # as under nohup
pid[relay]=$!
must_say "$DIR/relay.out" 'listening on '
key=$(sed -n 's/^public key: //p' "$DIR/relay.out")
[ "$key" = "$(head -c 32 "$DIR/relay.keys" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F)" ] || fail "another key: $key"

# It says so at the new level, and in the new format.
printf 'listen = ["127.0.0.1:1"];\nkeys_file_path = "%s/relay.keys";\nlog_format = "json";\n' "$DIR" >"$conf"
kill -HUP "${pid[relay]}"
must_say "$DIR/relay.err" "changed: log_level, log_format\"}"
must_say "$DIR/relay.err" 'not in force before a restart: listen"}'

# Over and over: 10 of a kind, then their number; and options stay above the file.
printf 'clients_max = ;\n' >"$conf"
for ((i = 0; i < 40; i++)); do
    kill -HUP "${pid[relay]}"
    sleep 0.01
done
kill -TERM "${pid[relay]}"
must_end relay 0
[ "$(grep -c 'syntax error.*the settings stay as they were' "$DIR/relay.err")" -le 20 ] ||
    fail "the log is flooded: $(cat "$DIR/relay.err")"
says "$DIR/relay.err" 'syntax error' || fail "no word of the wrong file: $(cat "$DIR/relay.err")"

# What is cut off within a character stays UTF-8, and JSON.
name=$(printf 'é%.0s' {1..50})
for conf in "$DIR/e$name" "$DIR/ee$name"; do
    printf 'log_format = "json";\nlisten = ["127.0.0.1:0"];\n' >"$conf"
    "$RELAY" --config "$conf" --keys "$DIR/relay.keys" >"$DIR/relay.out" 2>"$DIR/relay.err" &
    pid[relay]=$!
    must_say "$DIR/relay.out" 'listening on '
    printf 'clients_max = ;\n' >"$conf"
    for ((i = 0; i < 40; i++)); do
        kill -HUP "${pid[relay]}"
        sleep 0.01
    done
    kill -TERM "${pid[relay]}"
    must_end relay 0
    must_say "$DIR/relay.err" 'more messages like this one'
    python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]' "$DIR/relay.err" ||
        fail "no JSON: $(cat "$DIR/relay.err")"
done

# Without a file there is nothing to read again, and it goes on.
start_relay relay 127.0.0.1:0
kill -HUP "${pid[relay]}"
must_say "$DIR/relay.err" 'there is no --config FILE to read again'
kill -TERM "${pid[relay]}"
must_end relay 0

finish
