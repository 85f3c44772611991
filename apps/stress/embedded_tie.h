/* What goes over the socket between a run and a relay that it has started; its end ends the relay.
 * SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_EMBEDDED_TIE_H
#define APPS_STRESS_EMBEDDED_TIE_H

#include <stdint.h>

#include <toxtcp/key.h>

/* To the relay. It answers with an int32_t: its port, or a TOXTCP_ERR_.... */
struct tie_order {
    uint8_t keys[TOXTCP_KEYS_FILE_SIZE];
    uint16_t port; /* 0: any that is free */
};

#endif
