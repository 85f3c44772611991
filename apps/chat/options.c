/* The command line of toxtcp-chat. SPDX-License-Identifier: ISC */
#include "options.h"

#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "../common/address_text.h"
#include "../common/option_problem.h"
#include "candidate.h"

enum { WAIT_DEFAULT_S = 30, WAIT_MAX_S = 86400, DEFAULT_NAME_DIGITS = 8, SHOWN_MAX = 80 };

/* Through a proxy a relay may be several hops away, as with Tor, or be woken first. */
enum { PROXY_CONNECT_TIMEOUT_MS = 30000 };

const char options_help[] =
    "usage: toxtcp-chat --relay HOST:PORT:KEY... --peer [NAME=]KEY... [OPTION]...\n"
    "Talks to peers through Tox TCP relays, several at once; messages are encrypted end to end.\n"
    "\n"
    "  --relay HOST:PORT:KEY  a relay and its public key; repeatable, at best the same three for both sides\n"
    "  --relays FILE          a file with one relay to a line\n"
    "  --peer [NAME=]KEY      a peer's public key, and what to call the peer; repeatable\n"
    "  --keys FILE            our identity, made when missing; without it a new one for this run alone\n"
    "  --show-key             print our public key, to give to peers, and exit\n"
    "  --wait SECONDS         at the end of the input wait so long until all is delivered (30)\n"
    "  --no-udp               all goes through relays; the peers do not learn our addresses\n"
    "  --udp-port PORT        hear UDP there, where a router forwards it to (any)\n"
    "  --udp-announce IP:PORT tell peers to send UDP there, not to our own addresses; repeatable\n"
    "  --proxy KIND://[USER[:PASSWORD]@]HOST:PORT  reach all relays through it; KIND is socks5 or http; no UDP\n"
    "  --proxy-password FILE  its first line is the proxy's password; so is $TOXTCP_PROXY_PASSWORD\n"
    "  --interface NAME       go by that network interface alone\n"
    "  --source ADDRESS       go from that address of ours\n"
    "  --raw                  no line is a command, even if it begins with /\n"
    "  --help, --version\n"
    "\n"
    "On a terminal type /help. Otherwise each line of the input is a message, and messages come on standard\n"
    "output as \"NAME: TEXT\". Exit status: 0 all delivered; 1 not all, or a line that is no command; 2 wrong\n"
    "command line; 3 keys file; 4 no relay could be reached; 5 standard output could not be written.\n";

