#!/bin/bash
# toxtcp-probe tells the steps apart: a name that is resolved, and a relay at it that does not answer, or has another key,
# with data in SYNs allowed. In a network and with names of its own, so as root or where user namespaces are allowed.
# SPDX-License-Identifier: ISC
if [ "${1-}" != inside ]; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(--map-root-user)
    exec unshare "${as_root[@]}" --net --mount "$0" inside
fi
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

PROBE=$top_builddir/toxtcp-probe
NOBODY=8520F0098930A754748B7DDCB43EF75A0DBF3A0D26381AF4EBA4A98EAA9B4E6A # out of RFC 7748

# What is sent to 10.1.0.9 arrives nowhere.
{ ip link set lo up && ip link add if1 type veth peer name out1 && ip link set out1 up && ip link set if1 up &&
    ip address add 10.1.0.2/24 dev if1 && ip neighbour add 10.1.0.9 lladdr 02:00:00:00:00:01 dev if1 &&
    echo 3 >/proc/sys/net/ipv4/tcp_fastopen; } || exit 1
printf '127.0.0.1 relay.test\n10.1.0.9 silent.test\n' >"$DIR/hosts"
mount --bind "$DIR/hosts" /etc/hosts || exit 1

start_relay relay 127.0.0.1:0
relay=$(relay_of relay)
port=${relay#*:}
port=${port%%:*}

expect 1 'no answer to connecting' "$PROBE" --timeout 1 "silent.test:1:$NOBODY"
expect 1 'name not found, or no name server answers' "$PROBE" --timeout 1 "nobody.invalid:1:$NOBODY"
expect 1 'no answer to connecting' "$PROBE" --timeout 1 "10.1.0.9:1:$NOBODY"
# The second time the kernel has a cookie, and it is the relay's closing all the same.
for _ in 1 2; do
    expect 1 'wrong key' "$PROBE" "relay.test:$port:$NOBODY"
done
expect 0 'relay.test' "$PROBE" --json "$DIR/relay.json" "relay.test:$port:${relay##*:}"
python3 -B "$(dirname "$0")/holds.py" "r=$DIR/relay.json#relays" -- \
    'r[0]["steps"]["resolve"]["samples"] >= 1' 'r[0]["steps"]["connect"]["ms"] > 0.005' \
    'r[0]["steps"]["handshake"]["ms"] > 0.005' || fail "steps: $(cat "$DIR/relay.json")"

finish
