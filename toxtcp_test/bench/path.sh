#!/bin/bash
# The shows of path.py, once each, and what the path emulator says to mistakes. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/../apps/common.sh"
export PYTHONDONTWRITEBYTECODE=1

: "${top_srcdir:?the source directory}"
SHOWS=$top_srcdir/toxtcp_test/bench/path.py

# Its processes and files alone: those that run out of this directory, or with files in it.
mkdir "$DIR/none" "$DIR/tmp"
ln -s "$top_builddir" "$DIR/build"
EMULATOR=$DIR/build/toxtcp_test/emulator/path_emulator
export TMPDIR=$DIR/tmp

none_left() {
    ! pgrep -f "$DIR/" >/dev/null && [ -z "$(ls -A "$DIR/tmp")" ]
}

expect 2 'usage: path_emulator' "$EMULATOR"
expect 2 'usage: path_emulator' "$EMULATOR" --seed x a=10.0.0.1
expect 2 'is no NODE' "$EMULATOR" a
expect 1 'no port a with 10.0.0.2' "$EMULATOR" a=10.0.0.1 a=10.0.0.2
expect 1 'no port b with 10.0.0.1' "$EMULATOR" a=10.0.0.1 b=10.0.0.1
expect 1 'install iproute2' env PATH="$DIR/none" "$EMULATOR" a=10.0.0.1
expect 0 'ready' "$EMULATOR" a=10.0.0.1,fd00::1 b/one=10.0.0.2 b/two=10.0.0.3
expect 2 'invalid choice' python3 "$SHOWS" --only nonsense
expect 1 'is not in' python3 "$SHOWS" --build "$DIR/none"

# Stopped in the middle.
python3 "$SHOWS" --build "$DIR/build" --only interface >"$DIR/stopped.out" 2>"$DIR/stopped.err" &
pid[stopped]=$!
under_way() {
    # shellcheck disable=SC2317 # wait_for calls it
    pgrep -f "$DIR/build/toxtcp-relay" >/dev/null
}
wait_for 10 under_way || fail "it does not start: $(cat "$DIR/stopped.err")"
kill -TERM "${pid[stopped]}"
must_end stopped 143
none_left || fail 'something is left behind after a stop'

# They wait most of the time.
for show in start fallback segments interface rough; do
    timeout 100 python3 "$SHOWS" --build "$DIR/build" --short --only "$show" >"$DIR/$show.out" 2>"$DIR/$show.err" &
    pid[$show]=$!
done
for show in start fallback segments interface rough; do
    wait "${pid[$show]}"
    status=$?
    unset "pid[$show]"
    cat "$DIR/$show.out"
    [ "$status" -eq 0 ] || fail "$show ended with $status: $(cat "$DIR/$show.err")"
done
none_left || fail 'something is left behind'

finish
