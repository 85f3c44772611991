#!/bin/bash
# What the tests of the programs share; they source it. SPDX-License-Identifier: ISC
set -u
export LC_ALL=C

: "${top_builddir:?the build directory}"
CHAT=$top_builddir/toxtcp-chat
RELAY=$top_builddir/toxtcp-relay
DIR=$(mktemp -d) || exit 1
readonly CHAT RELAY DIR
declare -A pid=()     # of everything that runs, by name
peer_options=()       # of every peer that start_peer starts
failures=0

cleanup() {
    local name
    trap - EXIT
    for name in "${!pid[@]}"; do
        kill -KILL "${pid[$name]}"
    done
    wait
    rm -rf "$DIR"
} 2>/dev/null
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap '' PIPE

fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

# The result of a whole script.
finish() {
    [ "$failures" -eq 0 ] || printf '%d failed\n' "$failures"
    exit $((failures > 0))
}

# expect STATUS TEXT COMMAND...: the command ends within 10 s with that status, and what it says contains the text.
expect() {
    local want=$1 text=$2 status
    shift 2
    timeout 10 "$@" >"$DIR/expect.out" 2>&1 </dev/null
    status=$?
    [ "$status" -eq "$want" ] || fail "$* ended with $status, not $want: $(cat "$DIR/expect.out")"
    grep -qF -e "$text" "$DIR/expect.out" || fail "$* did not say \"$text\" but: $(cat "$DIR/expect.out")"
}

# wait_for SECONDS COMMAND...: until the command succeeds; false when it does not in time.
wait_for() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# says FILE TEXT
says() {
    grep -qF -e "$2" "$1" 2>/dev/null
}

# must_say FILE TEXT: soon.
must_say() {
    wait_for 10 says "$1" "$2" || fail "$(basename "$1") does not say \"$2\" but: $(tail -n 5 "$1")"
}

# ended NAME: takes the exit status of what ends within 15 s to `status`.
ended() {
    # shellcheck disable=SC2034 # the tests read it
    if wait_for 15 gone "$1"; then
        wait "${pid[$1]}"
        status=$?
    else
        status=timeout
        kill -KILL "${pid[$1]}"
    fi
    unset "pid[$1]"
}

gone() {
    ! kill -0 "${pid[$1]}" 2>/dev/null
}

# must_end NAME STATUS
must_end() {
    ended "$1"
    [ "$status" = "$2" ] || fail "$1 ended with $status, not $2: $(tail -n 5 "$DIR/$1.err")"
}

# kill_now NAME: without a chance to say good-bye.
kill_now() {
    kill -KILL "${pid[$1]}"
    wait "${pid[$1]}"
    unset "pid[$1]"
} 2>/dev/null

# start_relay NAME ADDRESS: its output is in NAME.out, its keys are in NAME.keys.
start_relay() {
    : >"$DIR/$1.out"
    "$RELAY" --listen "$2" --keys "$DIR/$1.keys" >"$DIR/$1.out" 2>"$DIR/$1.err" 8>&- 9>&- &
    pid[$1]=$!
    must_say "$DIR/$1.out" 'listening on '
}

# relay_of NAME: HOST:PORT:KEY
relay_of() {
    printf '%s:%s' "$(sed -n 's/^listening on //p' "$DIR/$1.out")" "$(sed -n 's/^public key: //p' "$DIR/$1.out")"
}

# key_of NAME: of a peer, made when missing.
key_of() {
    "$CHAT" --keys "$DIR/$1.keys" --show-key
}

# start_peer NAME OPTION...: with peer_options too. It reads the fifo NAME.in, which the caller opens for writing; output
# is in NAME.out and .err.
start_peer() {
    local name=$1
    shift
    rm -f "$DIR/$name.in"
    mkfifo "$DIR/$name.in"
    : >"$DIR/$name.out" # what the run before said is not this one's
    : >"$DIR/$name.err"
    "$CHAT" --keys "$DIR/$name.keys" "${peer_options[@]}" "$@" <"$DIR/$name.in" >"$DIR/$name.out" 2>"$DIR/$name.err" 8>&- 9>&- &
    pid[$name]=$!
}