static const struct option long_options[] = {{"relay", required_argument, NULL, 'r'},
                                             {"relays", required_argument, NULL, 'R'},
                                             {"peer", required_argument, NULL, 'p'},
                                             {"keys", required_argument, NULL, 'k'},
                                             {"show-key", no_argument, NULL, 's'},
                                             {"wait", required_argument, NULL, 'w'},
                                             {"no-udp", no_argument, NULL, 'n'},
                                             {"udp-port", required_argument, NULL, 'u'},
                                             {"udp-announce", required_argument, NULL, 'U'},
                                             {"proxy", required_argument, NULL, 'x'},
                                             {"proxy-password", required_argument, NULL, 'X'},
                                             {"interface", required_argument, NULL, 'i'},
                                             {"source", required_argument, NULL, 'f'},
                                             {"raw", no_argument, NULL, 'a'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {NULL, 0, NULL, 0}};

/* Without a name, the key's first digits are one. */
static int read_name(const char *text, size_t len, struct peer_option *peer, struct problem *problem)
{
    char digits[TOXTCP_KEY_TEXT_SIZE];

    if (text == NULL) {
        toxtcp_public_key_format(&peer->key, digits);
        memcpy(peer->name, digits, DEFAULT_NAME_DIGITS);
        return 0;
    }
    if (!text_is_name(text, len)) {
        return problem_set(problem, "--peer: a name has 1 to %d bytes, none of them a blank, ':', '=' or '/'",
                           TEXT_NAME_MAX);
    }
    memcpy(peer->name, text, len);
    return 0;
}

static int read_peer(const char *text, struct peer_option *peer, struct problem *problem)
{
    const char *equals = strchr(text, '=');
    const char *key = equals == NULL ? text : equals + 1;

    *peer = (struct peer_option){.name = ""};
    if (toxtcp_public_key_parse(key, strlen(key), &peer->key) != TOXTCP_OK) {
        return problem_set(problem,
                           "--peer: \"%.*s\" is no public key: it has 64 hexadecimal digits, and the peer's program "
                           "prints it when it starts",
                           SHOWN_MAX, key);
    }
    return read_name(equals == NULL ? NULL : text, equals == NULL ? 0 : (size_t)(equals - text), peer, problem);
}

static int add_peer(struct chat_options *options, const char *text, struct problem *problem)
{
    struct peer_option peer;
    struct peer_option *grown;

    if (read_peer(text, &peer, problem) != 0) {
        return -1;
    }
    for (size_t i = 0; i < options->peer_count; i++) {
        if (toxtcp_public_key_equal(&options->peers[i].key, &peer.key)) {
            return problem_set(problem, "--peer: the key of \"%s\" is given twice", options->peers[i].name);
        }
        if (strcmp(options->peers[i].name, peer.name) == 0) {
            return problem_set(problem, "--peer: there are two peers with the name \"%s\"; give NAME=KEY", peer.name);
        }
    }
    grown = realloc(options->peers, (options->peer_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return problem_set(problem, "out of memory");
    }
    options->peers = grown;
    options->peers[options->peer_count++] = peer;
    return 0;
}

static int add_relay(struct chat_options *options, const char *text, struct problem *problem)
{
    struct problem inner;

    if (relay_list_add(&options->relays, text, &inner) != 0) {
        return problem_set(problem, "--relay: %.490s", inner.text);
    }
    return 0;
}

static int read_wait(struct chat_options *options, const char *text, struct problem *problem)
{
    if (number_text_parse(text, strlen(text), 0, WAIT_MAX_S, &options->wait_s)) {
        return 0;
    }
    return problem_set(problem, "--wait: \"%.*s\" is no number of seconds, 0 to %d", SHOWN_MAX, text, WAIT_MAX_S);
}

static int read_udp_port(struct chat_options *options, const char *text, struct problem *problem)
{
    if (number_text_parse(text, strlen(text), 1, UINT16_MAX, &options->udp_port)) {
        return 0;
    }
    return problem_set(problem, "--udp-port: \"%.*s\" is no port, 1 to %d", SHOWN_MAX, text, UINT16_MAX);
}

static int add_udp_announce(struct chat_options *options, const char *text, struct problem *problem)
{
    if (options->udp_announce_count == UDP_ANNOUNCE_MAX) {
        return problem_set(problem, "--udp-announce: there are more than %d", UDP_ANNOUNCE_MAX);
    }
    if (toxtcp_address_parse(text, strlen(text), &options->udp_announce[options->udp_announce_count]) != TOXTCP_OK ||
        !candidate_is_possible(&options->udp_announce[options->udp_announce_count])) {
        return problem_set(problem, "--udp-announce: \"%.*s\" is no address with a port that a peer could send to",
                           SHOWN_MAX, text);
    }
    options->udp_announce_count++;
    return 0;
}

static int read_proxy(struct chat_options *options, const char *text, struct problem *problem)
{
    struct problem inner;

    if (options->has_proxy) {
        return problem_set(problem, "--proxy: there is only one");
    }
    options->has_proxy = true;
    if (proxy_text_parse(text, &options->proxy, &inner) != 0) {
        return problem_set(problem, "--proxy: %.490s", inner.text);
    }
    return 0;
}

static int read_proxy_password(struct chat_options *options, const char *path, struct problem *problem)
{
    if (options->proxy_password_path != NULL) {
        return problem_set(problem, "--proxy-password: there is only one");
    }
    options->proxy_password_path = path;
    return 0;
}

/* The password from where it does not show in a list of processes. */
static int complete_proxy(struct chat_options *options, struct problem *problem)
{
    const char *environment = getenv("TOXTCP_PROXY_PASSWORD");
    const bool is_set = environment != NULL && environment[0] != '\0';
    struct problem inner;

    if (options->proxy_password_path != NULL) {
        if (!options->has_proxy) {
            return problem_set(problem, "--proxy-password is of no use without --proxy");
        }
        if (proxy_text_read_password(&options->proxy, options->proxy_password_path, &inner) != 0) {
            return problem_set(problem, "--proxy-password: %.480s", inner.text);
        }
    } else if (options->proxy.proxy.user != NULL && options->proxy.proxy.password == NULL && is_set) {
        if (proxy_text_set_password(&options->proxy, environment, &inner) != 0) {
            return problem_set(problem, "TOXTCP_PROXY_PASSWORD: %.480s", inner.text);
        }
    }
    return 0;
}

static int read_interface(struct chat_options *options, const char *text, struct problem *problem)
{
    if (if_nametoindex(text) == 0) {
        return problem_set(problem, "--interface: there is no interface \"%.*s\"", SHOWN_MAX, text);
    }
    options->interface = text;
    return 0;
}

static int read_source(struct chat_options *options, const char *text, struct problem *problem)
{
    /* An address stands with a port everywhere else: here it has none to give. */
    const bool is_ip6 = strchr(text, ':') != NULL;
    char with_port[SHOWN_MAX];
    const int len = snprintf(with_port, sizeof with_port, is_ip6 ? "[%s]:1" : "%s:1", text);

    if (len < 0 || (size_t)len >= sizeof with_port ||
        address_text_parse(with_port, (size_t)len, &options->source) != TOXTCP_OK) {
        return problem_set(problem, "--source: \"%.*s\" is no address", SHOWN_MAX, text);
    }
    options->source.port = 0;
    options->has_source = true;
    return 0;
}

/* What is left when the options are read. */
static int judge_rest(const char *argument, struct problem *problem)
{
    /* A password is not for error messages. */
    if (strstr(argument, "://") != NULL || strchr(argument, '@') != NULL) {
        return problem_set(problem, "KIND://... is no option; did you mean --proxy KIND://...?");
    }
    return problem_set(problem, "\"%.*s\" is no option; see toxtcp-chat --help", SHOWN_MAX, argument);
}

/* `argument` is where the option stands. */
static int read_option(int option, const char *value, const char *argument, struct chat_options *options,
                       struct problem *problem)
{
    switch (option) {
    case 'r':
        return add_relay(options, value, problem);
    case 'R':
        return relay_list_read(&options->relays, value, problem);
    case 'p':
        return add_peer(options, value, problem);
    case 'w':
        return read_wait(options, value, problem);
    case 'n':
        options->no_udp = true;
        return 0;
    case 'u':
        return read_udp_port(options, value, problem);
    case 'U':
        return add_udp_announce(options, value, problem);
    case 'i':
        return read_interface(options, value, problem);
    case 'f':
        return read_source(options, value, problem);
    case 'k':
        options->keys_path = value;
        return 0;
    case 's':
        options->show_key = true;
        return 0;
    case 'x':
        return read_proxy(options, value, problem);
    case 'X':
        return read_proxy_password(options, value, problem);
    case 'a':
        options->raw = true;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    case 'V':
        options->version = true;
        return 0;
    default:
        return option_problem("toxtcp-chat", option, argument, problem);
    }
}

/* An interface of ours means nothing to the proxy. */
static int check_scopes(const struct chat_options *options, struct problem *problem)
{
    for (size_t i = 0; options->has_proxy && i < options->relays.count; i++) {
        const struct toxtcp_endpoint endpoint = relay_entry_endpoint(&options->relays.entries[i]);
        char text[ENDPOINT_TEXT_SIZE];

        if (endpoint.host == NULL && endpoint.address.scope_id != 0) {
            endpoint_text_format(&endpoint, text);
            return problem_set(problem,
                               "relay %s: a proxy cannot reach it, since the interface in this address is one of this "
                               "machine; leave out the relay or --proxy",
                               text);
        }
    }
    return 0;
}

static int check_complete(const struct chat_options *options, struct problem *problem)
{
    if (options->help || options->version || options->show_key) {
        return 0;
    }
    if (options->no_udp && (options->udp_port != 0 || options->udp_announce_count > 0)) {
        return problem_set(problem, "--no-udp does not go with --udp-port and --udp-announce");
    }
    if (options->has_proxy && (options->udp_port != 0 || options->udp_announce_count > 0)) {
        return problem_set(problem, "--proxy does not go with --udp-port and --udp-announce: nothing goes around it");
    }
    if (options->relays.count == 0) {
        return problem_set(problem, "no relay is given: use --relay HOST:PORT:KEY or --relays FILE");
    }
    if (options->peer_count == 0) {
        return problem_set(problem,
                           "no peer is given: use --peer KEY with the public key of whom you want to talk to (your "
                           "own, for them, is printed by toxtcp-chat --keys FILE --show-key)");
    }
    return check_scopes(options, problem);
}

int options_read(int count, char *const *arguments, struct chat_options *options, struct problem *problem)
{
    int option;

    *options = (struct chat_options){.wait_s = WAIT_DEFAULT_S};
    opterr = 0;
    while ((option = getopt_long(count, arguments, ":hV", long_options, NULL)) != -1) {
        if (read_option(option, optarg, arguments[optind - 1], options, problem) != 0) {
            return -1;
        }
    }
    if (optind < count) {
        return judge_rest(arguments[optind], problem);
    }
    if (complete_proxy(options, problem) != 0 || check_complete(options, problem) != 0) {
        return -1;
    }
    options->no_udp = options->no_udp || options->has_proxy;
    return 0;
}

void options_configure(const struct chat_options *options, struct toxtcp_connections_config *config)
{
    toxtcp_connections_config_default(config);
    if (options->has_proxy) {
        config->client.proxy = &options->proxy.proxy;
        config->client.connect_timeout_ms = PROXY_CONNECT_TIMEOUT_MS;
    }
}

void options_free(struct chat_options *options)
{
    relay_list_free(&options->relays);
    proxy_text_wipe(&options->proxy);
    free(options->peers);
    *options = (struct chat_options){.wait_s = 0};
}
