/* What the kernel says of TCP sockets on this machine. SPDX-License-Identifier: ISC */
#ifndef TEST_INTEROP_SOCKETS_H
#define TEST_INTEROP_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PORTS_MAX = 16 };

/* Ports in ascending order, each once. */
struct ports {
    size_t count;
    uint16_t port[PORTS_MAX];
};

/* Where that process listens, by IPv4 and IPv6. */
void sockets_listening(pid_t pid, struct ports *ports);
/* The near ends of the connections by IPv4 to that port. */
void sockets_connected(uint16_t to, struct ports *ports);
/* A port that was free on all addresses a moment ago. */
uint16_t sockets_free_port(void);
/* Whether a connection to that port of `host`, an address as text, is taken. */
bool sockets_reach(const char *host, uint16_t port);

void ports_add(struct ports *ports, uint16_t port);

#endif
