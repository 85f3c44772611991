/* Tests of TCP Fast Open, and of what else needs a machine of one's own, in namespaces. SPDX-License-Identifier: ISC
 *
 * Each test leaves the machine's network for one of its own, in which it may set what the kernel does. That takes root,
 * or user namespaces. */
#include "check_ev.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator/capture.h"
#include "ev/internal.h"
#include "netns/loopback.h"

enum { REQUEST_SIZE = 128, QUEUE_LEN = 16 };

static struct side side_a, side_r;
static struct side *const all[] = {&side_a, &side_r};
static struct relay relay;
static struct peer a, b;
static struct capture capture;

static void open_relay(const struct toxtcp_server_config *config)
{
    relay_open(&relay, &side_r, config, 0, false);
    ck_assert_int_eq(toxtcp_ev_listener_set_fast_open(relay.listener, QUEUE_LEN), TOXTCP_OK);
}

static void set_up(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    loopback_open("3");
    side_open(&side_a);
    side_open(&side_r);
    capture_open(&capture);
}

static void tear_down(void)
{
    peer_close(&a);
    peer_close(&b);
    if (relay.server) {
        relay_close(&relay);
    }
    side_close(&side_a);
    side_close(&side_r);
    capture_close(&capture);
}

static struct toxtcp_ev_info info_of(const struct side *side)
{
    struct toxtcp_ev_info info;

    toxtcp_ev_get_info(side->ev, &info);
    return info;
}

/* --- Peers --- */

static void connect_peer(struct peer *peer)
{
    peer_open(peer, &side_a, &relay);
    run_until(all, 2, peer_is_connected, peer);
}

/* A first stream, which leaves a cookie behind, and is over. */
static void get_cookie(void)
{
    connect_peer(&a);
    peer_close(&a);
    memset(&a, 0, sizeof a);
    capture_clear(&capture);
}

static size_t syn_len(void)
{
    const struct captured *syn = capture_find(&capture, 0, relay.address.port, segment_is_first);

    ck_assert_ptr_nonnull(syn);
    return syn->segment.payload_len;
}

static bool is_confirmed(void *user)
{
    struct toxtcp_server_info info;

    (void)user;
    toxtcp_server_get_info(relay.server, &info);
    return info.client_count == 1 && info.unconfirmed_count == 0;
}

/* --- The client's side --- */

START_TEST(handshake_rides_in_the_syn)
{
    open_relay(NULL);
    connect_peer(&a);
    ck_assert_uint_eq(syn_len(), 0);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 0);
    capture_clear(&capture);
    connect_peer(&b);
    ck_assert_uint_eq(syn_len(), REQUEST_SIZE);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 1);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, 1);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 0);
    ck_assert_uint_eq(info_of(&side_r).fast_opens_accepted, 1);
}
END_TEST

START_TEST(ipv6_too)
{
    relay_open(&relay, &side_r, NULL, 0, true);
    ck_assert_int_eq(toxtcp_ev_listener_set_fast_open(relay.listener, QUEUE_LEN), TOXTCP_OK);
    get_cookie();
    connect_peer(&a);
    ck_assert_uint_eq(syn_len(), REQUEST_SIZE);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, 1);
    ck_assert_uint_eq(info_of(&side_r).fast_opens_accepted, 1);
}
END_TEST

/* Switched off, at the one end or the other, or in the kernel. */
START_TEST(switched_off)
{
    open_relay(NULL);
    if (_i == 0) {
        get_cookie();
        toxtcp_ev_set_fast_open(side_a.ev, false);
    } else if (_i == 1) {
        ck_assert_int_eq(toxtcp_ev_listener_set_fast_open(relay.listener, 0), TOXTCP_OK);
        get_cookie();
    } else if (_i == 2) {
        loopback_set_fast_open("1"); /* client alone */
        get_cookie();
    } else {
        loopback_set_fast_open("2"); /* server alone */
        get_cookie();
    }
    connect_peer(&a);
    ck_assert_uint_eq(syn_len(), 0);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 0);
    ck_assert_uint_eq(info_of(&side_r).fast_opens_accepted, 0);
}
END_TEST

/* Where the kernel takes no data in SYNs when the relay begins to listen, no stream is asked whether it brought some.
 */
START_TEST(nobody_is_asked_in_vain)
{
    loopback_set_fast_open("1");
    open_relay(NULL);
    loopback_set_fast_open("3");
    get_cookie();
    connect_peer(&a);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, 1);
    ck_assert_uint_eq(info_of(&side_r).fast_opens_accepted, 0);
}
END_TEST

