/* The shortest embedding without libev, on poll(2): sends a message and prints the answer. SPDX-License-Identifier: ISC
 *
 *   send_poll RELAY_IP:PORT RELAY_KEY PEER_KEY MESSAGE
 * It knows one relay, so it has one stream at most; and it knows that relay by its IPv4 address. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <toxtcp/toxtcp.h>

enum { MESSAGE_MAX = 1000, REPEAT_MS = 200, PATIENCE_MS = 20000 };

struct program {
    struct toxtcp_connections *connections;
    struct toxtcp_link *link; /* NULL while there is no stream */
    int fd;
    bool connected, answered;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int dial(void *user, struct toxtcp_link *link, const struct toxtcp_endpoint *endpoint)
{
    struct program *program = user;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(endpoint->address.port)};

    memcpy(&in.sin_addr, endpoint->address.ip, sizeof in.sin_addr);
    program->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(program->fd, (const struct sockaddr *)&in, sizeof in) && errno != EINPROGRESS) {
        close(program->fd);
        return TOXTCP_ERR_UNREACHABLE;
    }
    toxtcp_link_set_driver_data(link, program);
    program->link = link;
    program->connected = false;
    return 0;
}

static void output_ready(void *user, struct toxtcp_link *link)
{
    (void)user, (void)link; /* every turn ends with a look for output */
}

static void close_stream(void *user, struct toxtcp_link *link)
{
    (void)link;
    close(((struct program *)user)->fd);
    ((struct program *)user)->link = NULL;
}

/* The socket can be read or written: connects, reads, notices the end. */
static void on_event(struct program *program)
{
    static uint8_t buffer[65536];
    int error = 0;
    socklen_t error_len = sizeof error;
    struct toxtcp_link *link = program->link;

    getsockopt(program->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
    const ssize_t len = error || !program->connected ? -1 : recv(program->fd, buffer, sizeof buffer, 0);
    if (!error && !program->connected) {
        program->connected = true;
        toxtcp_link_connected(link, NULL, now_ms());
    } else if (len > 0) {
        toxtcp_link_recv(link, buffer, (size_t)len, now_ms());
    } else if (len == 0 || error || errno != EAGAIN) {
        close_stream(program, link);
        toxtcp_link_closed(link, error == ECONNREFUSED ? TOXTCP_ERR_REFUSED : TOXTCP_ERR_CLOSED, now_ms());
    }
}

static void turn(struct program *program)
{
    const uint8_t *bytes;
    struct pollfd ready = {.fd = program->link ? program->fd : -1, .events = POLLIN};
    const uint64_t now = now_ms(), deadline = toxtcp_connections_deadline(program->connections);
    const uint64_t wait = deadline <= now ? 0 : deadline - now < REPEAT_MS ? deadline - now : REPEAT_MS;

    if (program->link && (!program->connected || toxtcp_link_output(program->link, &bytes) > 0)) {
        ready.events |= POLLOUT;
    }
    if (poll(&ready, 1, (int)wait) > 0) {
        on_event(program);
    }
    toxtcp_connections_expire(program->connections, now_ms()); /* after reading */
    const size_t len = program->link && program->connected ? toxtcp_link_output(program->link, &bytes) : 0;
    const ssize_t sent = len > 0 ? send(program->fd, bytes, len, MSG_NOSIGNAL) : 0;
    if (sent > 0) { /* the next event tells of an error */
        toxtcp_link_sent(program->link, (size_t)sent, now_ms());
    }
}

static void on_data(void *user, struct toxtcp_peer peer, void *peer_user, struct toxtcp_relay relay,
                    const uint8_t *data, size_t len)
{
    (void)peer, (void)peer_user, (void)relay;
    printf("%.*s\n", len > 3 ? (int)len - 3 : 0, (const char *)data + 3);
    ((struct program *)user)->answered = true;
}

int main(int argc, char **argv)
{
    struct program program = {0};
    struct toxtcp_driver driver = {.user = &program, .dial = dial, .output_ready = output_ready, .close = close_stream};
    const struct toxtcp_connections_callbacks callbacks = {.peer_data = on_data};
    struct toxtcp_public_key relay_key, peer_key;
    struct toxtcp_endpoint relay = {0};
    struct toxtcp_env *env;
    struct toxtcp_key_pair keys;
    struct toxtcp_peer peer;
    uint8_t packet[3 + MESSAGE_MAX] = {0x1b}; /* some relays take only what begins with this and two bytes */

    if (argc != 5 || toxtcp_address_parse(argv[1], strlen(argv[1]), &relay.address) ||
        relay.address.family != TOXTCP_FAMILY_IPV4 || strlen(argv[4]) > MESSAGE_MAX ||
        toxtcp_public_key_parse(argv[2], strlen(argv[2]), &relay_key) ||
        toxtcp_public_key_parse(argv[3], strlen(argv[3]), &peer_key)) {
        fprintf(stderr, "usage: send_poll RELAY_IP:PORT RELAY_KEY PEER_KEY MESSAGE\n");
        return 2;
    }
    memcpy(packet + 3, argv[4], strlen(argv[4]));
    if (toxtcp_env_new(NULL, &env)) {
        return 1;
    }
    toxtcp_key_pair_generate(env, &keys);
    int error = toxtcp_connections_new(env, &driver, NULL, &keys, &callbacks, &program, &program.connections);
    toxtcp_key_pair_wipe(&keys);
    error = error ? error : toxtcp_peer_add(program.connections, &peer_key, NULL, &peer);
    error = error ? error : toxtcp_peer_add_relay(program.connections, peer, &relay, &relay_key, NULL);
    const uint64_t begin = now_ms();
    for (uint64_t next = begin; !error && !program.answered && now_ms() - begin < PATIENCE_MS; turn(&program)) {
        if (now_ms() >= next) { /* refused as long as there is no way to the peer; sent again until it answers */
            (void)toxtcp_peer_send(program.connections, peer, packet, 3 + strlen(argv[4]));
            next = now_ms() + REPEAT_MS;
        }
    }
    toxtcp_connections_free(program.connections);
    toxtcp_env_free(env);
    return program.answered ? 0 : (fprintf(stderr, "send_poll: %s\n", error ? toxtcp_strerror(error) : "no answer"), 1);
}
