#!/bin/bash
# toxtcp-chat through real proxies, out of a network from which nothing else can be reached. SPDX-License-Identifier: ISC
#
# Three networks: "inside" with the chat, one with the proxies, "outside" with the relay. The one in the middle forwards
# nothing. The name server that the chat's system names is beyond the proxies, so that a question to it would be seen on
# its way. The relay's name is known to the proxies alone.
set -u
: "${top_builddir:?the build directory}"
if [ "${1:-}" != within ]; then
    if [ "$(id -u)" -eq 0 ]; then
        exec unshare --net --mount "$0" within
    fi
    exec unshare --net --mount --user --map-root-user "$0" within
fi
# shellcheck source=toxtcp_test/apps/common.sh
. "$(dirname "$0")/common.sh"

readonly PROXY4=10.77.0.1 PROXY6=fd77::1 RELAY4=10.77.1.2 RELAY6=fd77:1::2 NAME=relay.example RELAY_PORT=33445 NOBODY_PORT=1
# In namespaces of their own ports meet nobody.
declare -rA port=([socks5-none]=1080 [socks5-password]=1081 [http-none]=8080 [http-password]=8081)
# tinyproxy takes letters and digits alone.
declare -rA password=([socks5]='p@ss:w/rd' [http]=pa55word) encoded=([socks5]='p%40ss:w%2frd' [http]='pa%355word')

for program in microsocks tinyproxy ip nsenter; do
    command -v "$program" >/dev/null || { echo "$program is missing" && exit 1; }
done

# --- The networks ---

# A new network may begin with what this machine's does.
for forwarding in /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding; do
    [ "$(cat $forwarding)" = 0 ] || echo 0 >$forwarding || { echo "cannot write 0 to $forwarding" && exit 1; }
done

# hold NAME: a process that keeps a network, with files of its own in /etc.
hold() {
    # shellcheck disable=SC2016 # that shell expands it
    unshare --net --mount bash -c '
        mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/$2.hosts" /etc/hosts &&
        ip link set lo up && echo held && exec sleep 600' hold "$DIR" "$1" >"$DIR/$1.held" 2>&1 &
    pid[$1]=$!
    must_say "$DIR/$1.held" held
}

# in_network NAME COMMAND...
in_network() {
    local name=$1
    shift
    exec nsenter -t "${pid[$name]}" --net --mount "$@"
}

# join NAME LINK NETWORK4 NETWORK6: a cable between that network (address 2) and this one (address 1).
join() {
    ip link add "$2" type veth peer name cable netns "${pid[$1]}" &&
        ip addr add "$3.1/24" dev "$2" && ip addr add "$4::1/64" dev "$2" nodad && ip link set "$2" up || return
    (in_network "$1" ip -batch - <<END
addr add $3.2/24 dev cable
addr add $4::2/64 dev cable nodad
link set cable up
route add default via $3.1
route add default via $4::1
END
    )
}

printf 'nameserver 10.77.1.53\n' >"$DIR/resolv.conf"
printf 'nameserver 127.0.0.1\n' >"$DIR/proxies.resolv.conf" # where nobody listens
printf '127.0.0.1 localhost\n%s proxy.example\n' $PROXY4 >"$DIR/inside.hosts"
printf '127.0.0.1 localhost\n' >"$DIR/outside.hosts"
printf '%s %s\n%s %s\n' $RELAY4 $NAME $RELAY6 $NAME >"$DIR/proxies.hosts"
mount --bind "$DIR/proxies.hosts" /etc/hosts && mount --bind "$DIR/proxies.resolv.conf" /etc/resolv.conf &&
    ip link set lo up || exit 1
hold inside
hold outside
join inside in 10.77.0 fd77 && join outside out 10.77.1 fd77:1 || exit 1

# --- Who is there ---

# listens PORT: somebody does, in this network.
# shellcheck disable=SC2317 # wait_for calls it
listens() {
    awk -v port="$(printf ':%04X$' "$1")" '$2 ~ port && $4 == "0A" { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6
}

# start_proxy NAME COMMAND...
start_proxy() {
    local name=$1
    shift
    "$@" >"$DIR/$name.out" 2>&1 &
    pid[$name]=$!
    wait_for 10 listens "${port[$name]}" || fail "$name does not listen: $(cat "$DIR/$name.out")"
}

