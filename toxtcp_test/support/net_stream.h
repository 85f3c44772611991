/* What net.c is made of: streams with two ends each. SPDX-License-Identifier: ISC */
#ifndef TEST_SUPPORT_NET_STREAM_H
#define TEST_SUPPORT_NET_STREAM_H

#include "net.h"
#include "net_env.h"
#include "net_objects.h"

/* A queue of bytes. */
struct bytes {
    uint8_t *memory;
    size_t front;
    size_t len;
    size_t size;
};

/* What is known of one address. */
struct place {
    struct toxtcp_address address;
    struct toxtcp_server *server;
    bool raw_listening;
    bool stalled;
    int dial_error;
    uint64_t dial_count;
};

struct stream;

/* The end of a stream at the test. It outlives the stream. */
struct net_raw {
    struct end *end;  /* NULL when the stream is over */
    struct bytes in;  /* taken out of the stream */
    struct bytes out; /* not yet in it */
    bool paused;
    bool taken; /* the test holds it */
    int error;
};

/* One end of a stream: at a link, at the test, or over (neither). */
struct end {
    struct stream *stream;
    struct toxtcp_link *link;
    struct net_raw *raw;
    struct bytes in;  /* on its way to this end */
    bool output_said; /* the link has bytes to write */
    bool resting;     /* the link wants no input */
    int hears;        /* the error with which the stream ends here, once `in` is read; 0: it goes on */
};

struct stream {
    struct net *net;
    struct place *place;
    struct toxtcp_address source;
    struct toxtcp_server *server; /* at the far end, or NULL */
    struct end near;              /* who dialled */
    struct end far;
    bool open;
    bool broken; /* told at once, through every stall */
};

struct net {
    struct net_env env;
    struct toxtcp_driver driver;
    uint64_t now_ms;
    uint16_t source_port;
    size_t piece;
    size_t window;
    bool stepping;
    struct net_objects objects;
    struct place **places;
    size_t place_count;
    struct stream **streams; /* a stream leaves only between steps */
    size_t stream_count;
};

void net_bytes_add(struct bytes *bytes, const uint8_t *added, size_t len);
void net_bytes_drop(struct bytes *bytes, size_t len);
void net_bytes_free(struct bytes *bytes);

struct end *net_end_other(struct end *end);
bool net_end_is_over(const struct end *end);
/* Nobody is at this end any more. */
void net_end_over(struct end *end, int raw_error);
void net_end_set_hears(struct end *end, int error);
/* How many of `len` bytes the stream takes towards `end` now. */
size_t net_end_room(const struct end *end, size_t len);
void net_end_put(struct end *end, const uint8_t *bytes, size_t len);
void net_end_check(const struct end *end);

/* NULL when nothing is known of it. */
struct place *net_place_find(const struct net *net, const struct toxtcp_address *address);
struct place *net_place_get(struct net *net, const struct toxtcp_address *address);

/* `source` NULL: the next one. */
struct stream *net_stream_add(struct net *net, const struct toxtcp_address *address,
                              const struct toxtcp_address *source);
void net_stream_free(struct stream *stream);
/* One round. Returns whether anything moved. */
bool net_stream_move(struct stream *stream);

#endif
