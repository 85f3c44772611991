/* The command line of toxtcp-relay. SPDX-License-Identifier: ISC */
#include "options.h"

#include <getopt.h>
#include <string.h>

#include <toxtcp/error.h>

#include "../common/address_text.h"

enum { SHOWN_MAX = 80 };

const char options_help[] =
    "usage: toxtcp-relay [--listen ADDR:PORT]... [--keys FILE]\n"
    "Relays packets between Tox peers that connect to it by TCP.\n"
    "\n"
    "  --listen ADDR:PORT  where to listen; repeatable; an IPv6 address stands in brackets, port 0 takes any\n"
    "                      free one (0.0.0.0:33445 and [::]:33445)\n"
    "  --keys FILE         the relay's identity, in tox-bootstrapd's format, made when missing; without it a new\n"
    "                      one for this run alone\n"
    "  --help, --version\n"
    "\n"
    "Prints \"public key: KEY\", then \"listening on ADDR:PORT\" for each address. SIGINT and SIGTERM end it.\n"
    "Exit status: 0 ended by a signal; 1 another failure; 2 wrong command line; 3 keys file; 4 an address cannot be\n"
    "listened at.\n";

static const struct option long_options[] = {{"listen", required_argument, NULL, 'l'},
                                             {"keys", required_argument, NULL, 'k'},
                                             {"help", no_argument, NULL, 'h'},
                                             {"version", no_argument, NULL, 'V'},
                                             {NULL, 0, NULL, 0}};

static int add_listen(struct relay_options *options, const char *text, struct problem *problem)
{
    struct toxtcp_address address;

    if (address_text_parse(text, strlen(text), &address) != TOXTCP_OK) {
        return problem_set(problem,
                           "--listen: \"%.*s\" is no address with a port; write 127.0.0.1:33445 or [::1]:33445",
                           SHOWN_MAX, text);
    }
    if (options->listen_count == LISTEN_MAX) {
        return problem_set(problem, "--listen: more than %d addresses", LISTEN_MAX);
    }
    options->listen[options->listen_count++] = address;
    return 0;
}

static int read_option(int option, const char *value, struct relay_options *options, struct problem *problem)
{
    switch (option) {
    case 'l':
        return add_listen(options, value, problem);
    case 'k':
        options->keys_path = value;
        return 0;
    case 'h':
        options->help = true;
        return 0;
    case 'V':
        options->version = true;
        return 0;
    default:
        return problem_set(problem, "see toxtcp-relay --help");
    }
}

int options_read(int count, char *const *arguments, struct relay_options *options, struct problem *problem)
{
    int option;

    *options = (struct relay_options){.keys_path = NULL};
    while ((option = getopt_long(count, arguments, "hV", long_options, NULL)) != -1) {
        if (read_option(option, optarg, options, problem) != 0) {
            return -1;
        }
    }
    if (optind < count) {
        return problem_set(problem, "\"%.*s\" is no option; see toxtcp-relay --help", SHOWN_MAX, arguments[optind]);
    }
    if (options->listen_count == 0) {
        options->listen_default = true;
        (void)add_listen(options, "0.0.0.0:33445", problem);
        (void)add_listen(options, "[::]:33445", problem);
    }
    return 0;
}
