/* An in-memory network for tests: streams between links, in virtual time, without sockets. SPDX-License-Identifier: ISC
 */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "net_env.h"
#include "net_objects.h"

enum { FIRST_SOURCE_PORT = 49152, ROUNDS_MAX = 1000000 };

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

/* --- Bytes --- */

static void bytes_add(struct bytes *bytes, const uint8_t *added, size_t len)
{
    if (bytes->front + bytes->len + len > bytes->size) {
        uint8_t *memory = net_must(malloc(2 * (bytes->len + len)));
        if (bytes->len > 0) {
            memcpy(memory, bytes->memory + bytes->front, bytes->len);
        }
        free(bytes->memory);
        *bytes = (struct bytes){.memory = memory, .len = bytes->len, .size = 2 * (bytes->len + len)};
    }
    if (len > 0) {
        memcpy(bytes->memory + bytes->front + bytes->len, added, len);
        bytes->len += len;
    }
}

static void bytes_drop(struct bytes *bytes, size_t len)
{
    bytes->front += len;
    bytes->len -= len;
    if (bytes->len == 0) {
        bytes->front = 0;
    }
}

static void bytes_free(struct bytes *bytes)
{
    free(bytes->memory);
    *bytes = (struct bytes){0};
}

/* --- Ends --- */

static struct end *other_end(struct end *end)
{
    return end == &end->stream->near ? &end->stream->far : &end->stream->near;
}

static bool is_over(const struct end *end)
{
    return !end->link && !end->raw;
}

/* Nobody is at this end any more. */
static void end_over(struct end *end, int raw_error)
{
    if (end->link) {
        net_objects_forget_link(&end->stream->net->objects, end->link);
        toxtcp_link_set_driver_data(end->link, NULL);
        end->link = NULL;
    }
    if (end->raw) {
        end->raw->error = raw_error;
        end->raw->end = NULL;
        if (!end->raw->taken) {
            bytes_free(&end->raw->in);
            free(end->raw);
        }
        end->raw = NULL;
    }
    bytes_free(&end->in);
}

static void set_hears(struct end *end, int error)
{
    if (!is_over(end) && !end->hears) {
        end->hears = error;
    }
}

/* How many of `len` bytes the stream takes towards `end` now. */
static size_t room_towards(const struct end *end, size_t len)
{
    const size_t window = end->stream->net->window;

    if (is_over(end) || window == 0 || end->in.len + len <= window) {
        return len;
    }
    return end->in.len < window ? window - end->in.len : 0;
}

static void put_in(struct end *end, const uint8_t *bytes, size_t len)
{
    if (!is_over(end)) {
        bytes_add(&end->in, bytes, len);
    }
}

/* --- The driver --- */

static struct place *find_place(const struct net *net, const struct toxtcp_address *address)
{
    for (size_t i = 0; i < net->place_count; i++) {
        if (toxtcp_address_equal(&net->places[i]->address, address)) {
            return net->places[i];
        }
    }
    return NULL;
}

static struct place *get_place(struct net *net, const struct toxtcp_address *address)
{
    struct place *place = find_place(net, address);

    if (!place) {
        place = net_must(calloc(1, sizeof *place));
        place->address = *address;
        net->places = net_must(realloc(net->places, (net->place_count + 1) * sizeof(struct place *)));
        net->places[net->place_count] = place;
        net->place_count++;
    }
    return place;
}

static struct stream *add_stream(struct net *net, const struct toxtcp_address *address,
                                 const struct toxtcp_address *source)
{
    struct stream *stream = net_must(calloc(1, sizeof *stream));

    stream->net = net;
    stream->place = get_place(net, address);
    stream->place->dial_count++;
    stream->source = source ? *source : net_address(net->source_port++);
    stream->near.stream = stream;
    stream->far.stream = stream;
    net->streams = net_must(realloc(net->streams, (net->stream_count + 1) * sizeof(struct stream *)));
    net->streams[net->stream_count] = stream;
    net->stream_count++;
    return stream;
}

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
    struct stream *stream = add_stream(net, &address, NULL);

    stream->near.link = link;
    toxtcp_link_set_driver_data(link, &stream->near);
    if (endpoint->host && is_invalid_name(endpoint->host)) {
        set_hears(&stream->near, TOXTCP_ERR_HOST_UNKNOWN);
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
        put_in(other_end(end), bytes, room_towards(other_end(end), len));
    }
    set_hears(other_end(end), TOXTCP_ERR_CLOSED);
    end_over(end, TOXTCP_ERR_SHUT_DOWN);
}

