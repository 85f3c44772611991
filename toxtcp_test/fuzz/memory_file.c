/* A file of given bytes that lies in memory and has a path. SPDX-License-Identifier: ISC */
#include "fuzz/memory_file.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/net_env.h"

void memory_file_make(struct memory_file *file, const uint8_t *bytes, size_t len, mode_t mode)
{
    file->fd = memfd_create("fuzz", MFD_CLOEXEC);
    net_require(file->fd >= 0, "no memory file");
    net_require(write(file->fd, bytes, len) == (ssize_t)len, "the memory file cannot be written");
    net_require(fchmod(file->fd, mode) == 0, "the memory file's mode cannot be set");
    (void)snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

void memory_file_close(struct memory_file *file)
{
    (void)close(file->fd);
}
