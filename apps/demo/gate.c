/* Carries datagrams between two programs that know only this gate's addresses. SPDX-License-Identifier: ISC
 *
 * usage: gate
 *
 * It prints two addresses. What comes to one goes out of the other, to whoever was heard there last: so each program is
 * told the address that stands for the other one, as a router with forwarded ports would have it. Stopping the gate
 * (SIGSTOP) cuts the path without a word to anybody. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 65535 };

struct side {
    int fd;
    bool known; /* somebody was heard here */
    struct sockaddr_in who;
};

static bool open_side(struct side *side)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;

    side->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (side->fd < 0 || bind(side->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(side->fd, (struct sockaddr *)&address, &size) != 0) {
        perror("gate");
        return false;
    }
    (void)printf("127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    return true;
}

static void carry(struct side *from, const struct side *to)
{
    static unsigned char bytes[DATAGRAM_MAX];
    socklen_t size = sizeof from->who;
    ssize_t len = recvfrom(from->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from->who, &size);

    if (len < 0) {
        return;
    }
    from->known = true;
    if (to->known) {
        (void)sendto(to->fd, bytes, (size_t)len, 0, (const struct sockaddr *)&to->who, sizeof to->who);
    }
}

int main(void)
{
    struct side sides[2] = {{.fd = -1}, {.fd = -1}};
    struct pollfd polled[2];

    if (!open_side(&sides[0]) || !open_side(&sides[1]) || fflush(stdout) != 0) {
        return 1;
    }
    for (;;) {
        for (int i = 0; i < 2; i++) {
            polled[i] = (struct pollfd){.fd = sides[i].fd, .events = POLLIN};
        }
        if (poll(polled, 2, -1) < 0) {
            return 1;
        }
        for (int i = 0; i < 2; i++) {
            if (polled[i].revents != 0) {
                carry(&sides[i], &sides[1 - i]);
            }
        }
    }
}
