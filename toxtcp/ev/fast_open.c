/* Data in the SYN: TCP Fast Open, RFC 7413. SPDX-License-Identifier: ISC
 *
 * What may be lost by it is time: where something on the way swallows a SYN with data. So an address where that was
 * seen is left alone for a while, which doubles each time. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/uio.h>

#include "internal.h"

static const uint64_t HOUR_MS = 3600000;

/* The pause is an hour, doubled no more often than to this. */
enum { PAUSE_HOURS_MAX = 24, TIMES_MAX = 6 };

/* --- Where it failed --- */

static struct toxtcp_address without_port(const struct toxtcp_address *address)
{
    struct toxtcp_address bare = *address;

    bare.port = 0;
    return bare;
}

/* Its place in the table; `trouble_count` when it is not there. */
static size_t find(const struct fast_open *fast_open, const struct toxtcp_address *address)
{
    const struct toxtcp_address bare = without_port(address);
    size_t i = 0;

    while (i < fast_open->trouble_count && !toxtcp_address_equal(&fast_open->troubles[i].address, &bare)) {
        i++;
    }
    return i;
}

static size_t oldest(const struct fast_open *fast_open)
{
    size_t found = 0;

    for (size_t i = 1; i < fast_open->trouble_count; i++) {
        if (fast_open->troubles[i].at_ms < fast_open->troubles[found].at_ms) {
            found = i;
        }
    }
    return found;
}

static uint64_t pause_ms(const struct fast_open_trouble *trouble)
{
    const uint64_t hours = 1U << (trouble->times - 1);

    return (hours < PAUSE_HOURS_MAX ? hours : PAUSE_HOURS_MAX) * HOUR_MS;
}

bool fast_open_may_try(const struct fast_open *fast_open, const struct toxtcp_address *address, uint64_t now_ms)
{
    const size_t i = find(fast_open, address);

    if (fast_open->off || fast_open->unsupported) {
        return false;
    }
    return i == fast_open->trouble_count || now_ms - fast_open->troubles[i].at_ms >= pause_ms(&fast_open->troubles[i]);
}

void fast_open_note_trouble(struct fast_open *fast_open, const struct toxtcp_address *address, uint64_t now_ms)
{
    size_t i = find(fast_open, address);

    if (i == fast_open->trouble_count) {
        if (i < FAST_OPEN_TROUBLES_MAX) {
            fast_open->trouble_count++;
        } else {
            i = oldest(fast_open);
        }
        fast_open->troubles[i] = (struct fast_open_trouble){.address = without_port(address)};
    }
    fast_open->troubles[i].at_ms = now_ms;
    if (fast_open->troubles[i].times < TIMES_MAX) {
        fast_open->troubles[i].times++;
    }
}

void fast_open_note_success(struct fast_open *fast_open, const struct toxtcp_address *address)
{
    const size_t i = find(fast_open, address);

    if (i < fast_open->trouble_count) {
        fast_open->troubles[i] = fast_open->troubles[--fast_open->trouble_count];
    }
}

/* --- Connecting --- */

#if defined(TCP_FASTOPEN_CONNECT)

/* Linux. connect() puts itself off when there is a cookie for the address; the first bytes then leave with the SYN. */
int fast_open_connect(int fd, const struct sockaddr *address, socklen_t len, struct toxtcp_link *link, size_t *sent)
{
    const int on = 1;
    const uint8_t *bytes;

    *sent = 0;
    if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on)) {
        return EOPNOTSUPP;
    }
    if (connect(fd, address, len)) {
        return errno == EINPROGRESS ? 0 : errno;
    }
    const size_t bytes_len = toxtcp_link_early_output(link, &bytes);
    if (bytes_len == 0) {
        /* Only bytes would start what connect() has put off. */
        return EAGAIN;
    }
    const ssize_t written = send(fd, bytes, bytes_len, MSG_NOSIGNAL);
    if (written < 0) {
        return errno == EINPROGRESS ? 0 : errno;
    }
    *sent = (size_t)written;
    return 0;
}

#elif defined(CONNECT_DATA_IDEMPOTENT)

/* macOS. It does not tell whether it has a cookie: the bytes are given to it in any case, and without one they leave
 * when the stream is open. */
int fast_open_connect(int fd, const struct sockaddr *address, socklen_t len, struct toxtcp_link *link, size_t *sent)
{
    const uint8_t *bytes;
    const size_t bytes_len = toxtcp_link_early_output(link, &bytes);
    const struct iovec first = {.iov_base = (void *)bytes, .iov_len = bytes_len};
    const sa_endpoints_t ends = {.sae_dstaddr = address, .sae_dstaddrlen = len};

    *sent = 0;
    if (bytes_len == 0) {
        return EAGAIN;
    }
    if (connectx(fd, &ends, SAE_ASSOCID_ANY, CONNECT_DATA_IDEMPOTENT, &first, 1, sent, NULL)) {
        return errno == EINPROGRESS ? 0 : errno;
    }
    return 0;
}

#elif defined(TCP_FASTOPEN)

/* FreeBSD: the first bytes are given together with the address; without a cookie they leave when the stream is open. */
int fast_open_connect(int fd, const struct sockaddr *address, socklen_t len, struct toxtcp_link *link, size_t *sent)
{
    const int on = 1;
    const uint8_t *bytes;

    *sent = 0;
    if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &on, sizeof on)) {
        return EOPNOTSUPP;
    }
    const size_t bytes_len = toxtcp_link_early_output(link, &bytes);
    if (bytes_len == 0) {
        return EAGAIN;
    }
#ifdef MSG_FASTOPEN
    const int flags = MSG_NOSIGNAL | MSG_FASTOPEN;
#else
    const int flags = MSG_NOSIGNAL;
#endif
    const ssize_t written = sendto(fd, bytes, bytes_len, flags, address, len);
    if (written < 0) {
        return errno == EINPROGRESS ? 0 : errno;
    }
    *sent = (size_t)written;
    return 0;
}

#else

int fast_open_connect(int fd, const struct sockaddr *address, socklen_t len, struct toxtcp_link *link, size_t *sent)
{
    (void)fd;
    (void)address;
    (void)len;
    (void)link;
    *sent = 0;
    return EOPNOTSUPP;
}

#endif

/* --- Listening, and what came of it --- */

bool fast_open_listen(int fd, uint32_t queue_len)
{
#ifdef TCP_FASTOPEN
#ifdef __linux__
    const int value = queue_len > INT32_MAX ? INT32_MAX : (int)queue_len;
#else
    const int value = queue_len > 0;
#endif
    return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &value, sizeof value) == 0;
#else
    (void)fd;
    return queue_len == 0;
#endif
}

bool fast_open_kernel_listens(void)
{
#ifdef __linux__
    enum { FOR_SERVERS = 2 };
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_fastopen", "re");
    unsigned value = FOR_SERVERS;

    if (file) {
        if (fscanf(file, "%u", &value) != 1) {
            value = FOR_SERVERS;
        }
        (void)fclose(file);
    }
    return (value & FOR_SERVERS) != 0;
#else
    return true;
#endif
}

bool fast_open_was_used(int fd)
{
#ifdef TCPI_OPT_SYN_DATA
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t len = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && (info.tcpi_options & TCPI_OPT_SYN_DATA);
#else
    (void)fd;
    return false;
#endif
}
