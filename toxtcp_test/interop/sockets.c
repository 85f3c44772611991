/* What the kernel says of TCP sockets on this machine. SPDX-License-Identifier: ISC */
#include "interop/sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

/* States as /proc/net/tcp writes them. */
enum { STATE_ESTABLISHED = 0x01, STATE_LISTEN = 0x0a };

struct row {
    unsigned near_port;
    unsigned far_port;
    unsigned state;
    unsigned long inode;
};

void ports_add(struct ports *ports, uint16_t port)
{
    size_t at = 0;
    while (at < ports->count && ports->port[at] < port)
        at++;
    if (at < ports->count && ports->port[at] == port)
        return;
    ck_assert_uint_lt(ports->count, PORTS_MAX);
    memmove(&ports->port[at + 1], &ports->port[at], (ports->count - at) * sizeof ports->port[0]);
    ports->port[at] = port;
    ports->count++;
}

/* Calls `take` with every row of /proc/net/tcp or tcp6. */
static void each_row(const char *path, void (*take)(const struct row *row, void *user), void *user)
{
    char line[512];
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    while (fgets(line, sizeof line, file) != NULL) {
        struct row row;
        if (sscanf(line, "%*u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %*s %*s %*s %*u %*u %lu", &row.near_port, &row.far_port,
                   &row.state, &row.inode) == 4)
            take(&row, user);
    }
    fclose(file);
}

/* --- Listeners of a process --- */

struct search {
    pid_t pid;
    struct ports *ports;
};

static bool owns(pid_t pid, unsigned long inode)
{
    char directory[32], want[48];
    bool found = false;
    snprintf(directory, sizeof directory, "/proc/%d/fd", (int)pid);
    snprintf(want, sizeof want, "socket:[%lu]", inode);
    DIR *list = opendir(directory);
    ck_assert_msg(list != NULL, "%s cannot be read", directory);
    for (const struct dirent *entry = readdir(list); entry != NULL && !found; entry = readdir(list)) {
        char target[48] = "";
        if (readlinkat(dirfd(list), entry->d_name, target, sizeof target - 1) > 0)
            found = strcmp(target, want) == 0;
    }
    closedir(list);
    return found;
}

static void take_listener(const struct row *row, void *user)
{
    struct search *search = user;
    if (row->state == STATE_LISTEN && owns(search->pid, row->inode))
        ports_add(search->ports, (uint16_t)row->near_port);
}

void sockets_listening(pid_t pid, struct ports *ports)
{
    struct search search = {pid, ports};
    ports->count = 0;
    each_row("/proc/net/tcp", take_listener, &search);
    each_row("/proc/net/tcp6", take_listener, &search);
}

/* --- Connections --- */

struct connections {
    uint16_t to;
    struct ports *ports;
};

static void take_connection(const struct row *row, void *user)
{
    struct connections *connections = user;
    if (row->state == STATE_ESTABLISHED && row->far_port == connections->to)
        ports_add(connections->ports, (uint16_t)row->near_port);
}

void sockets_connected(uint16_t to, struct ports *ports)
{
    struct connections connections = {to, ports};
    ports->count = 0;
    each_row("/proc/net/tcp", take_connection, &connections);
}

uint16_t sockets_free_port(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin6_port);
}

bool sockets_reach(const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    ck_assert_int_eq(getaddrinfo(host, service, &hints, &found), 0);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool reached = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return reached;
}
