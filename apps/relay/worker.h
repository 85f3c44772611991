/* One thread of the relay: a loop, a server, its listeners. SPDX-License-Identifier: ISC
 *
 * All is made, and listens, before the thread runs; then other threads only ask it to do things, and it is taken apart
 * when the thread has ended. */
#ifndef APPS_RELAY_WORKER_H
#define APPS_RELAY_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/ev.h>
#include <toxtcp/key.h>
#include <toxtcp/server.h>

#include "figures.h"

struct worker;

/* What a worker was doing when it was asked last. */
struct worker_probe {
    uint64_t output_len;
    uint64_t bytes_read;
};

/* `*worker` is the caller's. Errors: TOXTCP_ERR_NO_MEMORY, TOXTCP_ERR_NO_DESCRIPTOR. */
int worker_new(uint32_t index, const struct toxtcp_server_config *config, const struct toxtcp_key_pair *keys,
               struct worker **worker);
/* Its thread does not run. Streams that are still there are closed. NULL is ignored. */
void worker_free(struct worker *worker);

/* --- Before its thread runs --- */

/* Errors: those of toxtcp_ev_mesh_join(). */
int worker_join(struct worker *worker, struct toxtcp_ev_mesh *mesh);
/* From each listener that is made after this, so many half-open connections may bring data in their SYN. */
void worker_set_fast_open(struct worker *worker, uint32_t queue_len);
/* `*address` becomes the one that was found. `shared`: others will listen there too. Errors: those of
 * toxtcp_ev_listen(). */
int worker_listen(struct worker *worker, struct toxtcp_address *address, bool shared);
/* Whether it could listen there alone, as worker_listen() says; does not go on listening. */
int worker_try_listen(struct worker *worker, const struct toxtcp_address *address);
/* At a duplicate of a socket that listens. Errors: those of toxtcp_ev_listen_socket(). */
int worker_listen_socket(struct worker *worker, int fd, struct toxtcp_address *address);
/* Begins the thread. Errors: TOXTCP_ERR_NO_MEMORY. */
int worker_start(struct worker *worker);

/* --- While it runs, by any thread; none of them waits --- */

void worker_configure(struct worker *worker, const struct toxtcp_server_config *config);
/* Has `report` called in the thread. */
typedef void (*worker_report)(void *user, uint32_t index, const struct worker_figures *figures,
                              const struct histogram *waits_us);
void worker_ask(struct worker *worker, worker_report report, void *user);
void worker_close_listeners(struct worker *worker);
/* Has the thread note what it is doing. */
void worker_probe(struct worker *worker);
/* Whether the last worker_probe() has been answered; if so `*probe` is what it found. */
bool worker_probed(struct worker *worker, struct worker_probe *probe);
/* Ends the loop. */
void worker_stop(struct worker *worker);

/* --- Afterwards --- */

/* Waits for the end of the thread. Does nothing when it does not run. */
void worker_wait(struct worker *worker);
/* Messages of other workers are thrown away from now on, so that none of them tells its clients of our end. */
void worker_leave(struct worker *worker);

#endif
