/* The command line of toxtcp-sim. SPDX-License-Identifier: ISC */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: toxtcp-sim [OPTION]...\n"
    "Lets peers talk through relays in a simulated network where everything goes wrong, in virtual time, and holds\n"
    "what happens against the rules. One seed is one run. Exits with 1 when a rule was broken.\n"
    "\n"
    "  --seed N         the run of that seed (1)\n"
    "  --seeds A..B     all from A to B\n"
    "  --keep-going     go on after a failure\n"
    "  --seconds S      begin no further run after so long\n"
    "  --trace          print what happens\n"
    "  --check-all      check every object after every step\n"
    "  --peers N        2 to 12, instead of what is drawn\n"
    "  --relays N       1 to 8\n"
    "  --minutes M      length of the time in which things go wrong\n"
    "  --liars PERCENT  chance of a relay to be a liar\n"
    "  --help           this text\n";

enum option_number {
    OPTION_SEED = 1,
    OPTION_SEEDS,
    OPTION_KEEP_GOING,
    OPTION_SECONDS,
    OPTION_TRACE,
    OPTION_CHECK_ALL,
    OPTION_PEERS,
    OPTION_RELAYS,
    OPTION_MINUTES,
    OPTION_LIARS,
    OPTION_HELP
};

static const struct option list[] = {{"seed", required_argument, NULL, OPTION_SEED},
                                     {"seeds", required_argument, NULL, OPTION_SEEDS},
                                     {"keep-going", no_argument, NULL, OPTION_KEEP_GOING},
                                     {"seconds", required_argument, NULL, OPTION_SECONDS},
                                     {"trace", no_argument, NULL, OPTION_TRACE},
                                     {"check-all", no_argument, NULL, OPTION_CHECK_ALL},
                                     {"peers", required_argument, NULL, OPTION_PEERS},
                                     {"relays", required_argument, NULL, OPTION_RELAYS},
                                     {"minutes", required_argument, NULL, OPTION_MINUTES},
                                     {"liars", required_argument, NULL, OPTION_LIARS},
                                     {"help", no_argument, NULL, OPTION_HELP},
                                     {NULL, 0, NULL, 0}};

static _Noreturn void refuse(const char *what, const char *text)
{
    (void)fprintf(stderr, "toxtcp-sim: %s: %s (try --help)\n", what, text);
    exit(2);
}

/* Reads a number up to `end`, which is 0 at the end of the text. */
static uint64_t read_number(const char *text, const char *stop, uint64_t min, uint64_t max)
{
    char *end = NULL;

    errno = 0;
    const uint64_t number = strtoull(text, &end, 10);
    if (errno || end == text || end != stop || *text == '-' || number < min || number > max) {
        refuse("not a number that is allowed here", text);
    }
    return number;
}

static uint32_t read_small(const char *text, uint32_t min, uint32_t max)
{
    return (uint32_t)read_number(text, text + strlen(text), min, max);
}

static void read_seeds(struct options *options, const char *text)
{
    const char *dots = strstr(text, "..");

    if (!dots) {
        refuse("not two numbers", text);
    }
    options->first = read_number(text, dots, 0, UINT64_MAX - 1);
    options->last = read_number(dots + 2, dots + strlen(dots), options->first, UINT64_MAX - 1);
}

static void take(struct options *options, int option, const char *text)
{
    switch (option) {
    case OPTION_SEED:
        options->first = read_number(text, text + strlen(text), 0, UINT64_MAX - 1);
        options->last = options->first;
        break;
    case OPTION_SEEDS:
        read_seeds(options, text);
        break;
    case OPTION_KEEP_GOING:
        options->keep_going = true;
        break;
    case OPTION_SECONDS:
        options->seconds = read_small(text, 1, 1000000);
        break;
    case OPTION_TRACE:
        options->trace = true;
        break;
    case OPTION_CHECK_ALL:
        options->wish.check_all = true;
        break;
    case OPTION_PEERS:
        options->wish.peers = read_small(text, 2, PEERS_MAX);
        break;
    case OPTION_RELAYS:
        options->wish.relays = read_small(text, 1, RELAYS_MAX);
        break;
    case OPTION_MINUTES:
        options->wish.minutes = read_small(text, 1, 100000);
        break;
    case OPTION_LIARS:
        options->wish.liars = 1 + read_small(text, 0, 100);
        break;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        exit(EXIT_SUCCESS);
    default:
        exit(2); /* getopt_long() has said why */
    }
}

void options_read(struct options *options, int argc, char **argv)
{
    int option;

    *options = (struct options){.first = 1, .last = 1};
    while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
        take(options, option, optarg);
    }
    if (optind < argc) {
        refuse("not an option", argv[optind]);
    }
}

static void add_number(char *text, size_t size, const char *option, uint32_t number)
{
    const size_t len = strlen(text);

    (void)snprintf(text + len, size - len, " %s %" PRIu32, option, number);
}

void options_format_replay(const struct options *options, uint64_t seed, char *text, size_t size)
{
    const struct knobs_wish *wish = &options->wish;

    (void)snprintf(text, size, "toxtcp-sim --trace --seed %" PRIu64, seed);
    if (wish->peers) {
        add_number(text, size, "--peers", wish->peers);
    }
    if (wish->relays) {
        add_number(text, size, "--relays", wish->relays);
    }
    if (wish->minutes) {
        add_number(text, size, "--minutes", wish->minutes);
    }
    if (wish->liars) {
        add_number(text, size, "--liars", wish->liars - 1);
    }
}
