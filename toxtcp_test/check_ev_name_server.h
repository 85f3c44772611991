/* A name server on loopback, for tests of libtoxtcp-ev. SPDX-License-Identifier: ISC */
#ifndef TEST_CHECK_EV_NAME_SERVER_H
#define TEST_CHECK_EV_NAME_SERVER_H

#include "check_ev.h"

struct name_server {
    int fd;
    struct ev_io io;
    uint32_t questions;
    uint32_t labels; /* of the name that was asked for last */
    bool silent;
    bool silent_for_ip6;
    const uint8_t (*addresses)[4]; /* of every name */
    uint8_t address_count;         /* 0: no name exists */
    uint8_t ip6_count;             /* how often every name has the address `ip6` too */
    uint8_t ip6[16];               /* ::1 at first */
    double ip4_delay;              /* of the answers for IPv4, in seconds; 0: none */
    struct ev_timer timer;
    char text[32]; /* "127.0.0.1:PORT" */
};

/* Opens a socket on loopback, and writes where, as "127.0.0.1:PORT". */
int name_server_socket(char *text, size_t size);
/* A server that answers on the side's loop, and that its driver asks. */
void name_server_open(struct name_server *server, struct side *side);
/* After its loop is over. */
void name_server_close(struct name_server *server);

#endif
