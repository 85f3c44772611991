/* What the process may and may not. SPDX-License-Identifier: ISC */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* LeakSanitizer looks into our memory. */
#if defined(__SANITIZE_ADDRESS__)
#define DUMPABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DUMPABLE 1
#endif
#endif
#ifndef DUMPABLE
#define DUMPABLE 0
#endif

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void process_harden(void)
{
    const struct rlimit none = {0, 0};

    (void)umask(077);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
}

void process_open_standard(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        (void)close(fd);
    }
}

uint64_t process_descriptors_max(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 1024;
}

bool process_lacks_fast_open(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_fastopen", "re");
    unsigned value = 0;
    bool known;

    if (file == NULL) {
        return false;
    }
    known = fscanf(file, "%u", &value) == 1;
    (void)fclose(file);
    return known && (value & 2U) == 0;
}

int process_write_pid(const char *path, struct problem *problem)
{
    /* Others read it: that is what it is for. */
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    char text[24];
    int len;
    int failed;

    if (fd < 0) {
        return problem_set(problem, "pid file %.400s: %s", path, strerror(errno));
    }
    len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    failed = write(fd, text, (size_t)len) != len || fchmod(fd, 0644) != 0;
    if (failed) {
        (void)problem_set(problem, "pid file %.400s: %s", path, strerror(errno));
    }
    (void)close(fd);
    return failed ? -1 : 0;
}

void process_remove_pid(const char *path)
{
    FILE *file = fopen(path, "re");
    long pid = 0;

    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%ld", &pid) == 1 && pid == (long)getpid()) {
        (void)unlink(path);
    }
    (void)fclose(file);
}

void process_block_signals(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
}

void process_unblock_signals(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_UNBLOCK, &all, NULL);
}
