/* Network namespaces joined by an emulated network. SPDX-License-Identifier: ISC */
#include "emulator/emulator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns/process.h"
#include "netns/space.h"

/* How many packets are read of a device before the others get their turn. */
enum { PACKET_SIZE = 65536, PACKETS_IN_A_TURN = 64, NS_IN_US = 1000, US_IN_S = 1000000 };

/* --- Ports --- */

static void deliver(void *user, size_t port, const uint8_t *bytes, size_t len)
{
    struct emulator *emulator = user;

    /* A device that is down takes nothing, and neither does one that is gone: as it is with real ones. */
    if (emulator->devices[port] >= 0 && write(emulator->devices[port], bytes, len) < 0 && errno != EIO) {
        space_need(errno == EBADFD || errno == EAGAIN || errno == ENOBUFS, "writing to a TUN device");
    }
}

void emulator_open(struct emulator *emulator, uint64_t seed)
{
    memset(emulator, 0, sizeof *emulator);
    hub_open(&emulator->hub, seed, deliver, emulator);
    emulator->channel = -1;
}

/* Belongs to the namespace that we are in. */
static int open_device(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    const int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    space_need(fd >= 0, "/dev/net/tun, which the path emulator needs");
    memcpy(request.ifr_name, name, strlen(name));
    space_need(ioctl(fd, TUNSETIFF, &request) == 0, "making a TUN device, which needs root or a user namespace");
    return fd;
}

static void configure(const char *name, const char *ipv4, const char *ipv6, unsigned metric)
{
    struct space_script script = {.len = 0};

    space_add(&script, "link set lo up\nlink set dev %s addrgenmode none txqueuelen 5000\n", name);
    space_add(&script, "address add %s/32 dev %s\n", ipv4, name);
    if (ipv6 != NULL) {
        space_add(&script, "address add %s/128 dev %s nodad\n", ipv6, name);
    }
    space_add(&script, "link set dev %s up\nroute add 0.0.0.0/0 dev %s metric %u\n", name, name, metric);
    if (ipv6 != NULL) {
        space_add(&script, "route add ::/0 dev %s metric %u\n", name, metric);
    }
    space_run(&script);
}

void emulator_add(struct emulator *emulator, int name_space, const char *name, const char *ipv4, const char *ipv6,
                  unsigned metric)
{
    const int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    const int port = hub_add(&emulator->hub, name, ipv4, ipv6);

    space_need(here >= 0, "/proc/self/ns/net");
    if (port < 0) {
        space_fail("the emulator can have no port %s with %s and %s", name, ipv4, ipv6 != NULL ? ipv6 : "no IPv6");
    }
    space_enter(name_space);
    emulator->devices[port] = open_device(name);
    configure(name, ipv4, ipv6, metric);
    space_enter(here);
    (void)close(here);
}

/* --- Turns --- */

/* Lines on their way in. */
struct input {
    int fd;
    char bytes[COMMAND_LINE_SIZE];
    size_t len;
};

struct running {
    struct emulator *emulator;
    struct commands commands;
    struct input input;
    int answers;
    bool over;
};

static void read_device(struct emulator *emulator, size_t port)
{
    static uint8_t packet[PACKET_SIZE];

    for (int i = 0; i < PACKETS_IN_A_TURN; i++) {
        const ssize_t len = read(emulator->devices[port], packet, sizeof packet);
        if (len < 0 && errno == EBADFD) {
            /* The device was deleted. */
            (void)close(emulator->devices[port]);
            emulator->devices[port] = -1;
        }
        if (len <= 0) {
            return;
        }
        hub_enter(&emulator->hub, port, packet, (size_t)len, process_now_us());
    }
}

static void do_line(struct running *running, const char *line)
{
    char answer[COMMAND_ANSWER_SIZE + 1];

    commands_do(&running->commands, line, process_now_us(), answer);
    const size_t len = strlen(answer);
    answer[len] = '\n';
    /* Who asks and does not read ends it. */
    running->over |= write(running->answers, answer, len + 1) != (ssize_t)len + 1;
}

