/* What systemd gives and is told. SPDX-License-Identifier: ISC */
#include "supervisor.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#include <time.h>

size_t supervisor_socket_count(void)
{
    /* Programs that we start are none of its business: there are none. */
    const int count = sd_listen_fds(0);

    return count > 0 ? (size_t)count : 0;
}

int supervisor_socket(size_t index)
{
    return SD_LISTEN_FDS_START + (int)index;
}

uint64_t supervisor_watchdog_us(void)
{
    uint64_t interval = 0;

    return sd_watchdog_enabled(0, &interval) > 0 ? interval : 0;
}

void supervisor_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void supervisor_reloading(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void supervisor_stopping(const char *status)
{
    (void)sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status);
}

void supervisor_status(const char *status)
{
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void supervisor_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

#else

size_t supervisor_socket_count(void)
{
    return 0;
}

int supervisor_socket(size_t index)
{
    (void)index;
    return -1;
}

uint64_t supervisor_watchdog_us(void)
{
    return 0;
}

void supervisor_ready(const char *status)
{
    (void)status;
}

void supervisor_reloading(void)
{
}

void supervisor_stopping(const char *status)
{
    (void)status;
}

void supervisor_status(const char *status)
{
    (void)status;
}

void supervisor_alive(void)
{
}

#endif
