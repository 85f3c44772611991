#!/bin/bash
# toxtcp-chat: its command line, and what it says when it cannot begin. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

KEY=$(key_of peer)
OURS=$(key_of ours)
readonly KEY OURS GOOD=127.0.0.1:1:$KEY

expect 0 'usage: toxtcp-chat' "$CHAT" --help
expect 0 'toxtcp-chat 0.' "$CHAT" --version
expect 2 'see toxtcp-chat --help' "$CHAT" --nonsense
expect 2 '"extra" is no option' "$CHAT" --relay "$GOOD" --peer "$KEY" extra

expect 2 'no relay is given: use --relay HOST:PORT:KEY' "$CHAT" --peer "$KEY"
expect 2 'no peer is given: use --peer KEY' "$CHAT" --relay "$GOOD"
expect 2 'the key has 3 characters, not 64' "$CHAT" --relay 127.0.0.1:1:abc --peer "$KEY"
expect 2 '"0" is no port' "$CHAT" --relay "127.0.0.1:0:$KEY" --peer "$KEY"
expect 2 'an IPv6 address stands in brackets' "$CHAT" --relay "::1:33445:$KEY" --peer "$KEY"
expect 2 'is no public key' "$CHAT" --relay "$GOOD" --peer "bob=${KEY%?}"
expect 2 'is no public key' "$CHAT" --relay "$GOOD" --peer bob
expect 2 'a name has 1 to 32 bytes' "$CHAT" --relay "$GOOD" --peer "b:b=$KEY"
expect 2 'a name has 1 to 32 bytes' "$CHAT" --relay "$GOOD" --peer "=$KEY"
expect 2 'the key of "bob" is given twice' "$CHAT" --relay "$GOOD" --peer "bob=$KEY" --peer "$KEY"
expect 2 'two peers with the name "bob"' "$CHAT" --relay "$GOOD" --peer "bob=$KEY" --peer "bob=$OURS"
expect 2 'the key of "me" is our own' "$CHAT" --keys "$DIR/ours.keys" --relay "$GOOD" --peer "me=$OURS"
expect 2 'is no number of seconds' "$CHAT" --relay "$GOOD" --peer "$KEY" --wait 1s
expect 2 '--show-key needs --keys FILE' "$CHAT" --show-key

printf '# relays\n%s\nnonsense\n' "$GOOD" >"$DIR/relays"
expect 2 "$DIR/relays:3: \"nonsense\" is no relay" "$CHAT" --relays "$DIR/relays" --peer "$KEY"
expect 2 "$DIR/none: cannot be opened" "$CHAT" --relays "$DIR/none" --peer "$KEY"

chmod 640 "$DIR/ours.keys"
expect 3 'can be read or changed by others (mode 0640)' "$CHAT" --keys "$DIR/ours.keys" --relay "$GOOD" --peer "$KEY"
expect 3 "chmod 600 $DIR/ours.keys" "$CHAT" --keys "$DIR/ours.keys" --show-key
chmod 600 "$DIR/ours.keys"
expect 0 "$OURS" "$CHAT" --keys "$DIR/ours.keys" --show-key

for option in --help --version --show-key; do
    # shellcheck disable=SC2016 # that shell expands it
    expect 5 'cannot write to standard output' sh -c '"$@" >/dev/full' sh "$CHAT" --keys "$DIR/ours.keys" "$option"
done

# Without a keys file the key is printed, and is another one at every run.
expect 0 'public key: ' "$CHAT" --relay "$GOOD" --peer "$KEY"
first=$(grep 'public key: ' "$DIR/expect.out")
expect 0 'this key is for this run alone' "$CHAT" --relay "$GOOD" --peer "$KEY"
[ "$first" != "$(grep 'public key: ' "$DIR/expect.out")" ] || fail "the same throw-away key twice"
expect 0 "this key is new, and kept in $DIR/new.keys" "$CHAT" --keys "$DIR/new.keys" --relay "$GOOD" --peer "$KEY"

# Nothing can be delivered: what is wrong, and with which relay.
printf 'a\nb\n' >"$DIR/lines"
# shellcheck disable=SC2016 # that shell expands it
readonly UNDELIVERED='lines=$1 && shift && exec "$@" <"$lines"'
expect 4 'not delivered to bob: 2 messages, because no relay could be reached' \
    bash -c "$UNDELIVERED" sh "$DIR/lines" "$CHAT" --wait 2 --peer "bob=$KEY" --relay "$GOOD"
says "$DIR/expect.out" 'relay 127.0.0.1:1: connection refused' || fail "no reason: $(cat "$DIR/expect.out")"
says "$DIR/expect.out" 'no relay can be reached; trying again' || fail "no advice: $(cat "$DIR/expect.out")"
expect 4 'relay no-such-host.invalid:33445: ' \
    bash -c "$UNDELIVERED" sh "$DIR/lines" "$CHAT" --wait 2 --peer "bob=$KEY" --relay "no-such-host.invalid:33445:$KEY"
says "$DIR/expect.out" 'relay no-such-host.invalid:33445: unknown host' || fail "no word of the unknown name: $(cat "$DIR/expect.out")"

# The relay is there, the peer is not.
start_relay relay 127.0.0.1:0
expect 1 'not delivered to bob: 2 messages, because this peer was not there on any of the relays' \
    bash -c "$UNDELIVERED" sh "$DIR/lines" "$CHAT" --wait 2 --peer "bob=$KEY" --relay "$(relay_of relay)"

# All relays are down at the end: that is the reason then.
mkfifo "$DIR/in"
exec 9<>"$DIR/in"
"$CHAT" --peer "bob=$KEY" --relay "$(relay_of relay)" <"$DIR/in" >"$DIR/chat.out" 2>"$DIR/chat.err" &
pid[chat]=$!
must_say "$DIR/chat.err" ': connected'
printf 'a\n' >&9
kill_now relay
must_say "$DIR/chat.err" '; trying again'
kill -TERM "${pid[chat]}"
must_end chat 1
says "$DIR/chat.err" 'because no relay can be reached any more' || fail "another reason: $(cat "$DIR/chat.err")"

finish
