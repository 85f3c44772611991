/* The relay's main thread while it runs: signals, the watchdog, and the end. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_DAEMON_H
#define APPS_RELAY_DAEMON_H

#include "options.h"
#include "settings.h"
#include "workers.h"

/* Lowers clients_max to what the descriptors suffice for, and says so. */
void daemon_fit_clients(struct settings *settings);

/* Runs until a signal has ended it and what was queued is delivered. `settings` are those that are in force; they
 * change with SIGHUP. Signals are blocked before, and their handlers are there when it unblocks them. */
void daemon_run(const struct relay_options *options, struct settings *settings, struct workers *workers);

#endif