/* The relay's socket that listens: the driver does not show it, the process does. */
static int find_listening(void)
{
    for (int fd = 0; fd < 256; fd++) {
        int listens = 0;
        socklen_t len = sizeof listens;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens) {
            return fd;
        }
    }
    ck_abort_msg("nothing listens");
    return -1;
}

/* The cookie is not valid any more, so that the relay's kernel throws the data in the SYN away: ours sends it again by
 * itself, once, and the relay reads each byte once. */
START_TEST(data_that_was_not_taken_comes_again)
{
    const uint8_t key[16] = {1};

    open_relay(NULL);
    get_cookie();
    ck_assert_int_eq(setsockopt(find_listening(), IPPROTO_TCP, TCP_FASTOPEN_KEY, key, sizeof key), 0);
    const uint64_t read_before = info_of(&side_r).bytes_read;
    const uint64_t written_before = info_of(&side_a).bytes_written;
    connect_peer(&a);
    run_until(all, 2, is_confirmed, NULL);
    ck_assert_uint_eq(syn_len(), REQUEST_SIZE);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 1);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, 0);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 0);
    ck_assert_uint_eq(info_of(&side_r).fast_opens_accepted, 0);
    ck_assert_uint_eq(info_of(&side_r).bytes_read - read_before, info_of(&side_a).bytes_written - written_before);
}
END_TEST

/* The relay is gone: a refusal, and a second SYN that makes sure that it was not for the data. */
START_TEST(refusal_is_refusal)
{
    open_relay(NULL);
    get_cookie();
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    relay_close(&relay);
    ck_assert_int_eq(peer_dial(&a, &side_a, &relay.keys.public_key, NULL, &endpoint), TOXTCP_OK);
    run_side_until(&side_a, peer_is_closed, &a);
    ck_assert_int_eq(a.error, TOXTCP_ERR_REFUSED);
    ck_assert_uint_eq(a.closings, 1);
    ck_assert_uint_eq(capture_count(&capture, 0, endpoint.address.port, TALLY_SYN_DATA), 1);
    ck_assert_uint_eq(capture_count(&capture, 0, endpoint.address.port, TALLY_SYN), 1);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 0);
}
END_TEST

START_TEST(freed_while_it_is_on_the_way)
{
    open_relay(NULL);
    get_cookie();
    peer_open(&a, &side_a, &relay);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 1);
    peer_close(&a);
    ck_assert_uint_eq(info_of(&side_a).stream_count, 0);
    turn(&side_a);
    turn(&side_r);
    ck_assert_uint_eq(a.closings, 0);
}
END_TEST

/* --- A way that swallows a SYN with data --- */

/* What listens drops SYNs by their length: those with data, as they are longer than their header, or those whose header
 * is longer than that of a SYN without Fast Open, or all. */
enum { SYN_WITH_DATA, SYN_WITH_OPTION, SYN_OF_ANY_KIND, PLAIN_SYN_HEADER = 40 };

static void drop_syn(int kind)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),        /* flags */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 8), /* SYN */
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12),        /* the header's length, in words, times 16 */
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 2),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_JUMP(BPF_JMP | BPF_JA | BPF_K, 0, 0, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    };
    const struct sock_fprog program = {sizeof code / sizeof *code, code};

    if (kind == SYN_WITH_OPTION) {
        code[7] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, PLAIN_SYN_HEADER, 0, 1);
    } else if (kind == SYN_OF_ANY_KIND) {
        code[7] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 1);
    }
    ck_assert_int_eq(setsockopt(find_listening(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

/* It costs a quarter of a second, not one or more; and the next one does not pay it. */
START_TEST(swallowed_syn_costs_little_and_once)
{
    open_relay(NULL);
    get_cookie();
    drop_syn(SYN_WITH_DATA);
    const uint64_t read_before = info_of(&side_r).bytes_read;
    uint64_t begin_ms = toxtcp_ev_now(side_a.ev);
    connect_peer(&a);
    uint64_t took_ms = toxtcp_ev_now(side_a.ev) - begin_ms;
    ck_assert_uint_ge(took_ms, 250);
    ck_assert_uint_lt(took_ms, 900);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 1);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, 0);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 1);
    ck_assert_uint_eq(info_of(&side_a).stream_count, 1);
    run_until(all, 2, is_confirmed, NULL);
    ck_assert_uint_lt(info_of(&side_r).bytes_read - read_before, 2 * REQUEST_SIZE);
    capture_clear(&capture);
    begin_ms = toxtcp_ev_now(side_a.ev);
    connect_peer(&b);
    took_ms = toxtcp_ev_now(side_a.ev) - begin_ms;
    ck_assert_uint_lt(took_ms, 250);
    ck_assert_uint_eq(syn_len(), 0);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 1);
}
END_TEST

