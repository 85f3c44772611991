/* A tox-bootstrapd of the test's own. SPDX-License-Identifier: ISC */
#ifndef TEST_INTEROP_BOOTSTRAPD_H
#define TEST_INTEROP_BOOTSTRAPD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <toxtcp/toxtcp.h>

struct bootstrapd {
    char directory[64]; /* its configuration, keys and log */
    uint16_t tcp_port;
    uint16_t udp_port;
    int tcp_hold; /* a socket that keeps the port ours between two starts */
    pid_t pid;    /* 0 when it does not run */
    struct toxtcp_key_pair keys;
};

/* Makes a directory with a configuration on free ports, and a keys file with fresh keys. Aborts when it can't. */
void bootstrapd_prepare(struct bootstrapd *relay);
/* Starts it and waits until it takes connections. It dies with this process, however that ends.
 * Ends this process, with the relay's log, when it is missing or does not come up. */
void bootstrapd_start(struct bootstrapd *relay);
/* Ends it with that signal and waits for its end. Nothing happens when it does not run. */
void bootstrapd_stop(struct bootstrapd *relay, int signal_number);
/* Reads the keys file as it stands now. */
void bootstrapd_read_keys(struct bootstrapd *relay);
void bootstrapd_remove_keys(const struct bootstrapd *relay);
/* Stops it and removes the directory. */
void bootstrapd_cleanup(struct bootstrapd *relay);

#endif
