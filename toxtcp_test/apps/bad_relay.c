/* A relay on a real socket that does harm, and says to the packet how much. SPDX-License-Identifier: ISC
 *
 * The simulator's liar, driven by libtoxtcp-ev. On loopback, at a free port, which it prints with its public key as
 * toxtcp-relay does. It says when it carries its first packet. SIGTERM ends it, and then it prints its counts as JSON.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ev/internal.h"
#include "harm.h"

enum { OUTPUT_MAX = 32 << 20, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: bad_relay [OPTION]...\n"
    "  --lose N, --corrupt N, --misdeliver N, --duplicate N, --swap N   that to every N-th data or OOB packet\n"
    "  --delay N:MS     every N-th comes so much later\n"
    "  --stall AT:MS    nothing moves for a while, AT ms after the first packet\n"
    "  --drop-data, --drop-oob   all of that\n"
    "  --mute           never answers a handshake\n";

struct settings {
    struct harm_config harm;
    uint32_t vices;
};

struct relay {
    struct ev_loop *loop;
    struct toxtcp_env *env;
    struct toxtcp_ev *ev;
    struct liar *liar;
    struct harm *harm;
    struct keeper *keeper;
    struct ev_io listening;
    struct ev_prepare prepare;
    struct ev_signal terminated;
    bool carries; /* it has said so */
};

/* --- The command line --- */

static void complain(const char *name, const char *value)
{
    (void)fprintf(stderr, "bad_relay: --%s %s: see its usage\n", name, value);
    exit(EXIT_USAGE);
}

static uint32_t read_number(const char *name, const char *value, const char *text, char **end)
{
    errno = 0;
    const unsigned long number = strtoul(text, end, 10);

    if (*end == text || text[0] == '-' || errno != 0 || number > UINT32_MAX / 2) {
        complain(name, value);
    }
    return (uint32_t)number;
}

static uint32_t read_one(const char *name, const char *value)
{
    char *end;
    const uint32_t number = read_number(name, value, value, &end);

    if (*end != '\0') {
        complain(name, value);
    }
    return number;
}

static uint32_t read_two(const char *name, const char *value, uint32_t *second)
{
    char *end;
    const uint32_t first = read_number(name, value, value, &end);

    if (*end != ':') {
        complain(name, value);
    }
    *second = read_one(name, end + 1);
    return first;
}

static void read_option(struct settings *settings, int option, const char *name, const char *value)
{
    struct harm_config *harm = &settings->harm;
    uint32_t stall_ms;

    switch (option) {
    case 'l':
        harm->lose = read_one(name, value);
        break;
    case 'c':
        harm->corrupt = read_one(name, value);
        break;
    case 'm':
        harm->misdeliver = read_one(name, value);
        break;
    case 'd':
        harm->duplicate = read_one(name, value);
        break;
    case 's':
        harm->swap = read_one(name, value);
        break;
    case 'y':
        harm->delay = read_two(name, value, &harm->delay_ms);
        break;
    case 't':
        harm->stall_at_ms = read_two(name, value, &stall_ms);
        harm->stall_ms = stall_ms;
        break;
    default:
        settings->vices |= (uint32_t)option;
        break;
    }
}

static void read_settings(int count, char **arguments, struct settings *settings)
{
    /* The liar's vices are below all letters. */
    static const struct option options[] = {{"lose", required_argument, NULL, 'l'},
                                            {"corrupt", required_argument, NULL, 'c'},
                                            {"misdeliver", required_argument, NULL, 'm'},
                                            {"duplicate", required_argument, NULL, 'd'},
                                            {"swap", required_argument, NULL, 's'},
                                            {"delay", required_argument, NULL, 'y'},
                                            {"stall", required_argument, NULL, 't'},
                                            {"drop-data", no_argument, NULL, LIAR_DROPS_DATA},
                                            {"drop-oob", no_argument, NULL, LIAR_DROPS_OOB},
                                            {"mute", no_argument, NULL, LIAR_MUTE},
                                            {NULL, 0, NULL, 0}};
    int option;
    int index = 0;

    while ((option = getopt_long(count, arguments, "", options, &index)) != -1) {
        if (option == '?') {
            (void)fputs(usage, stderr);
            exit(EXIT_USAGE);
        }
        read_option(settings, option, options[index].name, optarg);
    }
    if (optind < count) {
        (void)fputs(usage, stderr);
        exit(EXIT_USAGE);
    }
}

/* --- The relay --- */

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "bad_relay: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void on_newcomer(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct relay *relay = io->data;
    const int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct stream *stream;

    (void)loop;
    (void)events;
    if (fd < 0) {
        return;
    }
    socket_set_no_delay(fd);
    stream = stream_new(relay->ev, fd);
    require(stream != NULL, "out of memory");
    stream_adopt(stream, liar_accept(relay->liar, toxtcp_ev_now(relay->ev)));
}

static uint64_t deadline(const void *object)
{
    const struct relay *relay = object;
    const uint64_t liar_ms = liar_deadline(relay->liar);
    const uint64_t harm_ms = harm_deadline(relay->harm);

    return liar_ms < harm_ms ? liar_ms : harm_ms;
}

static void expire(void *object, uint64_t now_ms)
{
    struct relay *relay = object;

    liar_expire(relay->liar, now_ms);
    harm_expire(relay->harm, now_ms);
}

