/* An in-memory network for tests: streams between links, in virtual time, without sockets. SPDX-License-Identifier: ISC
 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "net_stream.h"

enum { FIRST_SOURCE_PORT = 49152, ROUNDS_MAX = 1000000 };

/* --- The driver --- */

static bool is_invalid_name(const char *host)
{
    static const char suffix[] = ".invalid";
    const size_t len = strlen(host);

    return len >= sizeof suffix - 1 && strcmp(host + len - (sizeof suffix - 1), suffix) == 0;
}

static int dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    struct net *net = user;
    const struct toxtcp_address address = endpoint->host ? net_address(endpoint->address.port) : endpoint->address;
    struct stream *stream = net_stream_add(net, &address, NULL);

    stream->near.link = link;
    toxtcp_link_set_driver_data(link, &stream->near);
    if (endpoint->host && is_invalid_name(endpoint->host)) {
        net_end_set_hears(&stream->near, TOXTCP_ERR_HOST_UNKNOWN);
    }
    return TOXTCP_OK;
}

static void output_ready(void *user, struct toxtcp_link *link)
{
    struct end *end = toxtcp_link_driver_data(link);

    (void)user;
    if (end) {
        net_require(end->stream->open, "output before the stream is open");
        end->output_said = true;
    }
}

static void want_input(void *user, struct toxtcp_link *link, bool wanted)
{
    struct end *end = toxtcp_link_driver_data(link);

    (void)user;
    if (end) {
        net_require(end->resting == wanted, "input is wanted or not, and that was known");
        end->resting = !wanted;
    }
}

static void close_link(void *user, struct toxtcp_link *link)
{
    struct end *end = toxtcp_link_driver_data(link);

    (void)user;
    if (!end) {
        return; /* of a server that was taken off the net */
    }
    if (end->stream->open && !end->hears) {
        const uint8_t *bytes = NULL;
        const size_t len = toxtcp_link_output(link, &bytes);
        net_end_put(net_end_other(end), bytes, net_end_room(net_end_other(end), len));
    }
    net_end_set_hears(net_end_other(end), TOXTCP_ERR_CLOSED);
    net_end_over(end, TOXTCP_ERR_SHUT_DOWN);
}

/* --- Time --- */

static void check_all(const struct net *net)
{
    net_objects_check(&net->objects);
    for (size_t i = 0; i < net->stream_count; i++) {
        net_end_check(&net->streams[i]->near);
        net_end_check(&net->streams[i]->far);
    }
}

static bool move_streams(struct net *net)
{
    bool moved = false;

    /* Callbacks add streams; these come next round. */
    const size_t count = net->stream_count;
    for (size_t i = 0; i < count; i++) {
        moved |= net_stream_move(net->streams[i]);
    }
    return moved;
}

static void sweep(struct net *net)
{
    size_t kept = 0;

    for (size_t i = 0; i < net->stream_count; i++) {
        struct stream *stream = net->streams[i];
        if (net_end_is_over(&stream->near) && net_end_is_over(&stream->far)) {
            net_stream_free(stream);
        } else {
            net->streams[kept] = stream;
            kept++;
        }
    }
    net->stream_count = kept;
    net_objects_sweep(&net->objects);
}

void net_step(struct net *net)
{
    uint32_t rounds = 0;

    net_require(!net->stepping, "net_step() inside a callback");
    net->stepping = true;
    sweep(net);
    /* What has come is read before anybody's deadline is looked at. */
    while (move_streams(net) || net_objects_expire(&net->objects, net->now_ms)) {
        check_all(net);
        rounds++;
        net_require(rounds < ROUNDS_MAX, "no end of a step: something turns in circles");
    }
    check_all(net);
    sweep(net);
    net->stepping = false;
}

void net_run(struct net *net, uint64_t ms)
{
    const uint64_t end = net->now_ms + ms;

    net_step(net);
    while (net_objects_deadline(&net->objects) <= end) {
        net->now_ms = net_objects_deadline(&net->objects);
        net_step(net);
    }
    net->now_ms = end;
    net_step(net);
}

void net_jump(struct net *net, uint64_t ms)
{
    net->now_ms += ms;
}

/* --- The net --- */

struct net *net_new(uint64_t seed)
{
    struct net *net = net_must(calloc(1, sizeof *net));

    net_env_init(&net->env, seed);
    net->driver = (struct toxtcp_driver){
        .user = net, .dial = dial, .output_ready = output_ready, .close = close_link, .want_input = want_input};
    /* Not 0, which whoever forgets a moment would find right. */
    net->now_ms = 1000000;
    net->source_port = FIRST_SOURCE_PORT;
    return net;
}

