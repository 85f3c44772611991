#!/bin/bash
# The relay's figures as other programs read them: made-up ones, and a relay's. SPDX-License-Identifier: ISC
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

mkfifo "$DIR/page.in"
"$top_builddir/toxtcp_test/apps/relay_page_server" <"$DIR/page.in" >"$DIR/page.out" 2>"$DIR/page.err" &
pid[page]=$!
exec 8>"$DIR/page.in"
must_say "$DIR/page.out" '127.0.0.1:'
timeout 60 python3 "$(dirname "$0")/relay_figures.py" "http://$(cat "$DIR/page.out")/" past ||
    fail "made-up figures are not as they should be"
exec 8>&-
must_end page 0

# metrics_say LINE: of the relay.
metrics_say() {
    python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())' \
        "${url}metrics" | grep -qxF "$1"
}

"$RELAY" --listen 127.0.0.1:0 --keys "$DIR/relay.keys" --http-address 127.0.0.1:0 >"$DIR/relay.out" 2>"$DIR/relay.err" &
pid[relay]=$!
must_say "$DIR/relay.out" 'figures at http://127.0.0.1:'
url=$(sed -n 's/^figures at //p' "$DIR/relay.out")
metrics_say 'toxtcp_relay_clients{state="confirmed"} 0' || fail 'somebody is there'
start_peer alice --no-udp --relay "$(relay_of relay)" --peer "bob=$(key_of bob)"
exec 9>"$DIR/alice.in"
wait_for 15 metrics_say 'toxtcp_relay_clients{state="confirmed"} 1' || fail 'nobody is there'
metrics_say 'toxtcp_relay_handshakes_total{outcome="confirmed"} 1' || fail 'nobody was there'
timeout 60 python3 "$(dirname "$0")/relay_figures.py" "$url" || fail "a relay's figures are not as they should be"
kill -TERM "${pid[relay]}"
must_end relay 0
finish