/* Nor does a SYN that only asks for a cookie. */
START_TEST(swallowed_question_costs_little_and_once)
{
    open_relay(NULL);
    drop_syn(SYN_WITH_OPTION);
    for (int i = 0; i < 2; i++) {
        const uint64_t begin_ms = toxtcp_ev_now(side_a.ev);
        connect_peer(&a);
        const uint64_t took_ms = toxtcp_ev_now(side_a.ev) - begin_ms;
        ck_assert_uint_lt(took_ms, i == 0 ? 900 : 250);
        ck_assert(i > 0 || took_ms >= 250);
        ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 0);
        ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 1);
        peer_close(&a);
        memset(&a, 0, sizeof a);
    }
}
END_TEST

/* --- Two answers in one turn --- */

static int count_in_state(int state)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        struct tcp_info info;
        socklen_t len = sizeof info;
        count += getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == state;
    }
    return count;
}

static bool two_are_dialling(void *user)
{
    (void)user;
    return count_in_state(TCP_SYN_SENT) == 2;
}

/* The way was only slow: the attempt with data wins, and nothing is held against the way. */
START_TEST(both_are_answered_in_one_turn)
{
    const int off = 0;

    open_relay(NULL);
    get_cookie();
    drop_syn(SYN_OF_ANY_KIND);
    peer_open(&a, &side_a, &relay);
    run_side_until(&side_a, two_are_dialling, NULL);
    ck_assert_int_eq(setsockopt(find_listening(), SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof off), 0);
    while (count_in_state(TCP_SYN_SENT) > 0) {
        turn(&side_r);
    }
    run_until(all, 2, peer_is_connected, &a);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_tried, 1);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 0);
    ck_assert_uint_eq(side_a.ev->fast_open.trouble_count, 0);
}
END_TEST

/* --- A way that takes data in a SYN, and nothing after it --- */

enum { PATIENCE_MS = 400 };

static bool resets;

/* What comes to a socket of our own that listens: data in the SYN, and the stream is dead (or reset) at once. */
static int dial_hole(int listen_fd, const struct toxtcp_endpoint *endpoint, bool *had_data)
{
    const struct toxtcp_client_config config = quick_config(PATIENCE_MS);
    struct toxtcp_key_pair keys;
    int fd = -1;

    memset(&a, 0, sizeof a);
    toxtcp_key_pair_generate(side_a.env, &keys);
    ck_assert_int_eq(peer_dial(&a, &side_a, &keys.public_key, &config, endpoint), TOXTCP_OK);
    while (a.closings == 0) {
        turn(&side_a);
        if (fd < 0 && (fd = accept(listen_fd, NULL, NULL)) >= 0) {
            *had_data = fast_open_was_used(fd);
            if (*had_data && resets) {
                raw_reset(fd);
            }
        }
    }
    if (fd >= 0 && !(*had_data && resets)) {
        ck_assert_int_eq(close(fd), 0);
    }
    peer_close(&a);
    return a.error;
}

/* The next stream goes without; and that it died says nothing of the relay's key. */
START_TEST(stream_that_dies_of_its_data)
{
    const int queue_len = QUEUE_LEN;
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4};
    bool had_data = false;

    resets = _i > 0;
    const int listen_fd = raw_listen(8, &address);
    const struct toxtcp_endpoint endpoint = endpoint_of(&address);
    ck_assert_int_eq(setsockopt(listen_fd, IPPROTO_TCP, TCP_FASTOPEN, &queue_len, sizeof queue_len), 0);
    ck_assert_int_eq(fcntl(listen_fd, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(dial_hole(listen_fd, &endpoint, &had_data), TOXTCP_ERR_TIMED_OUT);
    ck_assert(!had_data); /* it has the cookie now */
    ck_assert_int_eq(dial_hole(listen_fd, &endpoint, &had_data), resets ? TOXTCP_ERR_NETWORK : TOXTCP_ERR_TIMED_OUT);
    ck_assert(had_data);
    ck_assert_int_eq(dial_hole(listen_fd, &endpoint, &had_data), TOXTCP_ERR_TIMED_OUT);
    ck_assert(!had_data);
    ck_assert_int_eq(close(listen_fd), 0);
}
END_TEST

/* A relay with another key takes the handshake and closes in order: that is its doing, with data in the SYN as without,
 * and no reason to leave them out. */
START_TEST(wrong_key_is_told_as_such)
{
    struct toxtcp_key_pair others;

    open_relay(NULL);
    get_cookie();
    const struct toxtcp_endpoint endpoint = endpoint_of(&relay.address);
    toxtcp_key_pair_generate(side_a.env, &others);
    for (uint64_t i = 1; i <= 2; i++) {
        memset(&a, 0, sizeof a);
        ck_assert_int_eq(peer_dial(&a, &side_a, &others.public_key, NULL, &endpoint), TOXTCP_OK);
        run_until(all, 2, peer_is_closed, &a);
        ck_assert_int_eq(a.error, TOXTCP_ERR_WRONG_KEY);
        ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, i);
        peer_close(&a);
    }
}
END_TEST

