/* The keys file: 64 raw bytes, mode 0600. SPDX-License-Identifier: ISC */
#include "keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <toxtcp/error.h>

/* As many bytes as there are, up to `size`; -1 with errno set. */
static ssize_t read_all(int fd, uint8_t *bytes, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t got = read(fd, bytes + len, size - len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -1;
        }
        bytes += put;
        len -= (size_t)put;
    }
    return fsync(fd);
}

static int check_file(const char *path, int fd, struct problem *problem)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        return problem_set(problem, "keys file %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return problem_set(problem, "keys file %s is not a plain file", path);
    }
    if ((status.st_mode & 077) != 0) {
        return problem_set(problem,
                           "keys file %s can be read or changed by others (mode %04o): make it yours alone with "
                           "chmod 600 %s, or take another one if a stranger may have seen it",
                           path, (unsigned)(status.st_mode & 07777), path);
    }
    if (status.st_size != TOXTCP_KEYS_FILE_SIZE) {
        return problem_set(problem, "keys file %s has %lld bytes, not %d: it is no keys file", path,
                           (long long)status.st_size, TOXTCP_KEYS_FILE_SIZE);
    }
    return 0;
}

static int read_keys(const char *path, int fd, struct toxtcp_key_pair *keys, struct problem *problem)
{
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE];
    ssize_t len;
    int result = 0;

    if (check_file(path, fd, problem) != 0) {
        return -1;
    }
    len = read_all(fd, bytes, sizeof bytes);
    if (len < 0) {
        result = problem_set(problem, "keys file %s cannot be read: %s", path, strerror(errno));
    } else if (toxtcp_key_pair_decode(bytes, (size_t)len, keys) != TOXTCP_OK) {
        result =
            problem_set(problem, "keys file %s is damaged: its public key does not belong to its secret key", path);
    }
    sodium_memzero(bytes, sizeof bytes);
    return result;
}

/* Nothing half written stays behind. */
static int write_keys(const char *path, int fd, const struct toxtcp_key_pair *keys, struct problem *problem)
{
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE];
    int failed;

    toxtcp_key_pair_encode(keys, bytes);
    failed = fchmod(fd, 0600) != 0 || write_all(fd, bytes, sizeof bytes) != 0;
    sodium_memzero(bytes, sizeof bytes);
    if (!failed) {
        return 0;
    }
    (void)problem_set(problem, "keys file %s cannot be written: %s", path, strerror(errno));
    (void)unlink(path);
    return -1;
}

static int make_keys(const char *path, int fd, struct toxtcp_env *env, struct toxtcp_key_pair *keys,
                     struct problem *problem)
{
    toxtcp_key_pair_generate(env, keys);
    if (write_keys(path, fd, keys, problem) == 0) {
        return 0;
    }
    toxtcp_key_pair_wipe(keys);
    return -1;
}

int keys_file_load(const char *path, struct toxtcp_env *env, struct toxtcp_key_pair *keys, bool *made,
                   struct problem *problem)
{
    /* O_NONBLOCK: a FIFO of that name is refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int result;

    *made = false;
    if (fd < 0 && errno == ENOENT) {
        /* O_EXCL: whoever makes the file at the same moment wins, and no link leads us elsewhere. */
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        *made = fd >= 0;
    }
    if (fd < 0) {
        return problem_set(problem, "keys file %s cannot be opened or made: %s", path, strerror(errno));
    }
    result = *made ? make_keys(path, fd, env, keys, problem) : read_keys(path, fd, keys, problem);
    (void)close(fd);
    return result;
}
