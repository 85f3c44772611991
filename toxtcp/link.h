/* The inside of a link: a channel, perhaps a proxy before it; its driver above the socket, its owner above the packets.
 * SPDX-License-Identifier: ISC
 *
 * A client or one connection of a server embeds a struct toxtcp_link. While the owner's functions run out of a
 * toxtcp_link_ call the link is `busy`: link_release() then waits until that call unwinds. */
#ifndef TOXTCP_PRIVATE_LINK_H
#define TOXTCP_PRIVATE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/link.h>

#include "box.h"
#include "channel.h"
#include "env.h"
#include "proxy.h"

/* No bound on a link's output may be larger, in bytes. */
enum { LINK_OUTPUT_LIMIT = 64 << 20 };

/* What the owner of a link does for it. */
struct link_owner {
    /* Makes the first bytes of the stream (client's side only). Before connected(), and not again after success. An
     * error has changed nothing. */
    int (*begin)(struct toxtcp_link *link);
    /* The stream is open (client's side only), and begun; `remote` may be NULL. An error closes the link. */
    int (*connected)(struct toxtcp_link *link, const struct toxtcp_address *remote, uint64_t now_ms);
    /* After that: of what was begun, something had left before, at this time. May be NULL. */
    void (*left_early)(struct toxtcp_link *link, uint64_t left_ms);
    /* The handshake is done; `remote_key` is the client's, on the relay's side. An error closes the link. */
    int (*opened)(struct toxtcp_link *link, const struct toxtcp_public_key *remote_key, uint64_t now_ms);
    /* A packet; `plain` may be changed and sealed again. An error closes the link. */
    int (*packet)(struct toxtcp_link *link, struct box_plain *plain, size_t len, uint64_t now_ms);
    /* The link ended, by an error and not by link_close(). The owner may link_release() here. */
    void (*closed)(struct toxtcp_link *link, int error, uint64_t now_ms);
    /* There is room again after link_send() said TOXTCP_ERR_WOULD_BLOCK. */
    void (*can_send)(struct toxtcp_link *link, uint64_t now_ms);
    /* So many bytes came and were handled, unless they ended the link. May be NULL. */
    void (*received)(struct toxtcp_link *link, size_t len, uint64_t now_ms);
    /* The output lies in a block of another size, 0 for none. May be NULL. */
    void (*output_resized)(struct toxtcp_link *link, size_t old_size, size_t new_size);
    /* Once at the end of every toxtcp_link_ call but those that end the link: time to look at deadlines. May be NULL.
     */
    void (*settled)(struct toxtcp_link *link);
    /* Frees the owner's struct that the link lies in. */
    void (*release)(struct toxtcp_link *link);
    /* The keys for the relay's side of the handshake; NULL in a client's owner. */
    const struct toxtcp_key_pair *(*keys)(struct toxtcp_link *link);
};

enum link_state {
    LINK_DIALLING, /* no stream yet */
    LINK_PROXY,    /* a stream to the proxy, and none to the relay */
    LINK_SHAKING,  /* handshake */
    LINK_OPEN,
    LINK_CLOSED
};

struct toxtcp_link {
    struct toxtcp_env *env;
    const struct toxtcp_driver *driver;
    const struct link_owner *owner;
    void *driver_data;
    struct channel channel;
    struct proxy_dialogue *proxy; /* until the stream is the relay's, and all that it had to say is written; or NULL */
    uint32_t output_max;          /* link_send() refuses from here on */
    uint32_t control_output_max;  /* link_send_control() refuses when so much more waits */
    uint8_t state;                /* enum link_state */
    bool output_said;             /* the driver knows that there is output */
    bool send_refused;            /* owner wants can_send */
    bool released;                /* free when no longer busy */
    bool input_unwanted;          /* the driver knows that it is not to read */
    bool proxied;                 /* the stream is one to a proxy, and was led on by it if the link is past that */
    uint16_t busy;                /* depth of toxtcp_link_ calls */
    uint64_t now_ms;              /* the time that was told last */
    uint64_t received_at_ms;      /* when bytes came last; TOXTCP_NEVER before */
    uint64_t choked_at_ms;        /* when the driver took a part of the output and not all; TOXTCP_NEVER: it took all */
    uint64_t drained_at_ms; /* when bytes left last that had been left over before: the far end takes them; or 0 */
    uint64_t packets_sent;
    uint64_t packets_received;
};

/* For a link in zeroed memory; in state LINK_DIALLING, or LINK_SHAKING for a stream that was accepted. */
void link_init(struct toxtcp_link *link, struct toxtcp_env *env, const struct toxtcp_driver *driver,
               const struct link_owner *owner, enum link_state state);

/* Sets how many bytes may wait: so many for link_send(), so many more for link_send_control(). Each is cut to
 * LINK_OUTPUT_LIMIT. */
void link_set_bounds(struct toxtcp_link *link, uint32_t output_max, uint32_t control_output_max);

/* Seals data, OOB, onion, forwarding. Errors: TOXTCP_ERR_NOT_CONNECTED, _WOULD_BLOCK, _NO_MEMORY. */
int link_send(struct toxtcp_link *link, struct box_plain *plain, size_t len);

/* Seals what must not be dropped. Errors: TOXTCP_ERR_NOT_CONNECTED; TOXTCP_ERR_OVERFLOW and _NO_MEMORY, for
 * which the owner ends the link. */
int link_send_control(struct toxtcp_link *link, struct box_plain *plain, size_t len);

/* The stream will be one to `proxy`, which must outlive it, and is to lead to `target`, both of which are good. Before
 * it is dialled. Errors: TOXTCP_ERR_NO_MEMORY. */
int link_use_proxy(struct toxtcp_link *link, const struct toxtcp_proxy *proxy, const struct toxtcp_endpoint *target);

/* What an error is in this state of the link: one of the proxy's where it is that. */
int link_error(const struct toxtcp_link *link, int error);

/* Bytes that are to be written. */
size_t link_waiting(const struct toxtcp_link *link);

/* can_send() will be called, as if link_send() had been refused. */
void link_want_room(struct toxtcp_link *link);

/* Tells the driver whether to read the stream; each value is said once. */
void link_want_input(struct toxtcp_link *link, bool wanted);

/* Ends the link from this side: the driver's close() runs now if the link was open to it, then keys and buffers are
 * wiped and freed. `closed` is not called. A closed link is ignored. The struct stays the owner's. */
void link_close(struct toxtcp_link *link);

/* Ends the link from this side because of `error`: as link_close(), and then owner->closed(). A closed link is ignored.
 */
void link_fail(struct toxtcp_link *link, int error, uint64_t now_ms);

/* Closes the link if it is open and frees the owner's struct (owner->release) now, or when the outermost toxtcp_link_
 * call on it returns. */
void link_release(struct toxtcp_link *link);

/* What the driver's system knows of the stream; false, and all 0, when that is nothing. */
bool link_path(struct toxtcp_link *link, struct toxtcp_path *path);

/* For an owner whose deadline was made due at once from outside: tells the driver. */
void link_ask_attention(struct toxtcp_link *link);

/* Guards an owner's other entry point that makes callbacks (expire) as the toxtcp_link_ calls are guarded. */
void link_enter(struct toxtcp_link *link);
/* Returns false if the owner's struct was freed. */
bool link_leave(struct toxtcp_link *link);

void link_check(const struct toxtcp_link *link);

#endif
