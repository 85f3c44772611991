/* Dialogues with proxies as the tests play them. SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_PROXY_H
#define TEST_CHECK_PROXY_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/error.h>

#include "proxy.h"
#include "support/net_env.h"

enum { TEXT_MAX = 2048, BYTES = 256, STEPS_MAX = 3, SCENES = 6 };

/* Bytes that may hold zeros. */
struct text {
    size_t len;
    uint8_t bytes[TEXT_MAX];
};

/* One message each way. */
struct step {
    struct text said;
    struct text heard;
};

struct scene {
    struct toxtcp_proxy proxy;
    struct toxtcp_endpoint target;
    size_t count;
    struct step steps[STEPS_MAX];
};

extern struct net_env env;

void append(struct text *text, const void *bytes, size_t len);
/* A string literal with zeros in it. */
#define APPEND(text, literal) append(&(text), literal, sizeof(literal) - 1)
void append_text(struct text *text, const char *added);
struct toxtcp_endpoint by_name(const char *host, uint16_t port);
struct toxtcp_endpoint by_address(const char *text);
struct toxtcp_proxy proxy_of(enum toxtcp_proxy_kind kind, const char *user, const char *password);

/* SOCKS5 by name and by IPv6 address, HTTP without a password. */
struct scene socks5_name(void);
struct scene socks5_ip6(void);
struct scene http_plain(void);
/* These and others. */
extern struct scene (*const scenes[SCENES])(void);

struct proxy_dialogue *begin(const struct scene *scene);
/* Of exactly that length, so that a memory checker sees every byte read beside it. */
int hear(struct proxy_dialogue *dialogue, const uint8_t *bytes, size_t len, size_t *used);
/* The dialogue up to the answer to the step's words. */
struct proxy_dialogue *play_up_to(const struct scene *scene, size_t step);
/* One answer in pieces that end at `cuts`; what follows the last one stays. */
void hear_in_pieces(const struct scene *scene, size_t step, const size_t *cuts, size_t cut_count);

/* The tests of what is longer or odder than usual, added to the others. */
void add_bounds_tests(TCase *tests);

#endif
