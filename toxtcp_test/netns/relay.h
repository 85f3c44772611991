/* Our relay, and a way to it that takes its time, as processes. SPDX-License-Identifier: ISC */
#ifndef TEST_NETNS_RELAY_H
#define TEST_NETNS_RELAY_H

#include <stdint.h>
#include <sys/types.h>

#include <toxtcp/key.h>

/* Starts a relay in that namespace; it listens when this returns. */
pid_t relay_start(int name_space, const struct toxtcp_key_pair *keys, uint16_t port);

/* Starts a forwarder from `port` to 127.0.0.1:`relay_port` in that namespace; it listens when this returns. Each byte
 * leaves it `delay_ms` after it came, both ways. */
pid_t delay_start(int name_space, uint16_t port, uint16_t relay_port, uint32_t delay_ms);

#endif
