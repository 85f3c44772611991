#!/bin/bash
# toxtcp-chat: peers that talk through relays of ours. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"
# By relays alone: chat_udp.sh has the rest.
# shellcheck disable=SC2034 # common.sh reads it
peer_options=(--no-udp)

# shellcheck disable=SC2317 # wait_for calls it
has_reconnected() {
    [ "$(grep -cF "relay $address: connected" "$DIR/$1.err")" -ge 2 ]
}

start_relay relay1 127.0.0.1:0
start_relay relay2 '[::1]:0'
printf '%s # the first\n\n%s\n' "$(relay_of relay1)" "$(relay_of relay2)" >"$DIR/relays"
ALICE=$(key_of alice)
BOB=$(key_of bob)
CAROL=$(key_of carol)

# --- Two peers, both ways, in order, every kind of line ---

start_peer alice --relays "$DIR/relays" --peer "bob=$BOB" --peer "carol=$CAROL"
start_peer bob --relays "$DIR/relays" --peer "alice=$ALICE" --interface lo
exec 8>"$DIR/alice.in" 9>"$DIR/bob.in"
must_say "$DIR/alice.err" 'bob is online'
must_say "$DIR/bob.err" 'alice is online'

long=$(printf 'x%.0s' {1..8192})
{
    printf 'gr\303\274\303\237 dich\tund so weiter\n\n'
    printf '\033[31mred\302\233\342\200\256\377\n'
    printf '//slash\n/unknown\n'
    printf '%s\n' "$long"
    seq -f 'line %g' 400
} >&8
{
    printf 'alice: gr\303\274\303\237 dich\tund so weiter\nalice: \n'
    printf 'alice: \\x1b[31mred\\xc2\\x9b\\xe2\\x80\\xae\\xff\n'
    printf 'alice: /slash\n'
    printf 'alice: %s\n' "$long"
    seq -f 'alice: line %g' 400
} >"$DIR/want"
printf 'and back\n' >&9
must_say "$DIR/bob.out" 'alice: line 400'
must_say "$DIR/alice.out" 'bob: and back'
cmp -s "$DIR/bob.out" "$DIR/want" || fail "bob was shown: $(diff "$DIR/want" "$DIR/bob.out" | cut -c 1-200 | head -n 5)"
must_say "$DIR/alice.err" 'this is no command, and was not sent'
must_say "$DIR/alice.err" 'delivered to bob: '

printf '/relays\n/peers\n' >&8
must_say "$DIR/alice.err" ', primary for bob'
must_say "$DIR/alice.err" "relay $(sed -n 's/^listening on //p' "$DIR/relay1.out"): connected, round trip "
must_say "$DIR/alice.err" " sent again"
must_say "$DIR/alice.err" 'peer bob (target): online on 2 relays, '
must_say "$DIR/alice.err" 'peer carol: offline on 0 relays, '

# --- A third peer comes later, and gets what waited ---

printf '/to nobody\n/to carol\nhello carol\n' >&8
must_say "$DIR/alice.err" 'there is no peer of that name'
printf '/to bob\nonly for bob\n' >&8
must_say "$DIR/bob.out" 'alice: only for bob'
start_peer carol --relays "$DIR/relays" --peer "$ALICE" --source 127.0.0.7
exec 7>"$DIR/carol.in"
must_say "$DIR/carol.out" "${ALICE:0:8}: hello carol"
exec 7>&-
must_end carol 0
must_say "$DIR/alice.err" 'carol is offline'

# --- A relay dies and comes back, then the other: nothing is lost ---

address=$(sed -n 's/^listening on //p' "$DIR/relay1.out")
printf 'before\n' >&8
kill_now relay1
printf 'between\n' >&8
must_say "$DIR/bob.out" 'alice: between'
must_say "$DIR/alice.err" "by the other side; trying again"
start_relay relay1 "$address"
wait_for 20 has_reconnected alice || fail 'alice did not reconnect'
wait_for 20 has_reconnected bob || fail 'bob did not reconnect'
kill_now relay2
printf 'after\n' >&8
must_say "$DIR/bob.out" 'alice: after'
tail -n 4 "$DIR/bob.out" | tr '\n' ' ' >"$DIR/tail"
[ "$(cat "$DIR/tail")" = 'alice: only for bob alice: before alice: between alice: after ' ] ||
    fail "bob was shown: $(cat "$DIR/tail")"

# --- A peer starts again and gets what the first run did not ---

kill_now bob
must_say "$DIR/alice.err" 'bob is offline'
printf 'while you were away\n' >&8
exec 9>&-
start_peer bob --relay "$(relay_of relay1)" --peer "alice=$ALICE" --raw
exec 9>"$DIR/bob.in"
must_say "$DIR/bob.out" 'alice: while you were away'
[ "$(wc -l <"$DIR/bob.out")" -eq 1 ] || fail "bob was shown twice: $(cat "$DIR/bob.out")"
printf '/to me this is no command\n' >&9
must_say "$DIR/alice.out" 'bob: /to me this is no command'

