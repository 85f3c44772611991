/* The dialogue with a proxy, until it has opened a stream to the relay. SPDX-License-Identifier: ISC
 *
 * Bytes in, words out, nothing else. A proxy is no friend: each byte that it says is judged, and what it may say is
 * bounded. */
#ifndef TOXTCP_PRIVATE_PROXY_H
#define TOXTCP_PRIVATE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/proxy.h>

#include "env.h"

/* The status line and the headers of the responses to CONNECT together, in bytes. */
enum { PROXY_HEADERS_MAX = 8192 };

struct proxy_dialogue;

/* Whether a dialogue is possible with this proxy, and about this endpoint. Errors: TOXTCP_ERR_INVALID for an unknown
 * kind, an endpoint that cannot be dialled, credentials that cannot be sent; for a target without a port, with a scope
 * of ours, or with a name that is none. */
int proxy_judge(const struct toxtcp_proxy *proxy);
int proxy_judge_target(const struct toxtcp_endpoint *target);

/* Makes a dialogue about `target`, both of which are good; it has words at once. `proxy` must outlive it. NULL when
 * there is no memory. */
struct proxy_dialogue *proxy_new(struct toxtcp_env *env, const struct toxtcp_proxy *proxy,
                                 const struct toxtcp_endpoint *target);
/* Wipes and frees it. NULL is ignored. */
void proxy_free(struct proxy_dialogue *dialogue, struct toxtcp_env *env);

/* Lends the words that are to be written. Returns how many bytes. */
size_t proxy_words(const struct proxy_dialogue *dialogue, const uint8_t **bytes);
/* Whether the first of them may leave before the stream is open, where the network may deliver them twice, and others
 * may send them again: not when there is a password among them. */
bool proxy_may_begin_twice(const struct proxy_dialogue *dialogue);
/* The first `len` of them are written. */
void proxy_said(struct proxy_dialogue *dialogue, size_t len);

enum proxy_event {
    PROXY_MORE = 0, /* all is read; there may be new words */
    PROXY_DONE      /* what comes from here on is the relay's; words that wait must still go out first */
};

/* Reads what the proxy says, and how much of it: an enum proxy_event. Not after PROXY_DONE. Errors: TOXTCP_ERR_PROXY_
 * AUTH, _FORBIDDEN, _NO_RELAY, _FAILED, _PROTOCOL: the dialogue is over. */
int proxy_hear(struct proxy_dialogue *dialogue, const uint8_t *bytes, size_t len, size_t *used);

#endif