printf 'Port %d\nTimeout 60\n' "${port[http-none]}" >"$DIR/http-none.conf"
printf 'Port %d\nTimeout 60\nBasicAuth alice %s\n' "${port[http-password]}" "${password[http]}" >"$DIR/http-password.conf"
start_proxy socks5-none microsocks -i :: -p "${port[socks5-none]}"
start_proxy socks5-password microsocks -i :: -p "${port[socks5-password]}" -u alice -P "${password[socks5]}"
start_proxy http-none tinyproxy -d -c "$DIR/http-none.conf"
start_proxy http-password tinyproxy -d -c "$DIR/http-password.conf"

: >"$DIR/relay.out"
(in_network outside "$RELAY" --listen $RELAY4:$RELAY_PORT --listen "[$RELAY6]:$RELAY_PORT" --keys "$DIR/relay.keys" \
    >"$DIR/relay.out" 2>"$DIR/relay.err") &
pid[relay]=$!
must_say "$DIR/relay.out" "listening on [$RELAY6]"
KEY=$(sed -n 's/^public key: //p' "$DIR/relay.out")
ALICE=$(key_of alice)
BOB=$(key_of bob)
mkfifo "$DIR/bob.in"
(in_network outside "$CHAT" --keys "$DIR/bob.keys" --no-udp --relay "$RELAY4:$RELAY_PORT:$KEY" --peer "alice=$ALICE" \
    <"$DIR/bob.in" >"$DIR/bob.out" 2>"$DIR/bob.err") &
pid[bob]=$!
exec 9>"$DIR/bob.in"
must_say "$DIR/bob.err" ': connected'

# watch NAME: what comes from inside.
watch() {
    : >"$DIR/$1.out"
    python3 "$(dirname "$0")/proxy_watch.py" in "${port[@]}" "$NOBODY_PORT" >"$DIR/$1.out" 2>&1 9>&- &
    pid[$1]=$!
    must_say "$DIR/$1.out" watching
}

# watched NAME: that ends.
watched() {
    kill -TERM "${pid[$1]}"
    must_end "$1" 0
    must_say "$DIR/$1.out" elsewhere
}

# alice SECONDS LINE OPTION...: says the line to bob out of the inside, and waits so long until it is delivered.
alice() {
    local seconds=$1 line=$2
    shift 2
    printf '%s\n' "$line" >"$DIR/alice.in"
    (in_network inside timeout 60 "$CHAT" --keys "$DIR/alice.keys" --wait "$seconds" --peer "bob=$BOB" "$@" \
        <"$DIR/alice.in" >"$DIR/alice.out" 2>"$DIR/alice.err" 9>&-)
}

# cell LINE OPTION...: it is delivered.
cell() {
    local line=$1
    if alice 20 "$@" && says "$DIR/bob.out" "alice: $line"; then
        printf 'ok %s\n' "$line"
    else
        fail "$line: $(tail -n 3 "$DIR/alice.err")"
    fi
}

# must_fail STATUS LINE TEXT OPTION...: it is not, for that reason.
must_fail() {
    local want=$1 line=$2 text=$3 status
    shift 3
    alice 2 "$line" "$@"
    status=$?
    if [ "$status" -eq "$want" ] && says "$DIR/alice.err" "$text"; then
        printf 'ok %s: %s\n' "$line" "$text"
    else
        fail "$line ended with $status and not with \"$text\": $(tail -n 5 "$DIR/alice.err")"
    fi
}

# --- Kind x authentication x way to the proxy x form of the relay's address ---

declare -rA reached=([IPv4]=$PROXY4 [IPv6]="[$PROXY6]" [name]=proxy.example)
declare -rA told=([IPv4]=$RELAY4 [IPv6]="[$RELAY6]" [name]=$NAME)
watch packets
for kind in socks5 http; do
    for authentication in none password; do
        login=
        [ "$authentication" = none ] || login="alice:${encoded[$kind]}@"
        for way in IPv4 IPv6 name; do
            for form in IPv4 IPv6 name; do
                cell "$kind, $authentication, proxy by $way, relay by $form" \
                    --proxy "$kind://$login${reached[$way]}:${port[$kind-$authentication]}" \
                    --relay "${told[$form]}:$RELAY_PORT:$KEY"
            done
        done
    done