/* --- One round: each returns whether anything moved --- */

static bool tell_end(struct end *end)
{
    struct toxtcp_link *link = end->link;
    const int error = end->hears;

    end_over(end, error);
    if (link) {
        toxtcp_link_closed(link, error, end->stream->net->now_ms);
    }
    return true;
}

static int accept_stream(struct stream *stream)
{
    struct place *place = stream->place;
    struct end *far = &stream->far;

    if (place->raw_listening) {
        far->raw = net_must(calloc(1, sizeof *far->raw));
        far->raw->end = far;
        return TOXTCP_OK;
    }
    stream->server = place->server;
    const int error = toxtcp_server_accept(place->server, &stream->source, stream->net->now_ms, &far->link);
    if (!error) {
        toxtcp_link_set_driver_data(far->link, far);
    }
    return error;
}

static bool open_stream(struct stream *stream)
{
    struct end *near = &stream->near;
    struct place *place = stream->place;

    if (is_over(near)) {
        return false;
    }
    if (near->hears) {
        return tell_end(near);
    }
    if (place->stalled) {
        return false;
    }
    if (place->dial_error || (!place->server && !place->raw_listening)) {
        set_hears(near, place->dial_error ? place->dial_error : TOXTCP_ERR_REFUSED);
        return tell_end(near);
    }
    stream->open = true;
    if (accept_stream(stream) != 0) {
        /* The kernel had accepted it; then the relay closed the socket. */
        set_hears(near, TOXTCP_ERR_CLOSED);
    }
    if (near->link) {
        toxtcp_link_connected(near->link, &place->address, stream->net->now_ms);
    }
    /* The public contract promises output then, not that it is said. */
    near->output_said = near->link != NULL;
    return true;
}

static bool write_link(struct end *end)
{
    const uint8_t *bytes = NULL;
    const size_t len = toxtcp_link_output(end->link, &bytes);
    const size_t taken = room_towards(other_end(end), len);

    end->output_said = taken < len;
    if (taken == 0) {
        return false;
    }
    put_in(other_end(end), bytes, taken);
    toxtcp_link_sent(end->link, taken, end->stream->net->now_ms);
    return true;
}

static bool write_raw(struct end *end)
{
    struct bytes *out = &end->raw->out;
    const size_t taken = room_towards(other_end(end), out->len);

    if (taken == 0) {
        return false;
    }
    put_in(other_end(end), out->memory + out->front, taken);
    bytes_drop(out, taken);
    return true;
}

static bool write_end(struct end *end)
{
    if (end->hears) {
        return false;
    }
    if (end->link && end->output_said) {
        return write_link(end);
    }
    return end->raw ? write_raw(end) : false;
}

/* Hands over an exact copy, so that a memory checker sees every byte read beside it. */
static void read_link(struct end *end, size_t len)
{
    uint8_t *copy = net_must(malloc(len));

    memcpy(copy, end->in.memory + end->in.front, len);
    bytes_drop(&end->in, len);
    (void)toxtcp_link_recv(end->link, copy, len, end->stream->net->now_ms);
    free(copy);
}

static bool read_end(struct end *end)
{
    const size_t piece = end->stream->net->piece;
    const size_t len = piece && piece < end->in.len ? piece : end->in.len;

    if (is_over(end)) {
        return false;
    }
    if (end->stream->broken && end->hears) {
        return tell_end(end);
    }
    if (end->stream->place->stalled || (end->raw && end->raw->paused) || (end->link && end->resting)) {
        return false;
    }
    if (len == 0) {
        return end->hears ? tell_end(end) : false;
    }
    if (end->link) {
        read_link(end, len);
    } else {
        bytes_add(&end->raw->in, end->in.memory + end->in.front, len);
        bytes_drop(&end->in, len);
    }
    return true;
}

