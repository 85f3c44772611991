/* A toxtcp-relay of the test's own, as a process. SPDX-License-Identifier: ISC */
#ifndef TEST_INTEROP_RELAYD_H
#define TEST_INTEROP_RELAYD_H

#include <stdint.h>
#include <sys/types.h>

#include <toxtcp/toxtcp.h>

struct relayd {
    char directory[64]; /* its configuration, keys and log */
    pid_t pid;          /* 0 when it does not run */
    struct toxtcp_public_key key;
    uint16_t port; /* the first one that it listens at */
};

/* Makes its directory. */
void relayd_prepare(struct relayd *relay);
/* Removes the directory. Stop it first. */
void relayd_cleanup(struct relayd *relay);
/* Puts a path beneath the directory together. */
void relayd_path(const struct relayd *relay, const char *name, char path[128]);
/* Writes the configuration `conf` of the directory, from the start. */
__attribute__((format(printf, 2, 3))) void relayd_configure(const struct relayd *relay, const char *format, ...);
/* Starts it with the configuration at `path` (NULL: the directory's own), and waits until it listens at as many
 * addresses. It dies with this process, however that ends. */
void relayd_start(struct relayd *relay, const char *path, unsigned addresses);
void relayd_signal(const struct relayd *relay, int signal_number);
/* Ends it with SIGTERM and waits for its end, which must be a good one. Nothing happens when it does not run. */
void relayd_stop(struct relayd *relay);
/* How often its log has that text by now. */
unsigned relayd_said(const struct relayd *relay, const char *text);

#endif