static bool is_past(void *moment_ms)
{
    return toxtcp_ev_now(side_a.ev) >= *(const uint64_t *)moment_ms;
}

static void on_tick(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop;
    (void)timer;
    (void)events;
}

/* All is swallowed, until between the second SYN with data (after 1 s) and the second one without (after 1.25 s): that
 * the latter is answered first says nothing of the way. */
START_TEST(outage_says_nothing)
{
    const int off = 0;
    struct ev_timer tick;

    open_relay(NULL);
    get_cookie();
    drop_syn(SYN_OF_ANY_KIND);
    uint64_t over_ms = toxtcp_ev_now(side_a.ev) + 1130;
    ev_timer_init(&tick, on_tick, 0., 0.005);
    ev_timer_start(side_a.loop, &tick);
    peer_open(&a, &side_a, &relay);
    run_side_until(&side_a, is_past, &over_ms);
    ck_assert_int_eq(setsockopt(find_listening(), SOL_SOCKET, SO_DETACH_FILTER, &off, sizeof off), 0);
    run_until(all, 2, peer_is_connected, &a);
    ev_timer_stop(side_a.loop, &tick);
    ck_assert_uint_eq(info_of(&side_a).fast_opens_failed, 0);
    ck_assert_uint_eq(side_a.ev->fast_open.trouble_count, 0);
}
END_TEST

/* Only an answer says that the way is in order again. */
START_TEST(answer_ends_the_pause)
{
    struct toxtcp_address bare;

    open_relay(NULL);
    get_cookie();
    bare = relay.address;
    fast_open_note_trouble(&side_a.ev->fast_open, &bare, 0);
    side_a.ev->fast_open.troubles[0].at_ms = toxtcp_ev_now(side_a.ev) - 3600000;
    peer_open(&a, &side_a, &relay);
    while (!toxtcp_link_driver_data(toxtcp_client_link(a.client)) ||
           toxtcp_ev_socket(toxtcp_client_link(a.client)) < 0) {
        turn(&side_a);
    }
    ck_assert_uint_eq(info_of(&side_a).fast_opens_taken, 1);
    ck_assert_uint_eq(side_a.ev->fast_open.trouble_count, 1);
    run_until(all, 2, peer_is_connected, &a);
    ck_assert_uint_eq(side_a.ev->fast_open.trouble_count, 0);
}
END_TEST

/* --- A replayed SYN --- */

/* Opens a stream with these bytes in its SYN, as one can who has seen them. */
static int replay(const uint8_t *bytes, size_t len)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(relay.address.port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(&in.sin_addr, relay.address.ip, sizeof in.sin_addr);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(sendto(fd, bytes, len, MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *)&in, sizeof in),
                     (ssize_t)len);
    return fd;
}

enum { REPLAYS = 40, UNCONFIRMED_MAX = 8 };

static bool all_are_accepted(void *user)
{
    (void)user;
    return info_of(&side_r).fast_opens_accepted == 1 + REPLAYS;
}

/* Who sends the SYN of an honest client again, with its handshake, gets a response that it cannot read; it stays
 * unconfirmed, the limits for those hold, and the honest one notices nothing. */