static bool move_stream(struct stream *stream)
{
    bool moved = false;

    if (!stream->open) {
        return open_stream(stream);
    }
    moved |= write_end(&stream->near);
    moved |= write_end(&stream->far);
    moved |= read_end(&stream->far);
    moved |= read_end(&stream->near);
    return moved;
}

static void check_end(const struct end *end)
{
    const uint8_t *bytes;

    if (end->link && end->stream->open && !end->output_said && !end->hears) {
        net_require(toxtcp_link_output(end->link, &bytes) == 0, "a link has output and has not said so");
    }
}

static void check_all(const struct net *net)
{
    net_objects_check(&net->objects);
    for (size_t i = 0; i < net->stream_count; i++) {
        check_end(&net->streams[i]->near);
        check_end(&net->streams[i]->far);
    }
}

/* --- Time --- */

static bool move_streams(struct net *net)
{
    bool moved = false;

    /* Callbacks add streams; these come next round. */
    const size_t count = net->stream_count;
    for (size_t i = 0; i < count; i++) {
        moved |= move_stream(net->streams[i]);
    }
    return moved;
}

static void free_stream(struct stream *stream)
{
    end_over(&stream->near, TOXTCP_ERR_CLOSED);
    end_over(&stream->far, TOXTCP_ERR_CLOSED);
    free(stream);
}

static void sweep(struct net *net)
{
    size_t kept = 0;

    for (size_t i = 0; i < net->stream_count; i++) {
        struct stream *stream = net->streams[i];
        if (is_over(&stream->near) && is_over(&stream->far)) {
            free_stream(stream);
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
        free_stream(net->streams[i]);
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
    get_place(net, address)->server = server;
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
        if (stream->server == server && !is_over(&stream->far)) {
            end_over(&stream->far, TOXTCP_ERR_RESET);
            bytes_free(&stream->near.in);
            set_hears(&stream->near, TOXTCP_ERR_RESET);
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
    get_place(net, address)->stalled = stalled;
}

void net_set_dial_error(struct net *net, const struct toxtcp_address *address, int error)
{
    get_place(net, address)->dial_error = error;
}

static void break_end(struct end *end, int error)
{
    if (!is_over(end)) {
        bytes_free(&end->in);
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
    const struct place *place = find_place(net, address);

    return place ? place->dial_count : 0;
}

uint32_t net_stream_count(const struct net *net, const struct toxtcp_address *address)
{
    uint32_t count = 0;

    for (size_t i = 0; i < net->stream_count; i++) {
        const struct stream *stream = net->streams[i];
        count += stream->open && toxtcp_address_equal(&stream->place->address, address) && !is_over(&stream->near) &&
                 !is_over(&stream->far) && !stream->near.hears && !stream->far.hears;
    }
    return count;
}

/* --- Raw ends --- */

struct net_raw *net_raw_dial(struct net *net, const struct toxtcp_address *address, const struct toxtcp_address *source)
{
    struct stream *stream = add_stream(net, address, source);
    struct net_raw *raw = net_must(calloc(1, sizeof *raw));

    raw->end = &stream->near;
    raw->taken = true;
    stream->near.raw = raw;
    return raw;
}

void net_raw_listen(struct net *net, const struct toxtcp_address *address)
{
    get_place(net, address)->raw_listening = true;
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
        bytes_add(&raw->out, bytes, len);
    }
}

size_t net_raw_read(struct net_raw *raw, uint8_t *bytes, size_t size)
{
    const size_t len = raw->in.len < size ? raw->in.len : size;

    if (len > 0) {
        memcpy(bytes, raw->in.memory + raw->in.front, len);
        bytes_drop(&raw->in, len);
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
        set_hears(other_end(raw->end), TOXTCP_ERR_CLOSED);
        end_over(raw->end, TOXTCP_ERR_SHUT_DOWN);
    }
    bytes_free(&raw->in);
    bytes_free(&raw->out);
    free(raw);
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
