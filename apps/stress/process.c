/* What a process costs, out of /proc. SPDX-License-Identifier: ISC */
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { PATH_SIZE = 64, STAT_SIZE = 1024 };

/* The clock of another process is exact to nanoseconds; /proc/PID/stat counts hundredths of a second. */
static bool cpu_by_clock(uint32_t pid, uint64_t *cpu_ns)
{
    clockid_t clock;

    if (clock_getcpuclockid((pid_t)pid, &clock) != 0) {
        return false;
    }
    *cpu_ns = clock_read(clock);
    return *cpu_ns > 0;
}

static bool read_stat(uint32_t pid, char text[STAT_SIZE])
{
    char path[PATH_SIZE];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    len = fread(text, 1, STAT_SIZE - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return len > 0;
}

/* utime and stime, and the resident pages. The name before them may hold blanks and brackets. */
static bool parse_stat(const char *text, uint64_t *ticks, uint64_t *pages)
{
    const char *rest = strrchr(text, ')');
    unsigned long user = 0;
    unsigned long system = 0;
    long resident = 0;

    if (rest == NULL ||
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld",
               &user, &system, &resident) != 3) {
        return false;
    }
    *ticks = (uint64_t)user + system;
    *pages = (uint64_t)resident;
    return true;
}

int process_sample(uint32_t pid, struct process_sample *sample, struct problem *problem)
{
    char text[STAT_SIZE];
    uint64_t ticks = 0;
    uint64_t pages = 0;

    if (!read_stat(pid, text) || !parse_stat(text, &ticks, &pages)) {
        return problem_set(problem, "there is no process %u", pid);
    }
    if (!cpu_by_clock(pid, &sample->cpu_ns)) {
        sample->cpu_ns = ticks * NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
    }
    sample->rss_kib = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
    return 0;
}

uint32_t process_descriptors(uint32_t pid)
{
    char path[PATH_SIZE];
    DIR *directory;
    uint32_t count = 0;
    const struct dirent *entry;

    (void)snprintf(path, sizeof path, "/proc/%u/fd", pid);
    directory = opendir(path);
    if (directory == NULL) {
        return 0;
    }
    while ((entry = readdir(directory)) != NULL) {
        count += entry->d_name[0] == '.' ? 0 : 1;
    }
    (void)closedir(directory);
    return count;
}

uint64_t process_heap(void)
{
#if defined __GLIBC__ && __GLIBC_PREREQ(2, 33)
    const struct mallinfo2 info = mallinfo2();

    return (uint64_t)info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}
