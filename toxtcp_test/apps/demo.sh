#!/bin/bash
# The demo ends well, in time, and leaves nothing behind. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"
: "${top_srcdir:?the source directory}"
DEMO=$top_srcdir/apps/demo/demo

expect 2 'usage: demo BUILD_DIR' "$DEMO"
expect 2 'usage: demo BUILD_DIR' "$DEMO" "$DIR"

# Programs of the demo alone: those that run out of this directory.
mkdir "$DIR/build" "$DIR/tmp"
ln -s "$CHAT" "$RELAY" "$top_builddir/toxtcp-demo-gate" "$DIR/build/"

none_left() {
    ! pgrep -f "$DIR/build/toxtcp-" >/dev/null && [ -z "$(ls -A "$DIR/tmp")" ]
}

TMPDIR=$DIR/tmp timeout 90 "$DEMO" "$DIR/build" >"$DIR/demo.out" 2>&1
status=$?
[ "$status" -eq 0 ] || fail "the demo ended with $status: $(tail -n 12 "$DIR/demo.out")"
grep -qE '^sent: [0-9]{3,} lines each way' "$DIR/demo.out" || fail 'not all was sent'
says "$DIR/demo.out" 'lost: 0   shown twice: 0   out of order: 0' || fail "lost: $(grep '^lost' "$DIR/demo.out")"
says "$DIR/demo.out" 'is killed (SIGKILL)' || fail 'no relay was killed'
[ "$(grep -c 'the longest gap between two lines was ' "$DIR/demo.out")" -eq 3 ] || fail 'not three gaps'

# What its second part tells, in that order: UDP takes over, all relays sleep, UDP is cut, all relays wake.
grep -oE "UDP is allowed|program -- .*: by UDP|all relays sleep|UDP is cut:|program -- .*: by relays" "$DIR/demo.out" |
    sed 's/.*: by/by/' | uniq | tr '\n' '.' >"$DIR/acts"
[ "$(cat "$DIR/acts")" = 'UDP is allowed.by UDP.all relays sleep.UDP is cut:.by relays.' ] ||
    fail "the acts are: $(cat "$DIR/acts")"
[ "$(grep -c "program -- relay .*: sleeping" "$DIR/demo.out")" -eq 6 ] || fail 'not all relays slept'
[ "$(sed '1,/UDP is cut:/d' "$DIR/demo.out" | grep -c "program -- relay .*: connected")" -eq 6 ] ||
    fail 'not all relays woke'
tail -n 1 "$DIR/demo.out" | grep -q '^A live chat: ' || fail 'no word of a live chat'
none_left || fail 'something is left behind'

# Stopped in the middle.
TMPDIR=$DIR/tmp "$DEMO" "$DIR/build" >"$DIR/demo.out" 2>&1 &
pid[demo]=$!
must_say "$DIR/demo.out" 'bob reads'
kill -TERM "${pid[demo]}"
ended demo
[ "$status" = 143 ] || fail "the stopped demo ended with $status"
none_left || fail 'something is left behind after a stop'

finish
