/* What the kernel does to find out that a stream is dead, and what it says of one that lives. SPDX-License-Identifier:
 * ISC */
#include <netinet/in.h>
#include <sys/socket.h>

/* The C library's header does not know all of what newer kernels tell. */
#ifdef __linux__
#include <linux/tcp.h>
#else
#include <netinet/tcp.h>
#endif

#include "internal.h"

enum {
    /* Relay and client ping each other every 30 s, or 33: no probe leaves while one of both does. A process that hangs,
     * or polls rarely, does not. */
    KEEPALIVE_IDLE_DEFAULT_S = 60,
    KEEPALIVE_INTERVAL_DEFAULT_S = 10,
    KEEPALIVE_COUNT_DEFAULT = 3,
    /* Three times what the core gives a pong, so that the core decides wherever it runs. With a round trip of 2 s,
     * three retransmissions fit in (after 3, 9 and 21 s). */
    USER_TIMEOUT_DEFAULT_MS = 30000,
    UNSENT_DEFAULT = 16384
};

void toxtcp_ev_options_default(struct toxtcp_ev_options *options)
{
    *options = (struct toxtcp_ev_options){
        .keepalive_idle_s = KEEPALIVE_IDLE_DEFAULT_S,
        .keepalive_interval_s = KEEPALIVE_INTERVAL_DEFAULT_S,
        .keepalive_count = KEEPALIVE_COUNT_DEFAULT,
        .user_timeout_ms = USER_TIMEOUT_DEFAULT_MS,
        .unsent_max = UNSENT_DEFAULT,
    };
}

/* None of these is necessary: where the system refuses one, its default stays. */
static void set(int fd, int level, int option, uint32_t value)
{
    const int number = value > INT32_MAX ? INT32_MAX : (int)value;

    (void)setsockopt(fd, level, option, &number, sizeof number);
}

static void set_keepalive(int fd, const struct toxtcp_ev_options *options)
{
    set(fd, SOL_SOCKET, SO_KEEPALIVE, options->keepalive_idle_s > 0);
    if (options->keepalive_idle_s == 0) {
        return;
    }
#if defined TCP_KEEPIDLE
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepalive_idle_s);
#elif defined TCP_KEEPALIVE
    set(fd, IPPROTO_TCP, TCP_KEEPALIVE, options->keepalive_idle_s);
#endif
#ifdef TCP_KEEPINTVL
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepalive_interval_s);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, options->keepalive_count);
#endif
}

static void set_user_timeout(int fd, uint32_t timeout_ms)
{
#if defined TCP_USER_TIMEOUT
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms);
#elif defined TCP_RXT_CONNDROPTIME /* macOS; in seconds */
    set(fd, IPPROTO_TCP, TCP_RXT_CONNDROPTIME, (timeout_ms + 999) / 1000);
#elif defined TCP_MAXUNACKTIME     /* FreeBSD; in seconds */
    set(fd, IPPROTO_TCP, TCP_MAXUNACKTIME, (timeout_ms + 999) / 1000);
#else
    (void)fd;
    (void)timeout_ms;
#endif
}

/* The kernel takes little more than what it can send now. Otherwise a burst over a slow line disappears in it, a ping
 * waits behind that for seconds, and nothing tells a relay that is busy with it from one that is dead. */
static void keep_queue_short(int fd, uint32_t unsent_max)
{
#ifdef TCP_NOTSENT_LOWAT
    if (unsent_max > 0) {
        set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_max);
    }
#else
    (void)fd;
    (void)unsent_max;
#endif
}

void alive_set_options(int fd, const struct toxtcp_ev_options *options)
{
    set_keepalive(fd, options);
    set_user_timeout(fd, options->user_timeout_ms);
    keep_queue_short(fd, options->unsent_max);
}

#if defined __linux__

bool alive_get_path(int fd, struct toxtcp_path *path)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) {
        return false;
    }
    /* What an older kernel does not tell stays 0. */
    *path = (struct toxtcp_path){
        .rtt_us = info.tcpi_rtt,
        .rtt_var_us = info.tcpi_rttvar,
        .retransmits_in_row = info.tcpi_retransmits,
        .retransmits = info.tcpi_total_retrans,
        .unacknowledged = info.tcpi_unacked,
        .unacknowledged_for_ms = info.tcpi_last_ack_recv,
        .unsent_len = info.tcpi_notsent_bytes,
        .delivery_rate = info.tcpi_delivery_rate,
        .fast_open = (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0,
    };
    return true;
}

#elif defined __APPLE__ && defined TCP_CONNECTION_INFO

bool alive_get_path(int fd, struct toxtcp_path *path)
{
    struct tcp_connection_info info = {0};
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &len)) {
        return false;
    }
    *path = (struct toxtcp_path){
        .rtt_us = info.tcpi_srtt * 1000,
        .rtt_var_us = info.tcpi_rttvar * 1000,
        .retransmits = (uint32_t)info.tcpi_txretransmitpackets,
        .unsent_len = info.tcpi_snd_sbbytes,
        .fast_open = info.tcpi_tfo_syn_data_acked,
    };
    return true;
}

#elif defined __FreeBSD__

bool alive_get_path(int fd, struct toxtcp_path *path)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len)) {
        return false;
    }
    *path = (struct toxtcp_path){
        .rtt_us = info.tcpi_rtt, .rtt_var_us = info.tcpi_rttvar, .retransmits = info.tcpi_snd_rexmitpack};
    return true;
}

#else

bool alive_get_path(int fd, struct toxtcp_path *path)
{
    (void)fd;
    (void)path;
    return false;
}

#endif
