#!/bin/bash
# toxtcp-relay: its command line, its messages, its exit status. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

expect 0 'usage: toxtcp-relay' "$RELAY" --help
expect 0 'toxtcp-relay 0.' "$RELAY" --version
expect 2 'toxtcp-relay: --nonsense: there is no such option; see toxtcp-relay --help' "$RELAY" --nonsense
expect 2 '"extra" is no option' "$RELAY" extra
expect 2 '"127.0.0.1" is no address with a port' "$RELAY" --listen 127.0.0.1
expect 2 '"localhost:1" is no address with a port' "$RELAY" --listen localhost:1
expect 2 'is no address with a port' "$RELAY" --listen 127.0.0.1:65536
expect 4 'cannot listen on 192.0.2.1:33445: the address is not one of this machine' "$RELAY" --listen 192.0.2.1:33445

# Its lines, in that order, for every address.
"$RELAY" --listen 127.0.0.1:0 --listen '[::1]:0' --keys "$DIR/relay.keys" >"$DIR/relay.out" 2>"$DIR/relay.err" &
pid[relay]=$!
must_say "$DIR/relay.out" 'listening on [::1]:'
sed 's/:[0-9]*$/:PORT/' "$DIR/relay.out" >"$DIR/relay.form"
printf 'public key: %s\nlistening on 127.0.0.1:PORT\nlistening on [::1]:PORT\n' \
    "$(head -c 32 "$DIR/relay.keys" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F)" >"$DIR/relay.want"
cmp -s "$DIR/relay.form" "$DIR/relay.want" || fail "the lines are: $(cat "$DIR/relay.out")"
must_say "$DIR/relay.err" "made a new identity in $DIR/relay.keys"
[ "$(stat -c '%a %s' "$DIR/relay.keys")" = '600 64' ] || fail "keys file: $(stat -c '%a %s' "$DIR/relay.keys")"

# An address in use.
address=$(sed -n 's/^listening on //p' "$DIR/relay.out" | head -n 1)
expect 4 "cannot listen on $address: the address is in use" "$RELAY" --listen "$address"

# Both signals end it well, and the identity stays.
key=$(sed -n 's/^public key: //p' "$DIR/relay.out")
kill -TERM "${pid[relay]}"
must_end relay 0
start_relay relay "$address"
[ "$(sed -n 's/^public key: //p' "$DIR/relay.out")" = "$key" ] || fail "another key after a restart"
# (Root is warned, and told when the kernel keeps data in SYNs away.)
! grep -vE ' warning: running as root, |: tcp_fast_open: the kernel takes no data in a SYN' "$DIR/relay.err" || fail "said at a restart"
# Shells make what runs in the background ignore SIGINT, and so it does.
grep -q '^SigIgn:.*[2367abef]$' "/proc/${pid[relay]}/status" || fail 'an ignored SIGINT is not ignored'
kill -TERM "${pid[relay]}"
must_end relay 0
: >"$DIR/relay.out"
env --default-signal=INT "$RELAY" --listen "$address" --keys "$DIR/relay.keys" >"$DIR/relay.out" 2>"$DIR/relay.err" &
pid[relay]=$!
must_say "$DIR/relay.out" 'listening on '
kill -INT "${pid[relay]}"
must_end relay 0

# Without a keys file it says what that means.
expect 124 'without --keys FILE this relay has another public key at every start' timeout 1 "$RELAY" --listen 127.0.0.1:0

# Keys that will not do.
chmod 644 "$DIR/relay.keys"
expect 3 "keys file $DIR/relay.keys can be read or changed by others" "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys"
chmod 600 "$DIR/relay.keys"
printf x >>"$DIR/relay.keys"
expect 3 'has 65 bytes, not 64' "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys"
head -c 64 /dev/zero >"$DIR/relay.keys"
expect 3 'does not belong to its secret key' "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys"
expect 3 'cannot be opened or made' "$RELAY" --listen 127.0.0.1:0 --keys "$DIR/no/relay.keys"

finish