done

# The password out of a file, and out of the environment.
readonly RELAY_OPTION="$NAME:$RELAY_PORT:$KEY"
for kind in socks5 http; do
    printf '%s\n' "${password[$kind]}" >"$DIR/password"
    cell "$kind, password in a file" --proxy "$kind://alice@$PROXY4:${port[$kind-password]}" \
        --proxy-password "$DIR/password" --relay "$RELAY_OPTION"
    TOXTCP_PROXY_PASSWORD=${password[$kind]} cell "$kind, password in the environment" \
        --proxy "$kind://alice@$PROXY4:${port[$kind-password]}" --relay "$RELAY_OPTION"
done

# A user whom nobody asked for.
for kind in socks5 http; do
    cell "$kind, a needless password" --proxy "$kind://alice:x@$PROXY4:${port[$kind-none]}" --relay "$RELAY_OPTION"
done

# What the system knows of the stream is of the one to the proxy.
mkfifo "$DIR/relays.in"
(in_network inside timeout 60 "$CHAT" --keys "$DIR/alice.keys" --peer "bob=$BOB" --relay "$RELAY_OPTION" \
    --proxy "socks5://$PROXY4:${port[socks5-none]}" <"$DIR/relays.in" >"$DIR/relays.out" 2>"$DIR/relays.err" 9>&-) &
pid[relays]=$!
exec 8>"$DIR/relays.in"
must_say "$DIR/relays.err" ': connected'
printf '/relays\n' >&8
must_say "$DIR/relays.err" ', TCP to the proxy '
exec 8>&-
must_end relays 0

# --- What goes wrong says what ---

for kind in socks5 http; do
    must_fail 4 "$kind, wrong password" 'the proxy wants a user name and password, or refuses those' \
        --proxy "$kind://alice:wrong@$PROXY4:${port[$kind-password]}" --relay "$RELAY_OPTION"
    must_fail 4 "$kind, no password" 'the proxy wants a user name and password, or refuses those' \
        --proxy "$kind://$PROXY4:${port[$kind-password]}" --relay "$RELAY_OPTION"
    must_fail 4 "$kind, no proxy there" 'the proxy cannot be reached' \
        --proxy "$kind://$PROXY4:$NOBODY_PORT" --relay "$RELAY_OPTION"
    must_fail 4 "$kind, unknown relay" 'relay no-such-host.invalid:'"$RELAY_PORT: the proxy failed, or does not serve such requests" \
        --proxy "$kind://$PROXY4:${port[$kind-none]}" --relay "no-such-host.invalid:$RELAY_PORT:$KEY"
done
must_fail 4 'socks5, nobody listens' 'the proxy cannot reach the relay' \
    --proxy "socks5://$PROXY4:${port[socks5-none]}" --relay "$RELAY4:1:$KEY"
must_fail 4 'http at a SOCKS5 proxy' "relay $NAME:$RELAY_PORT: the proxy answers with something else" \
    --proxy "http://$PROXY4:${port[socks5-none]}" --relay "$RELAY_OPTION"

# --- Nothing went around the proxies; and the test would have seen it ---

watched packets
grep 'elsewhere$' "$DIR/packets.out"
grep -q '^[1-9][0-9]* to the proxies, 0 elsewhere$' "$DIR/packets.out" || fail "something went around: $(cat "$DIR/packets.out")"

watch control
must_fail 4 'no proxy, relay by name' "relay $NAME:$RELAY_PORT: " --no-udp --relay "$RELAY_OPTION"
must_fail 4 'no proxy, relay by address' "relay $RELAY4:$RELAY_PORT: " --no-udp --relay "$RELAY4:$RELAY_PORT:$KEY"
watched control
says "$DIR/control.out" 'UDP to 10.77.1.53 port 53' || fail "a question to the name server is not seen: $(cat "$DIR/control.out")"
says "$DIR/control.out" "TCP to $RELAY4 port $RELAY_PORT" || fail "a stream to the relay is not seen: $(cat "$DIR/control.out")"

exec 9>&-
must_end bob 0
finish