static void read_lines(struct running *running)
{
    struct input *input = &running->input;
    const ssize_t len = read(input->fd, input->bytes + input->len, sizeof input->bytes - input->len);
    char *end;

    if (len < 0 && errno == EINTR) {
        return;
    }
    if (len <= 0) {
        running->over = true;
        return;
    }
    input->len += (size_t)len;
    while ((end = memchr(input->bytes, '\n', input->len)) != NULL) {
        *end = 0;
        do_line(running, input->bytes);
        input->len -= (size_t)(end + 1 - input->bytes);
        memmove(input->bytes, end + 1, input->len);
    }
    if (input->len == sizeof input->bytes) {
        input->len = 0;
        do_line(running, "a line that is too long");
    }
}

static void wait_for_more(struct running *running, struct pollfd *entries, size_t count)
{
    const uint64_t hub_us = hub_next_us(&running->emulator->hub);
    const uint64_t commands_us = commands_next_us(&running->commands);
    const uint64_t next_us = hub_us < commands_us ? hub_us : commands_us;
    const uint64_t now_us = process_now_us();
    const uint64_t left_us = next_us > now_us ? next_us - now_us : 0;
    const struct timespec wait = {.tv_sec = (time_t)(left_us / US_IN_S),
                                  .tv_nsec = (long)(left_us % US_IN_S) * NS_IN_US};

    space_need(ppoll(entries, count, next_us == UINT64_MAX ? NULL : &wait, NULL) >= 0 || errno == EINTR, "ppoll");
}

/* The commands first, then an entry for each port. */
static void turn(struct running *running)
{
    struct emulator *emulator = running->emulator;
    struct pollfd entries[1 + HUB_PORTS_MAX] = {{.fd = running->input.fd, .events = POLLIN}};

    for (size_t i = 0; i < emulator->hub.count; i++) {
        entries[1 + i] = (struct pollfd){.fd = emulator->devices[i], .events = POLLIN};
    }
    wait_for_more(running, entries, 1 + emulator->hub.count);
    commands_expire(&running->commands, process_now_us());
    for (size_t i = 0; i < emulator->hub.count; i++) {
        if (entries[1 + i].revents != 0 && emulator->devices[i] >= 0) {
            read_device(emulator, i);
        }
    }
    hub_pass(&emulator->hub, process_now_us());
    if (entries[0].revents != 0) {
        read_lines(running);
    }
}

void emulator_run(struct emulator *emulator, int commands, int answers)
{
    struct running running = {.emulator = emulator, .input.fd = commands, .answers = answers};

    emulator->hub.user = emulator;
    /* Packets leave when they are due, not 50 us later. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    commands_open(&running.commands, &emulator->hub);
    while (!running.over) {
        turn(&running);
    }
    hub_close(&emulator->hub);
}

/* --- A process of its own --- */

void emulator_start(struct emulator *emulator)
{
    int ends[2];

    space_need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    emulator->pid = process_fork(-1);
    if (emulator->pid == 0) {
        (void)close(ends[0]);
        emulator_run(emulator, ends[1], ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    emulator->channel = ends[0];
    /* The devices are the process's alone: they go when it ends. */
    for (size_t i = 0; i < emulator->hub.count; i++) {
        (void)close(emulator->devices[i]);
    }
    (void)emulator_tell(emulator, "ping");
}

void emulator_stop(struct emulator *emulator)
{
    process_end(&emulator->pid);
    if (emulator->channel >= 0) {
        (void)close(emulator->channel);
        emulator->channel = -1;
    }
}

uint64_t emulator_tell(struct emulator *emulator, const char *format, ...)
{
    char line[COMMAND_LINE_SIZE], answer[COMMAND_ANSWER_SIZE + 1];
    size_t len = 0;
    va_list arguments;

    va_start(arguments, format);
    const int line_len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (line_len < 0 || (size_t)line_len >= sizeof line - 1) {
        space_fail("a command for the emulator is too long");
    }
    line[line_len] = '\n';
    space_need(send(emulator->channel, line, (size_t)line_len + 1, MSG_NOSIGNAL) == line_len + 1, "the emulator");
    do {
        const ssize_t more = recv(emulator->channel, answer + len, sizeof answer - 1 - len, 0);
        if (more <= 0) {
            space_fail("the emulator has ended");
        }
        len += (size_t)more;
    } while (answer[len - 1] != '\n' && len < sizeof answer - 1);
    answer[len - 1] = 0;
    line[line_len] = 0;
    if (strncmp(answer, "ok", 2) != 0) {
        space_fail("the emulator says to \"%s\": %s", line, answer);
    }
    return strtoull(answer + 2, NULL, 10);
}