static void say_once_it_carries(struct relay *relay)
{
    struct harm_counts counts;

    harm_get_counts(relay->harm, &counts);
    if (!relay->carries && counts.seen > 0) {
        relay->carries = true;
        (void)puts("carries");
        (void)fflush(stdout);
    }
}

/* What came in this turn may have moved the deadline. */
static void on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    struct relay *relay = prepare->data;

    (void)loop;
    (void)events;
    keeper_arm(relay->keeper);
    say_once_it_carries(relay);
}

static void on_terminated(struct ev_loop *loop, struct ev_signal *terminated, int events)
{
    (void)terminated;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

/* At a free port of 127.0.0.1. */
static int open_listening(struct toxtcp_address *address)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage found;
    socklen_t len = sizeof found;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    require(fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof any) == 0 && listen(fd, SOMAXCONN) == 0 &&
                getsockname(fd, (struct sockaddr *)&found, &len) == 0 &&
                socket_address_decode((const struct sockaddr *)&found, address),
            strerror(errno));
    return fd;
}

static void say_where(const struct toxtcp_address *address, const struct toxtcp_public_key *key)
{
    char text[TOXTCP_ADDRESS_TEXT_SIZE];

    toxtcp_address_format(address, text);
    (void)printf("public key: ");
    for (size_t i = 0; i < sizeof key->bytes; i++) {
        (void)printf("%02X", key->bytes[i]);
    }
    (void)printf("\nlistening on %s\n", text);
    (void)fflush(stdout);
}

static void start(struct relay *relay, const struct settings *settings)
{
    static const struct keeper_kind kind = {deadline, expire, 0};
    struct liar_config config = {.vices = settings->vices, .output_max = OUTPUT_MAX};
    struct toxtcp_key_pair keys;
    struct toxtcp_address address;

    relay->loop = ev_loop_new(EVFLAG_AUTO);
    require(relay->loop != NULL && toxtcp_env_new(NULL, &relay->env) == TOXTCP_OK &&
                toxtcp_ev_new(relay->loop, &relay->ev) == TOXTCP_OK,
            "out of memory");
    relay->harm = harm_new(&settings->harm);
    config.carrier = harm_carrier(relay->harm);
    toxtcp_key_pair_generate(relay->env, &keys);
    relay->liar = liar_new(relay->env, toxtcp_ev_driver(relay->ev), &config, &keys);
    harm_set_liar(relay->harm, relay->liar);
    relay->keeper = keeper_new(relay->ev, &kind, relay);
    require(relay->keeper != NULL, "out of memory");
    ev_io_init(&relay->listening, on_newcomer, open_listening(&address), EV_READ);
    relay->listening.data = relay;
    ev_io_start(relay->loop, &relay->listening);
    ev_prepare_init(&relay->prepare, on_prepare);
    relay->prepare.data = relay;
    ev_prepare_start(relay->loop, &relay->prepare);
    ev_signal_init(&relay->terminated, on_terminated, SIGTERM);
    ev_signal_start(relay->loop, &relay->terminated);
    say_where(&address, &keys.public_key);
    toxtcp_key_pair_wipe(&keys);
}

/* All that clients sent before they left counts, so it is read first. */
static void read_the_rest(struct relay *relay)
{
    struct toxtcp_ev_info before;
    struct toxtcp_ev_info after;

    do {
        toxtcp_ev_get_info(relay->ev, &before);
        (void)ev_run(relay->loop, EVRUN_NOWAIT);
        toxtcp_ev_get_info(relay->ev, &after);
    } while (after.reads != before.reads);
}

static void say_counts(const struct harm *harm)
{
    struct harm_counts counts;

    harm_get_counts(harm, &counts);
    (void)printf("{\"seen\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"misdelivered\": %" PRIu64
                 ", \"duplicated\": %" PRIu64 ", \"delayed\": %" PRIu64 ", \"swapped\": %" PRIu64
                 ", \"stalled\": %" PRIu64 ", \"overtaken\": %" PRIu64 ", \"held\": %" PRIu64 ", \"vanished\": %" PRIu64
                 "}\n",
                 counts.seen, counts.lost, counts.corrupted, counts.misdelivered, counts.duplicated, counts.delayed,
                 counts.swapped, counts.stalled, counts.overtaken, counts.held, counts.vanished);
}

static void stop(struct relay *relay)
{
    ev_signal_stop(relay->loop, &relay->terminated);
    ev_prepare_stop(relay->loop, &relay->prepare);
    ev_io_stop(relay->loop, &relay->listening);
    (void)close(relay->listening.fd);
    keeper_drop(relay->keeper);
    liar_free(relay->liar);
    harm_free(relay->harm);
    toxtcp_ev_free(relay->ev);
    toxtcp_env_free(relay->env);
    ev_loop_destroy(relay->loop);
}

int main(int count, char **arguments)
{
    struct settings settings = {.vices = 0};
    struct relay relay;

    read_settings(count, arguments, &settings);
    (void)signal(SIGPIPE, SIG_IGN);
    memset(&relay, 0, sizeof relay);
    start(&relay, &settings);
    (void)ev_run(relay.loop, 0);
    read_the_rest(&relay);
    say_counts(relay.harm);
    stop(&relay);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
