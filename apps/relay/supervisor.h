/* What systemd gives and is told; without it, or without libsystemd, nothing happens. SPDX-License-Identifier: ISC */
#ifndef APPS_RELAY_SUPERVISOR_H
#define APPS_RELAY_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>

/* Sockets that it opened for us, from supervisor_socket(0) on. */
size_t supervisor_socket_count(void);
int supervisor_socket(size_t index);

/* How often it wants to hear that we live, in microseconds; 0 for never. */
uint64_t supervisor_watchdog_us(void);

void supervisor_ready(const char *status);
void supervisor_reloading(void);
void supervisor_stopping(const char *status);
void supervisor_status(const char *status);
void supervisor_alive(void);

#endif
