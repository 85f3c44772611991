/* Figures of a relay that is not there, for tests of what shows them. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_TEST_APPS_MADE_UP_FIGURES_H
#define TOXTCP_TEST_APPS_MADE_UP_FIGURES_H

#include <stdint.h>

#include "../../apps/relay/figures.h"

/* Zeroed, it stands at the start. */
struct made_up_relay {
    struct relay_figures figures;
    uint64_t random;
};

/* A busy evening goes on, second by second, until then. The same each time. */
void made_up_relay_run(struct made_up_relay *relay, uint64_t uptime_ms);

#endif
