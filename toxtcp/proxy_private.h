/* What the files of the module proxy share. SPDX-License-Identifier: ISC
 *
 * All that may have to be said is written when the dialogue begins; what is heard lets more and more of it out. */
#ifndef TOXTCP_PROXY_PRIVATE_H
#define TOXTCP_PROXY_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy.h"

/* No dialogue says more. */
enum { PROXY_WORDS_MAX = 1280 };

/* The first bytes of a message, which say what it is. */
enum { SOCKS5_HEAD_SIZE = 5 };

struct socks5 {
    uint16_t login_len; /* of the words: user and password, after the greeting */
    uint16_t request_len;
    uint16_t heard; /* bytes of the message that is being read */
    uint8_t stage;  /* enum socks5_stage */
    uint8_t head[SOCKS5_HEAD_SIZE];
};

struct http {
    uint16_t heard;  /* bytes, of all responses */
    uint16_t column; /* of the line that is being read */
    uint16_t status;
    bool headers;  /* the status line is read */
    bool returned; /* the last byte was a CR */
    bool login;    /* user and password are among the words */
};

struct proxy_dialogue {
    enum toxtcp_proxy_kind kind;
    uint16_t said; /* of the words */
    uint16_t let;  /* may be said */
    uint16_t len;
    union {
        struct socks5 socks5;
        struct http http;
    };
    uint8_t words[PROXY_WORDS_MAX];
};

/* Where the relay is, as the proxy is told it: by address where the name is one. */
struct proxy_target {
    const char *host; /* NULL: by address */
    struct toxtcp_address address;
};

/* Adds to the words; there is room. */
void proxy_add(struct proxy_dialogue *dialogue, const void *bytes, size_t len);
void proxy_add_text(struct proxy_dialogue *dialogue, const char *text);
void proxy_add_byte(struct proxy_dialogue *dialogue, uint8_t byte);

/* Write the words. */
void socks5_begin(struct proxy_dialogue *dialogue, const struct toxtcp_proxy *proxy, const struct proxy_target *target);
void http_begin(struct proxy_dialogue *dialogue, const struct toxtcp_proxy *proxy, const struct proxy_target *target);

/* Read one byte: an enum proxy_event, or an error. */
int socks5_hear(struct proxy_dialogue *dialogue, uint8_t byte);
int http_hear(struct proxy_dialogue *dialogue, uint8_t byte);

#endif
