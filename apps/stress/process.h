/* What a process costs, as the system counts it. SPDX-License-Identifier: ISC */
#ifndef APPS_STRESS_PROCESS_H
#define APPS_STRESS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/problem.h"

struct process_sample {
    uint64_t cpu_ns; /* of all its threads, so far */
    uint64_t rss_kib;
};

/* Returns 0, or -1 with `problem` set when there is no such process or we may not look. */
int process_sample(uint32_t pid, struct process_sample *sample, struct problem *problem);

/* How many descriptors the process has; 0 when we may not look. Costs milliseconds where there are thousands. */
uint32_t process_descriptors(uint32_t pid);

/* Bytes that this process has allocated and not freed, all threads together; 0 where the system does not tell. */
uint64_t process_heap(void);

#endif
