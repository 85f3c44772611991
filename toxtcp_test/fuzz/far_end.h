/* The far end of one link, played by a fuzzer: a relay's or a client's. SPDX-License-Identifier: ISC
 *
 * It holds that side's keys, so that what the input makes up gets through the seal. It is the link's driver too, with
 * nothing between: bytes move when the input says so. What the link writes must always open here. */
#ifndef TEST_FUZZ_FAR_END_H
#define TEST_FUZZ_FAR_END_H

#include <toxtcp/link.h>

#include "channel.h"
#include "support/net_env.h"

struct far_end {
    struct net_env *env;                /* of its own, in which no allocation fails */
    const struct toxtcp_key_pair *keys; /* a relay's; NULL for a client's end */
    struct toxtcp_public_key client_key;
    struct channel channel;
    struct toxtcp_link *link; /* NULL: none, or it has ended */
    bool dialling;            /* the link was not told yet that it is connected */
    bool output_said;
    bool resting; /* the link wants no input */
    bool watched;
    bool deaf; /* what the link writes is not looked at: nobody here holds the keys for it */
    bool cut;  /* the end of the stream took what the link had not written yet */
    /* Called with each plaintext that the link has sent. */
    void (*heard)(struct far_end *end, const uint8_t *plain, size_t len);
};

/* The driver's functions; the driver data of each link is its struct far_end. */
void far_end_output_ready(void *user, struct toxtcp_link *link);
void far_end_attend(void *user, struct toxtcp_link *link);
void far_end_close(void *user, struct toxtcp_link *link);
void far_end_want_input(void *user, struct toxtcp_link *link, bool wanted);

/* Ends that have no link. `end` is in zeroed memory, but for `heard`. */
void far_end_be_relay(struct far_end *end, struct net_env *env, const struct toxtcp_key_pair *keys);
void far_end_be_client(struct far_end *end, struct net_env *env, const struct toxtcp_key_pair *keys,
                       const struct toxtcp_public_key *relay_key);
void far_end_take(struct far_end *end, struct toxtcp_link *link);
/* The link must have ended. */
void far_end_free(struct far_end *end);

/* Tells a link that is dialled that it is connected. */
void far_end_connect(struct far_end *end, uint64_t now_ms);
/* Reads up to `len` bytes of the link's output. */
void far_end_read(struct far_end *end, size_t len, uint64_t now_ms);
/* Seals 1..WIRE_PLAIN_MAX bytes, or, before the handshake is done, queues them as they are. */
void far_end_say(struct far_end *end, const uint8_t *plain, size_t len);
void far_end_say_bytes(struct far_end *end, const uint8_t *bytes, size_t len);
/* In place of what is queued: this side's half of a handshake, rightly sealed between `ours` and `theirs`, with a
 * temporary key that nobody has the secret for. From then on the end is deaf. */
void far_end_feign(struct far_end *end, const struct toxtcp_key_pair *ours, const struct toxtcp_public_key *theirs,
                   const uint8_t temporary_key[WIRE_KEY_SIZE]);
/* Flips bits of one byte that waits to be delivered. */
void far_end_flip(struct far_end *end, size_t place, uint8_t bits);
/* Hands up to `len` of the queued bytes to the link; of many none while it rests, a few are what had been read before.
 */
void far_end_deliver(struct far_end *end, size_t len, uint64_t now_ms);
/* From now on memory of `env` must not be released with that secret in it. Not while a fuzzer runs: it sees what is
 * compared, and would send us our own secrets. */
void far_end_watch_secret(struct net_env *env, const uint8_t secret[NET_ENV_SECRET_SIZE]);
/* The same for the session's secrets, once the handshake is done. Of as many links as `env` can watch. */
void far_end_watch(struct far_end *end, struct net_env *env);
/* The stream ends. */
void far_end_end(struct far_end *end, int error, uint64_t now_ms);

#endif
