/* A file of given bytes that lies in memory and has a path. SPDX-License-Identifier: ISC */
#ifndef TEST_FUZZ_MEMORY_FILE_H
#define TEST_FUZZ_MEMORY_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MEMORY_FILE_PATH_SIZE = 32 };

struct memory_file {
    int fd;
    char path[MEMORY_FILE_PATH_SIZE];
};

/* Aborts when it can't. */
void memory_file_make(struct memory_file *file, const uint8_t *bytes, size_t len, mode_t mode);
void memory_file_close(struct memory_file *file);

#endif