START_TEST(replayed_syns_harm_nobody)
{
    struct toxtcp_server_config config;
    struct toxtcp_server_info info;
    int fds[REPLAYS];

    toxtcp_server_config_default(&config);
    config.unconfirmed_max = UNCONFIRMED_MAX;
    open_relay(&config);
    get_cookie();
    connect_peer(&a);
    run_until(all, 2, is_confirmed, NULL);
    const struct captured *syn = capture_find(&capture, 0, relay.address.port, segment_is_first);
    ck_assert_uint_eq(syn->segment.payload_len, REQUEST_SIZE);
    for (int i = 0; i < REPLAYS; i++) {
        fds[i] = replay(syn->data, REQUEST_SIZE);
        turn(&side_r);
        turn(&side_a);
    }
    run_until(all, 2, all_are_accepted, NULL);
    for (int i = 0; i < 20; i++) {
        turn(&side_r);
        turn(&side_a);
    }
    toxtcp_server_get_info(relay.server, &info);
    ck_assert_uint_eq(info.client_count, 1U + UNCONFIRMED_MAX);
    ck_assert_uint_eq(info.unconfirmed_count, UNCONFIRMED_MAX);
    ck_assert_uint_eq(info.evicted, REPLAYS - UNCONFIRMED_MAX);
    ck_assert_uint_eq(info.confirmed, 2); /* the one that got the cookie, and the honest one, once each */
    ck_assert_uint_eq(info.replaced, 0);
    ck_assert(a.connected && a.closings == 0);
    for (int i = 0; i < REPLAYS; i++) {
        ck_assert_int_eq(close(fds[i]), 0);
    }
    run_until(all, 2, is_confirmed, NULL);
    ck_assert(a.connected && a.closings == 0);
}
END_TEST

/* --- /etc/hosts --- */

/* Puts a file of the test's own in its place, and returns a descriptor that tells how often that is opened. */
static int replace_hosts(const char *text)
{
    char path[] = "/tmp/toxtcp-hosts-XXXXXX";
    const int file = mkstemp(path);
    const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    ck_assert_int_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(file, 0644), 0);
    ck_assert_int_eq(close(file), 0);
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount(path, "/etc/hosts", NULL, MS_BIND, NULL), 0);
    ck_assert_int_ge(inotify_add_watch(watch, "/etc/hosts", IN_OPEN | IN_CLOSE), 0);
    ck_assert_int_eq(unlink(path), 0);
    return watch;
}

static int count_openings(int watch)
{
    struct inotify_event events[16];
    const ssize_t len = read(watch, events, sizeof events);

    /* Openings alone would be told as one; each has its end between it and the next. */
    return len < 0 ? 0 : (int)(len / (ssize_t)sizeof *events / 2);
}

/* Once for both families, whether or not the name is there: it may be a long list of what is to be blocked. */
START_TEST(hosts_are_read_once)
{
    const int watch = replace_hosts("::1 relay.test\n127.0.0.1 relay.test\n");
    const struct toxtcp_public_key *key = &relay.keys.public_key;

    open_relay(NULL);
    const struct toxtcp_endpoint known = endpoint_of_host("relay.test", relay.address.port);
    const struct toxtcp_endpoint unknown = endpoint_of_host("other.test", relay.address.port);
    side_a.ev->name_servers = "127.0.0.1:1";
    ck_assert_int_eq(peer_dial(&b, &side_a, key, NULL, &unknown), TOXTCP_OK);
    ck_assert_int_eq(count_openings(watch), 1);
    /* The relay is at the second address. */
    ck_assert_int_eq(peer_dial(&a, &side_a, key, NULL, &known), TOXTCP_OK);
    run_until(all, 2, peer_is_connected, &a);
    ck_assert_int_eq(count_openings(watch), 1);
    ck_assert_int_eq(close(watch), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fast_open");
    TCase *tcase = tcase_create("fast_open");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, handshake_rides_in_the_syn);
    tcase_add_test(tcase, ipv6_too);
    tcase_add_loop_test(tcase, switched_off, 0, 4);
    tcase_add_test(tcase, nobody_is_asked_in_vain);
    tcase_add_test(tcase, data_that_was_not_taken_comes_again);
    tcase_add_test(tcase, refusal_is_refusal);
    tcase_add_test(tcase, freed_while_it_is_on_the_way);
    tcase_add_test(tcase, swallowed_syn_costs_little_and_once);
    tcase_add_test(tcase, swallowed_question_costs_little_and_once);
    tcase_add_test(tcase, both_are_answered_in_one_turn);
    tcase_add_loop_test(tcase, stream_that_dies_of_its_data, 0, 2);
    tcase_add_test(tcase, wrong_key_is_told_as_such);
    tcase_add_test(tcase, outage_says_nothing);
    tcase_add_test(tcase, answer_ends_the_pause);
    tcase_add_test(tcase, replayed_syns_harm_nobody);
    tcase_add_test(tcase, hosts_are_read_once);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
