/* Serves made-up figures, ten minutes of them at once, then as time goes by. SPDX-License-Identifier: ISC
 *
 * usage: relay_page_server [MOTD]    prints its address; ends when its input does */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../apps/relay/http.h"
#include "made_up_figures.h"

enum { STEP_MS = 10000, START_MS = 266300000, PAST_STEPS = 62, LOOK_MS = 10 };

struct page_relay {
    struct made_up_relay made_up;
    const char *motd;
    int told; /* the pipe that says that the past is there */
    uint32_t steps;
    struct timespec began;
};

static uint64_t passed_ms(const struct page_relay *relay)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)((now.tv_sec - relay->began.tv_sec) * 1000 + (now.tv_nsec - relay->began.tv_nsec) / 1000000);
}

static bool tell(void *user, struct relay_figures *figures)
{
    struct page_relay *relay = user;
    uint64_t later_ms = 0;

    if (relay->steps < PAST_STEPS) {
        relay->steps++;
        if (relay->steps == PAST_STEPS) {
            (void)clock_gettime(CLOCK_MONOTONIC, &relay->began);
            if (write(relay->told, "", 1) != 1) {
                return false;
            }
        }
    } else {
        later_ms = passed_ms(relay);
    }
    /* Days ago is one step. */
    if (relay->made_up.figures.uptime_ms == 0) {
        relay->made_up.figures.uptime_ms = START_MS;
    }
    made_up_relay_run(&relay->made_up, START_MS + (uint64_t)relay->steps * STEP_MS + later_ms);
    *figures = relay->made_up.figures;
    if (relay->motd != NULL) {
        (void)strncpy(figures->motd, relay->motd, sizeof figures->motd - 1);
    }
    return true;
}

int main(int count, char **arguments)
{
    static struct page_relay relay;
    const struct http_times times = {.patience_ms = 15000, .sample_ms = LOOK_MS};
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {127, 0, 0, 1}};
    char text[TOXTCP_ADDRESS_TEXT_SIZE];
    struct problem problem;
    struct http *http;
    int told[2];
    char byte;

    if (pipe(told) != 0) {
        return 1;
    }
    relay.told = told[1];
    relay.motd = count > 1 ? arguments[1] : NULL;
    if (http_start_with(&times, &address, tell, &relay, &http, &problem) != 0) {
        (void)fprintf(stderr, "%s\n", problem.text);
        return 1;
    }
    if (read(told[0], &byte, 1) == 1) {
        http_address(http, &address);
        toxtcp_address_format(&address, text);
        (void)printf("%s\n", text);
        (void)fflush(stdout);
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    http_stop(http);
    return 0;
}
