/* Ends of streams that a test holds itself. SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "net_stream.h"

struct net_raw *net_raw_dial(struct net *net, const struct toxtcp_address *address, const struct toxtcp_address *source)
{
    struct stream *stream = net_stream_add(net, address, source);
    struct net_raw *raw = net_must(calloc(1, sizeof *raw));

    raw->end = &stream->near;
    raw->taken = true;
    stream->near.raw = raw;
    return raw;
}

void net_raw_listen(struct net *net, const struct toxtcp_address *address)
{
    net_place_get(net, address)->raw_listening = true;
}

struct net_raw *net_raw_accept(struct net *net, const struct toxtcp_address *address)
{
    for (size_t i = 0; i < net->stream_count; i++) {
        struct net_raw *raw = net->streams[i]->far.raw;
        if (raw && !raw->taken && toxtcp_address_equal(&net->streams[i]->place->address, address)) {
            raw->taken = true;
            return raw;
        }
    }
    return NULL;
}

void net_raw_write(struct net_raw *raw, const uint8_t *bytes, size_t len)
{
    if (raw->end) {
        net_bytes_add(&raw->out, bytes, len);
    }
}

size_t net_raw_read(struct net_raw *raw, uint8_t *bytes, size_t size)
{
    const size_t len = raw->in.len < size ? raw->in.len : size;

    if (len > 0) {
        memcpy(bytes, raw->in.memory + raw->in.front, len);
        net_bytes_drop(&raw->in, len);
    }
    return len;
}

void net_raw_pause(struct net_raw *raw, bool paused)
{
    raw->paused = paused;
}

int net_raw_error(const struct net_raw *raw)
{
    return raw->error;
}

void net_raw_close(struct net_raw *raw)
{
    if (!raw) {
        return;
    }
    if (raw->end) {
        net_end_set_hears(net_end_other(raw->end), TOXTCP_ERR_CLOSED);
        net_end_over(raw->end, TOXTCP_ERR_SHUT_DOWN);
    }
    net_bytes_free(&raw->in);
    net_bytes_free(&raw->out);
    free(raw);
}
