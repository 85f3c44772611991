/* The workers together: one relay. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_WORKERS_H
#define APPS_RELAY_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include <toxtcp/key.h>

#include "figures.h"
#include "settings.h"

struct workers;

/* Makes the workers; they have no threads and listen nowhere yet. `*workers` is the caller's. Errors:
 * TOXTCP_ERR_NO_MEMORY, TOXTCP_ERR_NO_DESCRIPTOR. */
int workers_new(const struct settings *settings, const struct toxtcp_key_pair *keys, struct workers **workers);
/* Stops the threads and closes all streams. NULL is ignored. */
void workers_free(struct workers *workers);

/* Listens at `*address`, which becomes the one that was found. Before workers_start(). Errors: those of
 * toxtcp_ev_listen(). */
int workers_listen(struct workers *workers, struct toxtcp_address *address);
/* At a socket that listens already, and stays the caller's. Errors: those of toxtcp_ev_listen_socket(). */
int workers_listen_socket(struct workers *workers, int fd, struct toxtcp_address *address);
/* Begins the threads. Errors: TOXTCP_ERR_NO_MEMORY. */
int workers_start(struct workers *workers);

/* Other limits, and another motd. */
void workers_configure(struct workers *workers, const struct settings *settings);

/* Fills in all figures; by any thread. False when a worker did not answer within a second. */
bool workers_gather(struct workers *workers, struct relay_figures *figures);

/* Asks every worker for a sign of life; workers_alive() says whether all have answered since. Neither waits. */
void workers_probe(struct workers *workers);
bool workers_alive(struct workers *workers);

/* --- The end: no newcomers, then what is on its way arrives, then nothing more is read --- */

void workers_close_listeners(struct workers *workers);

enum drain_step { DRAIN_UNKNOWN, DRAIN_BUSY, DRAIN_IDLE };
/* What the workers answered to the last workers_probe(): DRAIN_IDLE when nothing is queued and nothing was read since
 * the time before; DRAIN_UNKNOWN when not all have answered. */
enum drain_step workers_drain_step(struct workers *workers);
/* Has clients not be read any more, so that the queues can become empty. */
void workers_stop_reading(struct workers *workers);

#endif
