/* A network of a test's own that is loopback alone. SPDX-License-Identifier: ISC */
#ifndef TEST_NETNS_LOOPBACK_H
#define TEST_NETNS_LOOPBACK_H

/* Leaves the machine's network for good, as space_leave_machine() does, and sets net.ipv4.tcp_fastopen in the new one.
 */
void loopback_open(const char *fast_open);
void loopback_set_fast_open(const char *fast_open);

#endif
