#!/bin/bash
# toxtcp-relay takes data in a SYN, counts that, and says when the kernel is in the way; in a network namespace of its own,
# so as root or where user namespaces are allowed. SPDX-License-Identifier: ISC
if [ "${1-}" != inside ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(--map-root-user)
    exec unshare "${as_root[@]}" --net "$0" inside
fi
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

ip link set lo up || exit 1

# set_kernel VALUE
set_kernel() {
    echo "$1" >/proc/sys/net/ipv4/tcp_fastopen || exit 1
}

# start OPTION...
start() {
    : >"$DIR/relay.out"
    "$RELAY" --listen 127.0.0.1:0 --http-address 127.0.0.1:0 --threads 2 "$@" >"$DIR/relay.out" 2>"$DIR/relay.err" &
    pid[relay]=$!
    must_say "$DIR/relay.out" 'figures at '
}

stop() {
    kill -TERM "${pid[relay]}"
    must_end relay 0
}

# Three streams that begin with 128 bytes; the first one asks for a cookie.
dial() {
    python3 - "$(sed -n 's/^listening on .*://p' "$DIR/relay.out")" <<'END'
import socket, sys
for _ in range(3):
    with socket.socket() as stream:
        stream.sendto(bytes(128), socket.MSG_FASTOPEN, ("127.0.0.1", int(sys.argv[1])))
        # The handshake does not open, so the relay closes.
        stream.settimeout(10)
        try:
            stream.recv(1)
        except ConnectionResetError:
            pass
END
}

# The figure.
taken() {
    python3 - "$(sed -n 's/^figures at //p' "$DIR/relay.out")" <<'END'
import json, sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + "figures.json", timeout=10) as answer:
    print(json.load(answer)["fast_opens"])
END
}

# must_take COUNT
must_take() {
    dial
    [ "$(taken)" = "$1" ] || fail "$(taken) streams had brought data, not $1"
}

set_kernel 3
start
must_take 2
! says "$DIR/relay.err" tcp_fast_open || fail 'there is something to say about tcp_fast_open'
stop

start --tcp-fast-open 0
must_take 0
stop

# A client's kernel alone, as on nearly every machine: a warning is for those who ask for more by name.
set_kernel 1
start
must_take 0
must_say "$DIR/relay.err" 'toxtcp-relay: tcp_fast_open: the kernel takes no data in a SYN'
stop
start --tcp-fast-open 256
must_say "$DIR/relay.err" 'toxtcp-relay: warning: tcp_fast_open: the kernel takes no data in a SYN'
stop
start --tcp-fast-open 0
! says "$DIR/relay.err" tcp_fast_open || fail 'there is something to say about what is not wanted'
stop

finish