void net_free(struct net *net)
{
    for (size_t i = 0; i < net->stream_count; i++) {
        net_require(!net->streams[i]->near.link && !net->streams[i]->far.link, "a link was not freed before the net");
        net_stream_free(net->streams[i]);
    }
    for (size_t i = 0; i < net->place_count; i++) {
        free(net->places[i]);
    }
    free(net->streams);
    free(net->places);
    net_objects_free(&net->objects);
    net_env_finish(&net->env);
    free(net);
}

struct toxtcp_env *net_env(struct net *net)
{
    return net->env.env;
}

const struct toxtcp_driver *net_driver(struct net *net)
{
    return &net->driver;
}

uint64_t net_now(const struct net *net)
{
    return net->now_ms;
}

uint64_t net_alloc_count(const struct net *net)
{
    return net->env.alloc_count;
}

size_t net_alloc_bytes(const struct net *net)
{
    return net->env.alloc_bytes;
}

void net_fail_alloc(struct net *net, uint64_t n, bool all_after)
{
    net_env_fail(&net->env, n, all_after);
}

void net_watch_secret(struct net *net, const uint8_t secret[32])
{
    net_env_watch(&net->env, secret);
}

uint64_t net_random(struct net *net)
{
    return net_env_random(&net->env);
}

void net_listen(struct net *net, const struct toxtcp_address *address, struct toxtcp_server *server)
{
    net_place_get(net, address)->server = server;
}

void net_add_server(struct net *net, struct toxtcp_server *server)
{
    net_objects_add(&net->objects, NET_SERVER, server, NULL);
}

void net_add_connections(struct net *net, struct toxtcp_connections *connections)
{
    net_objects_add(&net->objects, NET_CONNECTIONS, connections, NULL);
}

/* The process of this server is killed: nothing more comes from it, what it had not read is lost. */
static void reset_streams(struct net *net, const struct toxtcp_server *server)
{
    for (size_t i = 0; i < net->place_count; i++) {
        if (net->places[i]->server == server) {
            net->places[i]->server = NULL;
        }
    }
    for (size_t i = 0; i < net->stream_count; i++) {
        struct stream *stream = net->streams[i];
        if (stream->server == server && !net_end_is_over(&stream->far)) {
            net_end_over(&stream->far, TOXTCP_ERR_RESET);
            net_bytes_free(&stream->near.in);
            net_end_set_hears(&stream->near, TOXTCP_ERR_RESET);
        }
    }
}

void net_remove(struct net *net, void *object)
{
    net_objects_remove(&net->objects, object);
    reset_streams(net, object);
}

int net_connect(struct net *net, struct toxtcp_client *client, const struct toxtcp_address *address)
{
    const struct toxtcp_endpoint endpoint = {.address = *address};

    net_objects_add(&net->objects, NET_CLIENT, client, toxtcp_client_link(client));
    return toxtcp_client_dial(client, &endpoint);
}

/* --- Faults --- */

void net_set_piece(struct net *net, size_t piece)
{
    net->piece = piece;
}

void net_set_window(struct net *net, size_t window)
{
    net->window = window;
}

void net_stall(struct net *net, const struct toxtcp_address *address, bool stalled)
{
    net_place_get(net, address)->stalled = stalled;
}

void net_set_dial_error(struct net *net, const struct toxtcp_address *address, int error)
{
    net_place_get(net, address)->dial_error = error;
}

static void break_end(struct end *end, int error)
{
    if (!net_end_is_over(end)) {
        net_bytes_free(&end->in);
        end->hears = error;
    }
}

void net_break(struct net *net, const struct toxtcp_address *address, int error)
{
    for (size_t i = 0; i < net->stream_count; i++) {
        if (toxtcp_address_equal(&net->streams[i]->place->address, address)) {
            net->streams[i]->broken = true;
            break_end(&net->streams[i]->near, error);
            break_end(&net->streams[i]->far, error);
        }
    }
}

uint64_t net_dial_count(const struct net *net, const struct toxtcp_address *address)
{
    const struct place *place = net_place_find(net, address);

    return place ? place->dial_count : 0;
}

uint32_t net_stream_count(const struct net *net, const struct toxtcp_address *address)
{
    uint32_t count = 0;

    for (size_t i = 0; i < net->stream_count; i++) {
        const struct stream *stream = net->streams[i];
        count += stream->open && toxtcp_address_equal(&stream->place->address, address) &&
                 !net_end_is_over(&stream->near) && !net_end_is_over(&stream->far) && !stream->near.hears &&
                 !stream->far.hears;
    }
    return count;
}

/* --- Small change --- */

struct toxtcp_address net_address(uint16_t port)
{
    return (struct toxtcp_address){.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}, .port = port};
}

struct toxtcp_endpoint net_endpoint(uint16_t port)
{
    return (struct toxtcp_endpoint){.address = net_address(port)};
}

struct toxtcp_key_pair net_keys(struct net *net)
{
    struct toxtcp_key_pair pair;

    toxtcp_key_pair_generate(net->env.env, &pair);
    return pair;
}
