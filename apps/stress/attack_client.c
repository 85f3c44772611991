/* The attackers' client: its stream, its handshake, its packets. SPDX-License-Identifier: ISC */
#include "attack_client.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_HEAD = 2, MAC_SIZE = 16 };

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_options(int fd, bool small)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (small) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, MINI_SMALL_SOCKET_BUFFER);
    }
}

static bool set_source(int fd, const struct sockaddr_storage *source)
{
    /* The port is chosen when the other end is known, so that each source and relay have all ports for themselves. */
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    return bind(fd, (const struct sockaddr *)source, sizeof(struct sockaddr_in)) == 0;
}

bool mini_dial(struct mini *mini, const struct sockaddr_storage *remote, socklen_t remote_len,
               const struct sockaddr_storage *source, bool small)
{
    const int fd = socket(remote->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert(mini->state == MINI_NONE);
    if (fd < 0) {
        return false;
    }
    set_options(fd, small);
    if ((source != NULL && !set_source(fd, source)) ||
        (connect(fd, (const struct sockaddr *)remote, remote_len) != 0 && errno != EINPROGRESS)) {
        (void)close(fd);
        return false;
    }
    mini->fd = fd;
    mini->state = MINI_CONNECTING;
    mini->writable = false;
    mini->routed = false;
    mini->online = false;
    mini->stage = 0;
    return true;
}

void mini_close(struct mini *mini)
{
    if (mini->fd >= 0) {
        (void)close(mini->fd);
    }
    free(mini->tail);
    free(mini->out);
    mini->tail = NULL;
    mini->out = NULL;
    mini->tail_len = 0;
    mini->out_start = 0;
    mini->out_end = 0;
    mini->fd = -1;
    mini->state = MINI_NONE;
    mini->writable = false;
}

void mini_make_request(const struct mini *mini, const struct mini_temporary *temporary, const uint8_t nonce[24],
                       uint8_t request[MINI_REQUEST_SIZE])
{
    uint8_t plain[32 + 24];

    memcpy(plain, temporary->public_key, 32);
    memcpy(plain + 32, mini->send_nonce, 24);
    memcpy(request, mini->public_key, 32);
    memcpy(request + 32, nonce, 24);
    (void)crypto_box_easy_afternm(request + 56, plain, sizeof plain, nonce, mini->shared_key);
}

/* Nonces count up from the last byte. */
static void count_up(uint8_t nonce[24])
{
    for (int i = 23; i >= 0 && ++nonce[i] == 0; i--) {
    }
}

static bool take_response(struct mini *mini, const struct mini_temporary *temporary, const uint8_t *response)
{
    uint8_t plain[32 + 24];

    if (crypto_box_open_easy_afternm(plain, response + 24, MINI_RESPONSE_SIZE - 24, response, mini->shared_key) != 0 ||
        crypto_box_beforenm(mini->session_key, plain, temporary->secret_key) != 0) {
        return false;
    }
    memcpy(mini->receive_nonce, plain + 32, 24);
    mini->state = MINI_OPEN;
    return true;
}

/* Long packets are not worth opening: only the nonce counts. */
static bool take_frame(struct mini *mini, const uint8_t *frame, size_t len, mini_packet packet, void *user)
{
    uint8_t plain[MINI_CONTROL_MAX];
    const size_t box_len = len - FRAME_HEAD;
    bool lives = box_len > MAC_SIZE;

    if (lives && box_len - MAC_SIZE <= sizeof plain) {
        lives = crypto_box_open_easy_afternm(plain, frame + FRAME_HEAD, box_len, mini->receive_nonce,
                                             mini->session_key) == 0 &&
                packet(user, mini, plain, box_len - MAC_SIZE);
    }
    count_up(mini->receive_nonce);
    return lives;
}

/* How long what begins here is; 0: not known yet. */
static size_t unit_len(const struct mini *mini, const uint8_t *bytes, size_t len)
{
    if (mini->state == MINI_SHAKING) {
        return MINI_RESPONSE_SIZE;
    }
    return len < FRAME_HEAD ? 0 : FRAME_HEAD + (size_t)(bytes[0] << 8 | bytes[1]);
}

static bool keep_tail(struct mini *mini, const uint8_t *bytes, size_t len)
{
    free(mini->tail);
    mini->tail = NULL;
    mini->tail_len = (uint32_t)len;
    if (len == 0) {
        return true;
    }
    mini->tail = malloc(len);
    if (mini->tail == NULL) {
        mini->tail_len = 0;
        return false;
    }
    memcpy(mini->tail, bytes, len);
    return true;
}

static bool take_bytes(struct mini *mini, const struct mini_temporary *temporary, const uint8_t *bytes, size_t len,
                       mini_packet packet, void (*opened)(void *user, struct mini *mini), void *user)
{
    size_t unit;

    if (mini->state == MINI_STREAM) {
        return true; /* whatever the relay says, it does not understand it */
    }
    unit = unit_len(mini, bytes, len);
    while (unit > 0 && unit <= len) {
        bool lives;

        if (mini->state == MINI_SHAKING) {
            lives = take_response(mini, temporary, bytes);
            if (lives) {
                opened(user, mini);
            }
        } else {
            lives = take_frame(mini, bytes, unit, packet, user);
        }
        /* What is told may close it. */
        if (!lives || mini->state == MINI_NONE) {
            return false;
        }
        bytes += unit;
        len -= unit;
        unit = unit_len(mini, bytes, len);
    }
    return keep_tail(mini, bytes, len);
}

bool mini_read(struct mini *mini, const struct mini_temporary *temporary, uint8_t input[MINI_INPUT_SIZE],
               mini_packet packet, void (*opened)(void *user, struct mini *mini), void *user)
{
    while (!(mini->mute && mini->state == MINI_OPEN)) {
        const size_t had = mini->tail_len;
        ssize_t came;

        /* A frame of ours ends far below the size of the input. */
        if (had > MINI_FRAME_MAX) {
            return false;
        }
        if (had > 0) {
            memcpy(input, mini->tail, had);
        }
        came = recv(mini->fd, input + had, MINI_INPUT_SIZE - had, 0);
        if (came <= 0) {
            return came < 0 && (errno == EAGAIN || errno == EINTR);
        }
        if (!take_bytes(mini, temporary, input, had + (size_t)came, packet, opened, user)) {
            return false;
        }
    }
    return true;
}

bool mini_has_room(const struct mini *mini, size_t len)
{
    return len <= MINI_OUT_SIZE - (mini->out_end - mini->out_start);
}

/* Room for so many bytes at the end, or NULL. */
static uint8_t *reserve(struct mini *mini, size_t len)
{
    if (!mini_has_room(mini, len)) {
        return NULL;
    }
    if (mini->out == NULL) {
        mini->out = malloc(MINI_OUT_SIZE);
        if (mini->out == NULL) {
            return NULL;
        }
    }
    if (len > MINI_OUT_SIZE - mini->out_end) {
        memmove(mini->out, mini->out + mini->out_start, mini->out_end - mini->out_start);
        mini->out_end -= mini->out_start;
        mini->out_start = 0;
    }
    return mini->out + mini->out_end;
}

bool mini_put(struct mini *mini, const uint8_t *bytes, size_t len)
{
    uint8_t *room = reserve(mini, len);

    if (room == NULL) {
        return false;
    }
    memcpy(room, bytes, len);
    mini->out_end += (uint32_t)len;
    return true;
}

bool mini_send(struct mini *mini, const uint8_t *plain, size_t len)
{
    uint8_t *frame = reserve(mini, FRAME_HEAD + MAC_SIZE + len);

    assert(len <= MINI_PLAIN_MAX);
    if (frame == NULL) {
        return false;
    }
    frame[0] = (uint8_t)((len + MAC_SIZE) >> 8);
    frame[1] = (uint8_t)(len + MAC_SIZE);
    (void)crypto_box_easy_afternm(frame + FRAME_HEAD, plain, len, mini->send_nonce, mini->session_key);
    count_up(mini->send_nonce);
    mini->out_end += (uint32_t)(FRAME_HEAD + MAC_SIZE + len);
    return true;
}

/* An idle client keeps no buffer. */
static void drop_empty_output(struct mini *mini)
{
    if (mini->out_start == mini->out_end) {
        free(mini->out);
        mini->out = NULL;
        mini->out_start = 0;
        mini->out_end = 0;
    }
}

long mini_flush(struct mini *mini)
{
    long written = 0;

    while (mini->writable && mini->out_start < mini->out_end) {
        const ssize_t went = send(mini->fd, mini->out + mini->out_start, mini->out_end - mini->out_start, MSG_NOSIGNAL);

        if (went < 0 && errno != EAGAIN && errno != EINTR) {
            return -1;
        }
        if (went < 0) {
            mini->writable = errno == EINTR;
        } else {
            mini->out_start += (uint32_t)went;
            written += went;
        }
    }
    drop_empty_output(mini);
    return written;
}
