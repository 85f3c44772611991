#!/bin/bash
# The status page in Chromium, with figures that are made up. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

# start_page NAME MOTD...: its address is in NAME.out; it ends when NAME.in does.
start_page() {
    local name=$1
    shift
    mkfifo "$DIR/$name.in"
    "$top_builddir/toxtcp_test/apps/relay_page_server" "$@" <"$DIR/$name.in" >"$DIR/$name.out" 2>"$DIR/$name.err" &
    pid[$name]=$!
}

start_page page
exec 8>"$DIR/page.in"
# shellcheck disable=SC2016
start_page hostile '</span><script>alert(1)</script><img src=//example.org/x onerror=alert(2)>"{{report}} $(x) & é'
exec 9>"$DIR/hostile.in"
must_say "$DIR/page.out" '127.0.0.1:'
must_say "$DIR/hostile.out" '127.0.0.1:'

# What it shows stays, if you say where.
timeout 110 python3 "$(dirname "$0")/relay_page.py" --profile "$DIR/chromium" --shots "${SHOTS-$DIR}" \
    --hostile "http://$(cat "$DIR/hostile.out")/" --server "${pid[page]}" "http://$(cat "$DIR/page.out")/" ||
    fail "the page is not as it should be"

exec 8>&- 9>&-
must_end page 0
must_end hostile 0
finish
