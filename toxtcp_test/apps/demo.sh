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
ln -s "$CHAT" "$RELAY" "$DIR/build/"

none_left() {
    ! pgrep -f "$DIR/build/toxtcp-" >/dev/null && [ -z "$(ls -A "$DIR/tmp")" ]
}

TMPDIR=$DIR/tmp timeout 30 "$DEMO" "$DIR/build" >"$DIR/demo.out" 2>&1
status=$?
[ "$status" -eq 0 ] || fail "the demo ended with $status: $(tail -n 12 "$DIR/demo.out")"
says "$DIR/demo.out" 'sent: 60 lines each way' || fail 'not all was sent'
says "$DIR/demo.out" 'lost: 0   shown twice: 0   out of order: 0' || fail "lost: $(grep '^lost' "$DIR/demo.out")"
says "$DIR/demo.out" 'is killed (SIGKILL)' || fail 'no relay was killed'
says "$DIR/demo.out" 'the longest gap between two lines was ' || fail 'no gap'
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
