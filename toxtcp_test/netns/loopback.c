/* A network of a test's own that is loopback alone. SPDX-License-Identifier: ISC */
#include "netns/loopback.h"

#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns/space.h"

void loopback_set_fast_open(const char *fast_open)
{
    const size_t len = strlen(fast_open);
    const int fd = open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC);

    space_need(fd >= 0 && write(fd, fast_open, len) == (ssize_t)len, "net.ipv4.tcp_fastopen");
    (void)close(fd);
}

void loopback_open(const char *fast_open)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

    space_leave_machine();
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    space_need(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0, "lo");
    (void)close(fd);
    loopback_set_fast_open(fast_open);
}
