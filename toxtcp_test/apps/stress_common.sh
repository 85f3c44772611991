#!/bin/bash
# What the tests of toxtcp-stress share; they source it. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

STRESS=$top_builddir/toxtcp-stress
# shellcheck disable=SC2034 # the tests read it
NOBODY=8520F0098930A754748B7DDCB43EF75A0DBF3A0D26381AF4EBA4A98EAA9B4E6A # out of RFC 7748
# shellcheck disable=SC2034 # the tests read it
NOBODY_ELSE=DE9EDB7D7B7DC1B4D35B61C2ECE435373F8343C85B78674DADFC7E146F882B4F # the same
stress_options=() # of every run

# start_stress NAME OPTION...: until it ends by itself or by a signal; figures in NAME.json.
start_stress() {
    local name=$1
    shift
    rm -f "$DIR/$name.json"
    : >"$DIR/$name.err"
    env --default-signal=INT timeout 60 "$STRESS" "${stress_options[@]}" --json "$DIR/$name.json" "$@" \
        >"$DIR/$name.out" 2>"$DIR/$name.err" &
    pid[$name]=$!
}

# run_stress NAME OPTION...: to its good end.
run_stress() {
    start_stress "$@"
    wait "${pid[$1]}"
    status=$?
    unset "pid[$1]"
    [ "$status" -eq 0 ] || fail "$* ended with $status: $(cat "$DIR/$1.err")"
    awk 'length > 80' "$DIR/$1.out" | grep -q . && fail "$1: wider than 80 columns: $(cat "$DIR/$1.out")"
}

# holds NAME EXPRESSION...: in Python, about the figures `r`, and `g`, its groups by scenario.
holds() {
    local name=$1
    shift
    python3 -B "$(dirname "$0")/holds.py" "r=$DIR/$name.json" -- "$@" ||
        fail "$name: $(cat "$DIR/$name.out" "$DIR/$name.err")"
}
