/* To be preloaded: takes a program's locking of memory out, to see what that costs. SPDX-License-Identifier: ISC
 *
 * tox-bootstrapd locks the memory of each packet's plaintext, and unlocks it, by libsodium: madvise() and mlock(), then
 * madvise() and munlock(), 16 calls for each packet that it relays. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int mlock(const void *address, size_t len)
{
    (void)address;
    (void)len;
    return 0;
}

int munlock(const void *address, size_t len)
{
    (void)address;
    (void)len;
    return 0;
}

int madvise(void *address, size_t len, int advice)
{
    if (advice == MADV_DONTDUMP || advice == MADV_DODUMP) {
        errno = EINVAL; /* what it hears from the kernel there, because that memory is not aligned to pages */
        return -1;
    }
    return (int)syscall(SYS_madvise, address, len, advice);
}
