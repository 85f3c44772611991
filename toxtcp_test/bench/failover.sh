#!/bin/bash
# A relay that dies silently, once in each way, and nothing is left behind. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/../apps/common.sh"

# Its processes alone: those that run out of this directory, or with files in it.
mkdir "$DIR/none" "$DIR/tmp"
BENCH=$DIR/bench_failover
ln -s "$top_builddir/toxtcp_test/bench/bench_failover" "$BENCH"
export TMPDIR=$DIR/tmp

none_left() {
    ! pgrep -f "$DIR/" >/dev/null && [ -z "$(ls -A "$DIR/tmp")" ]
}

# The directory that a tox-bootstrapd gets.
under_way() {
    # shellcheck disable=SC2317 # wait_for calls it
    [ -n "$(ls -A "$DIR/tmp")" ]
}

# start: runs it in the background until its worlds are under way.
start() {
    "$BENCH" --short >"$DIR/bench.out" 2>"$DIR/bench.err" &
    pid[bench]=$!
    wait_for 10 under_way || fail "it does not start: $(cat "$DIR/bench.err")"
}

expect 2 'usage: bench_failover' "$BENCH" --rounds 0
expect 2 'usage: bench_failover' "$BENCH" --rounds 1x
expect 2 'usage: bench_failover' "$BENCH" extra
expect 1 'install iproute2' env PATH="$DIR/none" "$BENCH" --short
none_left || fail 'something is left behind without ip'

# Stopped in the middle, and killed.
start
kill -TERM "${pid[bench]}"
must_end bench 143
none_left || fail 'something is left behind after a stop'
start
kill_now bench
wait_for 10 none_left || fail 'something is left behind after a kill'

timeout 100 "$BENCH" --short
status=$?
[ "$status" -eq 0 ] || fail "the short run ended with $status"
none_left || fail 'something is left behind'

finish
