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
expect 2 '--interface: there is no interface "not-there"' "$CHAT" --relay "$GOOD" --peer "$KEY" --interface not-there
expect 2 '--source: "127.0.0.1:80" is no address' "$CHAT" --relay "$GOOD" --peer "$KEY" --source 127.0.0.1:80
expect 2 '--source: "localhost" is no address' "$CHAT" --relay "$GOOD" --peer "$KEY" --source localhost
# Of the documentation, so of nobody; and those that are no address of one machine.
for udp in "" --no-udp; do
    # shellcheck disable=SC2086
    expect 2 '--source: 192.0.2.1 is no address of this machine' "$CHAT" --relay "$GOOD" --peer "$KEY" $udp --source 192.0.2.1
    # shellcheck disable=SC2086
    expect 2 '--source: 0.0.0.0 is no address of this machine' "$CHAT" --relay "$GOOD" --peer "$KEY" $udp --source 0.0.0.0
done
if [ -e /proc/net/if_inet6 ]; then
    expect 2 '--source: fe80::1 needs the interface that has it: fe80::1%NAME' "$CHAT" --relay "$GOOD" --peer "$KEY" --source fe80::1
fi
expect 2 '--show-key needs --keys FILE' "$CHAT" --show-key

readonly PROXIED=("$CHAT" --relay "$GOOD" --peer "$KEY" --proxy)
expect 2 '--proxy: the kind of proxy is not known; write socks5://' "${PROXIED[@]}" 127.0.0.1:1080
expect 2 '--proxy: it does not end with a HOST:PORT' "${PROXIED[@]}" http://me:secret@proxy
# What may be a password is not shown.
for text in socks5://alice:secret socks5://alice:secret%40host:1080 socks5://alice:x@secret; do
    expect 2 'it does not end with a HOST:PORT' "${PROXIED[@]}" "$text"
    ! says "$DIR/expect.out" secret || fail "the password shows: $(cat "$DIR/expect.out")"
    expect 2 'did you mean --proxy KIND://' "${PROXIED[@]}" http://proxy:1 "$text"
    ! says "$DIR/expect.out" secret || fail "the password shows: $(cat "$DIR/expect.out")"
done
for text in --prox=socks5://alice:secret@h:1 --proxyy=socks5://alice:secret@h:1 --raw=secret; do
    expect 2 '; see toxtcp-chat --help' "$CHAT" "$text"
    ! says "$DIR/expect.out" secret || fail "the password shows: $(cat "$DIR/expect.out")"
done
expect 2 'did you mean --proxy KIND://' "$CHAT" alice:secret@h:1
! says "$DIR/expect.out" secret || fail "the password shows: $(cat "$DIR/expect.out")"
expect 2 '-x: there is no such option' "$CHAT" --raw -xh
expect 2 '--peer: it needs a value; see toxtcp-chat --help' "$CHAT" --peer
expect 2 '--proxy: there is only one' "${PROXIED[@]}" http://proxy:1 --proxy http://proxy:2
expect 2 '--proxy does not go with --udp-port' "${PROXIED[@]}" http://proxy:1 --udp-port 33445
expect 2 "--proxy-password: $DIR/none: cannot be opened" "${PROXIED[@]}" http://me@proxy:1 --proxy-password "$DIR/none"
printf 'secret\n' >"$DIR/password"
expect 2 '--proxy-password: a password for the proxy needs a user' \
    "${PROXIED[@]}" http://proxy:1 --proxy-password "$DIR/password"
expect 2 '--proxy-password: /dev/null: there is no password in its first line' \
    "${PROXIED[@]}" http://me@proxy:1 --proxy-password /dev/null
expect 2 '--proxy-password is of no use without --proxy' \
    "$CHAT" --relay "$GOOD" --peer "$KEY" --proxy-password "$DIR/password"
expect 2 'is given twice' "${PROXIED[@]}" http://me:secret@proxy:1 --proxy-password "$DIR/password"
expect 2 '--proxy-password: there is only one' \
    "${PROXIED[@]}" http://me@proxy:1 --proxy-password "$DIR/password" --proxy-password "$DIR/password"
expect 2 'relay [fe80::1%1]:33445: a proxy cannot reach it' "${PROXIED[@]}" http://proxy:1 --relay "[fe80::1%lo]:33445:$OURS"
expect 2 'TOXTCP_PROXY_PASSWORD: user and password of an HTTP proxy have no control characters' \
    env TOXTCP_PROXY_PASSWORD=$'a\nb' "${PROXIED[@]}" http://me@proxy:1

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
expect 4 'Check the network, the proxy 127.0.0.1:1 and the relays' \
    bash -c "$UNDELIVERED" sh "$DIR/lines" "$CHAT" --wait 2 --peer "bob=$KEY" --relay "$GOOD" --proxy http://me:secret@127.0.0.1:1
! says "$DIR/expect.out" secret || fail "the password shows: $(cat "$DIR/expect.out")"
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