# --- The end of the input: all is delivered first ---

printf 'last words' >&8
exec 8>&-
# Not 0: two of the lines were commands that could not be obeyed.
must_end alice 1
must_say "$DIR/bob.out" 'alice: last words'
kill -TERM "${pid[bob]}"
must_end bob 0

# A stranger is spoken of, once, and not shown.
start_peer carol --relay "$(relay_of relay1)" --peer "bob=$BOB"
start_peer alice --relay "$(relay_of relay1)" --peer "carol=$CAROL" --wait 1
exec 7>"$DIR/carol.in" 8>"$DIR/alice.in"
must_say "$DIR/carol.err" ': connected'
must_say "$DIR/alice.err" ': connected'
printf 'who is there\nhello?\n' >&8
must_say "$DIR/carol.err" "a stranger wants to talk to you; to answer, start with --peer NAME=$ALICE"
[ "$(grep -c stranger "$DIR/carol.err")" -eq 1 ] || fail 'the stranger was spoken of more than once'
[ ! -s "$DIR/carol.out" ] || fail "a stranger was shown: $(cat "$DIR/carol.out")"
exec 8>&-
must_end alice 1
exec 7>&-
must_end carol 0

# --- A pipe: nothing after /quit is taken, and a line that is no command is told by the exit status ---

pipe_to_bob() {
    "$CHAT" --keys "$DIR/alice.keys" --relay "$(relay_of relay1)" --peer "bob=$BOB" >"$DIR/alice.out" 2>"$DIR/alice.err"
}

start_peer bob --relay "$(relay_of relay1)" --peer "alice=$ALICE"
exec 9>"$DIR/bob.in"
printf 'one\n/quit\ntwo\n/unknown\n' | pipe_to_bob || fail "/quit in a pipe: $(cat "$DIR/alice.err")"
printf 'three\n/unknown\nfour\n' | pipe_to_bob && fail 'a line was not sent, and the exit status is 0'
must_say "$DIR/bob.out" 'alice: four'
printf 'alice: one\nalice: three\nalice: four\n' | cmp -s - "$DIR/bob.out" || fail "bob was shown: $(cat "$DIR/bob.out")"
exec 9>&-
must_end bob 0

# --- What cannot be written is not delivered ---

start_peer alice --relay "$(relay_of relay1)" --peer "bob=$BOB"
exec 8>"$DIR/alice.in"
printf 'precious\n' >&8
mkfifo "$DIR/silent"
exec 6<>"$DIR/silent"
"$CHAT" --keys "$DIR/bob.keys" --relay "$(relay_of relay1)" --peer "alice=$ALICE" \
    <"$DIR/silent" >/dev/full 2>"$DIR/bob.err" 8>&- &
pid[bob]=$!
must_end bob 5
says "$DIR/bob.err" 'a message could not be written to standard output: ' || fail "no reason: $(cat "$DIR/bob.err")"
says "$DIR/alice.err" 'delivered to bob' && fail 'a message that was not written was called delivered'

# --- Nobody reads what comes: nothing is lost, and signals count ---

start_bob_unread() {
    "$CHAT" --keys "$DIR/bob.keys" --relay "$(relay_of relay1)" --peer "alice=$ALICE" \
        <"$DIR/silent" >"$DIR/unread" 2>"$DIR/bob.err" 8>&- &
    pid[bob]=$!
}

# shellcheck disable=SC2317 # wait_for calls it
all_read() {
    [ "$(wc -l <"$DIR/read")" -ge 401 ]
}

mkfifo "$DIR/unread"
exec 5<>"$DIR/unread"
start_bob_unread
# Each byte takes four on the way out, and a pipe keeps 64 KiB.
wide=$(printf '\001%.0s' {1..300})
seq -f "%g $wide" 400 >&8
must_say "$DIR/alice.err" 'delivered to bob: 1'
printf 'hello\n' >&6
must_say "$DIR/bob.err" 'delivered to alice: 1 '
says "$DIR/alice.err" '-401 (' && fail 'what nobody read was called delivered'
cat <&5 >"$DIR/read" &
pid[cat]=$!
wait_for 60 all_read || fail "only $(wc -l <"$DIR/read") lines came"
{
    printf 'alice: precious\n'
    seq -f "alice: %g ${wide//?/\\x01}" 400
} | cmp -s - "$DIR/read" || fail "bob was shown: $(cut -c 1-20 "$DIR/read" | tail -n 5)"
kill_now cat
seq -f "%g $wide" 400 >&8
must_say "$DIR/alice.err" 'delivered to bob: 402' # and now the pipe fills
sleep 1
kill -TERM "${pid[bob]}"
ended bob
[ "$status" = 0 ] || [ "$status" = 5 ] || fail "with nobody who reads bob ended with $status"
exec 5>&- 6>&-
kill -TERM "${pid[alice]}"
exec 8>&-
must_end alice 1
says "$DIR/alice.err" 'not delivered to bob: ' || fail 'alice does not tell what was not delivered'

finish
