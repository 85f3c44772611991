/* A client of its own, on libsodium alone, that says what ours never would. SPDX-License-Identifier: ISC */
#include "interop/raw_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <sodium.h>

#define PATIENCE_MS 20000

static void count_up(uint8_t nonce[24])
{
    for (int i = 23; i >= 0 && ++nonce[i] == 0; i--) {
    }
}

static int dial(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int one = 1;
    ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    return fd;
}

/* A relay that has closed the stream shows when we read. */
static void write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return;
        ck_assert_msg(n > 0, "send: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
}

/* Returns 1, or RAW_CLOSED, or RAW_SILENCE when nothing at all came in time. */
static int read_all(int fd, uint8_t *bytes, size_t len, int wait_ms)
{
    for (size_t have = 0; have < len;) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        int ready = poll(&entry, 1, have == 0 ? wait_ms : PATIENCE_MS);
        if (ready == 0) {
            ck_assert_uint_eq(have, 0);
            return RAW_SILENCE;
        }
        ssize_t n = recv(fd, bytes + have, len - have, 0);
        if (n <= 0)
            return RAW_CLOSED;
        have += (size_t)n;
    }
    return 1;
}

/* 128 bytes; `temporary` gets the secret half of what they name. */
static void send_request(struct raw_client *raw, const uint8_t shared[32], uint8_t temporary[32])
{
    uint8_t plain[56], request[128];
    crypto_box_keypair(plain, temporary);
    randombytes_buf(raw->send_nonce, 24);
    memcpy(plain + 32, raw->send_nonce, 24);
    memcpy(request, raw->public_key, 32);
    randombytes_buf(request + 32, 24);
    ck_assert_int_eq(crypto_box_easy_afternm(request + 56, plain, sizeof plain, request + 32, shared), 0);
    write_all(raw->fd, request, sizeof request);
}

void raw_open(struct raw_client *raw, uint16_t port, const struct toxtcp_public_key *relay_key,
              const struct toxtcp_key_pair *keys)
{
    uint8_t shared[32], temporary[32], response[96], plain[56];
    memset(raw, 0, sizeof *raw);
    ck_assert_int_ge(sodium_init(), 0);
    crypto_box_keypair(raw->public_key, raw->secret_key);
    if (keys != NULL) {
        memcpy(raw->public_key, keys->public_key.bytes, 32);
        memcpy(raw->secret_key, keys->secret_key.bytes, 32);
    }
    raw->fd = dial(port);
    ck_assert_int_eq(crypto_box_beforenm(shared, relay_key->bytes, raw->secret_key), 0);
    send_request(raw, shared, temporary);
    ck_assert_int_eq(read_all(raw->fd, response, sizeof response, PATIENCE_MS), 1);
    ck_assert_int_eq(crypto_box_open_easy_afternm(plain, response + 24, 72, response, shared), 0);
    ck_assert_int_eq(crypto_box_beforenm(raw->session_key, plain, temporary), 0);
    memcpy(raw->receive_nonce, plain + 32, 24);
}

void raw_close(struct raw_client *raw)
{
    close(raw->fd);
    raw->fd = -1;
}

void raw_write(struct raw_client *raw, const uint8_t *bytes, size_t len)
{
    write_all(raw->fd, bytes, len);
}

void raw_send(struct raw_client *raw, const uint8_t *plain, size_t len)
{
    uint8_t frame[2050];
    ck_assert_uint_le(len, 2032);
    frame[0] = (uint8_t)((len + 16) >> 8);
    frame[1] = (uint8_t)(len + 16);
    ck_assert_int_eq(crypto_box_easy_afternm(frame + 2, plain, len, raw->send_nonce, raw->session_key), 0);
    count_up(raw->send_nonce);
    write_all(raw->fd, frame, len + 18);
}

int raw_receive(struct raw_client *raw, uint8_t plain[2032], int wait_ms)
{
    uint8_t length[2], sealed[2048];
    int came = read_all(raw->fd, length, 2, wait_ms);
    if (came != 1)
        return came;
    size_t len = (size_t)(length[0] << 8 | length[1]);
    ck_assert_uint_gt(len, 16);
    ck_assert_uint_le(len, sizeof sealed);
    ck_assert_int_eq(read_all(raw->fd, sealed, len, PATIENCE_MS), 1);
    ck_assert_int_eq(crypto_box_open_easy_afternm(plain, sealed, len, raw->receive_nonce, raw->session_key), 0);
    count_up(raw->receive_nonce);
    return (int)len - 16;
}

void raw_ask(struct raw_client *raw, const uint8_t peer[32])
{
    uint8_t request[33] = {0x00};
    memcpy(request + 1, peer, 32);
    raw_send(raw, request, sizeof request);
}

int raw_answer(struct raw_client *raw, const uint8_t peer[32])
{
    uint8_t plain[2032];
    ck_assert_int_eq(raw_receive(raw, plain, PATIENCE_MS), 34);
    ck_assert_uint_eq(plain[0], 0x01);
    ck_assert_mem_eq(plain + 2, peer, 32);
    return plain[1];
}

int raw_route(struct raw_client *raw, const uint8_t peer[32])
{
    raw_ask(raw, peer);
    return raw_answer(raw, peer);
}

void raw_expect(struct raw_client *raw, const uint8_t *plain, size_t len)
{
    uint8_t got[2032];
    ck_assert_int_eq(raw_receive(raw, got, PATIENCE_MS), (int)len);
    ck_assert_mem_eq(got, plain, len);
}

int raw_alive(struct raw_client *raw)
{
    static const uint8_t ping[9] = {0x04, 'a', 'l', 'i', 'v', 'e', '?', '?', '!'};
    uint8_t plain[2032], pong[9];
    raw_send(raw, ping, sizeof ping);
    int len = raw_receive(raw, plain, PATIENCE_MS);
    if (len == RAW_CLOSED)
        return 0;
    memcpy(pong, ping, sizeof pong);
    pong[0] = 0x05;
    ck_assert_int_eq(len, (int)sizeof pong);
    ck_assert_mem_eq(plain, pong, sizeof pong);
    return 1;
}
