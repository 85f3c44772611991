#!/bin/bash
# toxtcp-chat: UDP takes over from the relays, falls silent, and is left out. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

readonly GATE=$top_builddir/toxtcp-demo-gate

# udp_sockets NAME: how many UDP sockets that program has open.
udp_sockets() {
    local descriptor inode count=0
    for descriptor in /proc/"${pid[$1]}"/fd/*; do
        inode=$(readlink "$descriptor" | sed -n 's/^socket:\[\([0-9]*\)\]$/\1/p')
        [ -n "$inode" ] && awk -v inode="$inode" '$10 == inode { found = 1 } END { exit !found }' \
            /proc/net/udp /proc/net/udp6 && count=$((count + 1))
    done
    printf '%d' "$count"
}

# times FILE TEXT COUNT: the text is there that often.
# shellcheck disable=SC2317 # wait_for calls it
times() {
    [ "$(grep -cF -e "$2" "$1")" -ge "$3" ]
}

must_say_times() {
    wait_for 30 times "$@" || fail "$(basename "$1") does not say \"$2\" $3 times but: $(tail -n 5 "$1")"
}

# talk FIRST LAST: both say these lines, and both hear them.
talk() {
    seq -f 'line %g' "$1" "$2" >&8
    seq -f 'line %g' "$1" "$2" >&9
    must_say_times "$DIR/bob.out" 'alice: line ' "$2"
    must_say_times "$DIR/alice.out" 'bob: line ' "$2"
}

# all_came LAST: once each, and in order.
all_came() {
    seq -f 'alice: line %g' "$1" | cmp -s - "$DIR/bob.out" || fail "bob was shown: $(tail -n 5 "$DIR/bob.out")"
    seq -f 'bob: line %g' "$1" | cmp -s - "$DIR/alice.out" || fail "alice was shown: $(tail -n 5 "$DIR/alice.out")"
}

# start_both ALICES_OPTION... -- BOBS_OPTION...
start_both() {
    local alices=()
    while [ "$1" != -- ]; do
        alices+=("$1")
        shift
    done
    shift
    start_peer alice --relay "$(relay_of relay1)" --relay "$(relay_of relay2)" --peer "bob=$BOB" "${alices[@]}"
    start_peer bob --relay "$(relay_of relay1)" --relay "$(relay_of relay2)" --peer "alice=$ALICE" "$@"
    exec 8>"$DIR/alice.in" 9>"$DIR/bob.in"
    must_say "$DIR/alice.err" 'bob is online'
    must_say "$DIR/bob.err" 'alice is online'
}

end_both() {
    exec 8>&- 9>&-
    must_end alice 0
    must_end bob 0
}

start_relay relay1 127.0.0.1:0
start_relay relay2 127.0.0.1:0
ALICE=$(key_of alice)
BOB=$(key_of bob)

# --- UDP takes over, the relays sleep; relays that die then are not missed ---

start_both --
talk 1 10
must_say "$DIR/alice.err" 'bob: by UDP ('
must_say "$DIR/bob.err" 'alice: by UDP ('
[ "$(udp_sockets alice)" -ge 1 ] || fail 'alice has no UDP socket'
talk 11 20
must_say_times "$DIR/alice.err" ': sleeping' 2
must_say_times "$DIR/bob.err" ': sleeping' 2
printf '/relays\n/path\n/peers\n' >&8
must_say "$DIR/alice.err" ': by UDP ('
must_say "$DIR/alice.err" 'its relays may sleep'
must_say "$DIR/alice.err" 'peer bob (target): online by UDP ('
must_say_times "$DIR/alice.err" ': sleeping' 4
kill -STOP "${pid[relay1]}" "${pid[relay2]}"
talk 21 30
kill -CONT "${pid[relay1]}" "${pid[relay2]}"
says "$DIR/alice.err" 'is offline' && fail 'sleeping relays make somebody offline'

# --- /path ---

printf '/path tcp\n' >&8
must_say "$DIR/alice.err" 'bob: by relays'
must_say_times "$DIR/alice.err" ': connected' 4
must_say_times "$DIR/bob.err" ': connected' 4
talk 31 40
printf '/path udp\n' >&8
must_say_times "$DIR/alice.err" 'bob: by UDP (' 2
talk 41 50
all_came 50
says "$DIR/alice.err" 'is offline' && fail 'the change of the way makes bob offline'

# --- One leaves: the other one is not left to guess ---

exec 8>&-
must_end alice 0
must_say "$DIR/bob.err" 'alice is offline'
exec 9>&-
must_end bob 0

# --- UDP is cut without a word ---

"$GATE" >"$DIR/gate.out" 2>&1 8>&- 9>&- &
pid[gate]=$!
wait_for 10 times "$DIR/gate.out" 127.0.0.1: 2 || fail 'the gate does not start'
start_both --udp-announce "$(sed -n 1p "$DIR/gate.out")" -- --udp-announce "$(sed -n 2p "$DIR/gate.out")"
talk 1 10
must_say "$DIR/alice.err" 'bob: by UDP ('
must_say "$DIR/bob.err" 'alice: by UDP ('
must_say_times "$DIR/alice.err" ': sleeping' 2
must_say_times "$DIR/bob.err" ': sleeping' 2
kill -STOP "${pid[gate]}"
talk 11 20
must_say "$DIR/alice.err" 'bob: by relays'
must_say "$DIR/bob.err" 'alice: by relays'
talk 21 30
# What was kept is let go: it is old, and shown already.
kill -CONT "${pid[gate]}"
talk 31 40
kill_now gate
talk 41 50
all_came 50
end_both

# --- Without UDP: no socket, no address, whatever the other side would like ---

start_both --no-udp --
talk 1 10
[ "$(udp_sockets alice)" -eq 0 ] || fail 'alice has a UDP socket in spite of --no-udp'
[ "$(udp_sockets bob)" -ge 1 ] || fail 'the test does not see the sockets that there are'
printf '/path\n/path udp\n' >&8
must_say "$DIR/alice.err" 'path tcp (--no-udp)'
must_say "$DIR/alice.err" 'there is no UDP'
printf '/path\n' >&9
must_say "$DIR/bob.err" 'alice: by relays'
says "$DIR/bob.err" ': by UDP' && fail 'bob found a way by UDP'
talk 11 20
all_came 20
exec 8>&- 9>&-
must_end alice 1 # /path udp could not be obeyed
must_end bob 0

# --- The options ---

expect 2 'is no port' "$CHAT" --relay "$(relay_of relay1)" --peer "$BOB" --udp-port 65536
expect 2 'is no address' "$CHAT" --relay "$(relay_of relay1)" --peer "$BOB" --udp-announce 127.0.0.1
expect 2 'is no address' "$CHAT" --relay "$(relay_of relay1)" --peer "$BOB" --udp-announce 224.0.0.1:1
expect 2 '--no-udp does not go with' "$CHAT" --relay "$(relay_of relay1)" --peer "$BOB" --no-udp --udp-port 1024

start_peer alice --relay "$(relay_of relay1)" --peer "bob=$BOB"
exec 8>"$DIR/alice.in"
must_say "$DIR/alice.err" ': connected'
port=$(awk -v inodes="$(readlink /proc/"${pid[alice]}"/fd/* | tr -dc '0-9\n' | tr '\n' ' ')" '
    BEGIN { split(inodes, list, " "); for (i in list) ours[list[i]] = 1 }
    $10 in ours { split($2, at, ":"); print at[2]; exit }' /proc/net/udp)
port=$((16#$port))
expect 2 "--udp-port $port: Address already in use" "$CHAT" --relay "$(relay_of relay1)" --peer "$BOB" --udp-port "$port"
exec 8>&-
must_end alice 0
start_peer alice --relay "$(relay_of relay1)" --peer "bob=$BOB" --udp-port "$port"
exec 8>"$DIR/alice.in"
must_say "$DIR/alice.err" ': connected'
grep -qi "^ *[0-9]*: 00000000:$(printf '%04X' "$port") " /proc/net/udp || fail "alice does not hear at port $port"
exec 8>&-
must_end alice 0

finish
