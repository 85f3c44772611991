/* Three relays and two peers in namespaces of their own, around a router. SPDX-License-Identifier: ISC */
#include "netns/star.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT_SIZE = 4096, LINE_SIZE = 2048, NOT_FOUND = 127 };

void star_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)fprintf(stderr, "namespaces: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    exit(EXIT_FAILURE);
}

void star_need(bool holds, const char *what)
{
    if (!holds) {
        star_fail("%s: %s", what, strerror(errno));
    }
}

static void write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    star_need(fd >= 0, path);
    star_need(write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
    (void)close(fd);
}

/* --- ip(8) --- */

/* Lines for `ip -batch`. */
struct script {
    char text[SCRIPT_SIZE];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct script *script, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(script->text + script->len, sizeof script->text - script->len, format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof script->text - script->len) {
        star_fail("a script for ip is too long");
    }
    script->len += (size_t)len;
}

/* In the namespace that we are in. */
static int run_ip(const struct script *script)
{
    int ends[2], status;
    pid_t pid;

    /* The pipe takes the whole script, before anybody reads it: so none of both waits for the other. */
    star_need(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    star_need(write(ends[1], script->text, script->len) == (ssize_t)script->len, "pipe");
    (void)close(ends[1]);
    pid = fork();
    star_need(pid >= 0, "fork");
    if (pid == 0) {
        (void)dup2(ends[0], STDIN_FILENO);
        (void)execlp("ip", "ip", "-batch", "-", (char *)NULL);
        _exit(NOT_FOUND);
    }
    (void)close(ends[0]);
    while (waitpid(pid, &status, 0) != pid) {
        star_need(errno == EINTR, "waitpid");
    }
    return status;
}

static void run(const struct script *script)
{
    const int status = run_ip(script);

    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
        star_fail("`ip` is missing: install iproute2");
    }
    if (status != 0) {
        star_fail("`ip -batch` refused:\n%s", script->text);
    }
}

/* --- Namespaces --- */

static void become_root_of_a_user_namespace(int why_not_root)
{
    char map[32];
    const unsigned user = geteuid(), group = getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        star_fail("network namespaces need root (%s), and user namespaces are not allowed here (%s): run this as root",
                  strerror(why_not_root), strerror(errno));
    }
    write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "0 %u 1", user);
    write_file("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof map, "0 %u 1", group);
    write_file("/proc/self/gid_map", map);
}

void star_leave_machine(void)
{
    if (unshare(CLONE_NEWNET) != 0) {
        become_root_of_a_user_namespace(errno);
    }
}

/* This process is in it then. */
static int fresh_namespace(void)
{
    int name_space;

    star_need(unshare(CLONE_NEWNET) == 0, "unshare");
    name_space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    star_need(name_space >= 0, "/proc/self/ns/net");
    return name_space;
}

void star_enter(int name_space)
{
    star_need(setns(name_space, CLONE_NEWNET) == 0, "setns");
}

struct toxtcp_address star_address(size_t node, uint16_t port)
{
    struct toxtcp_address address = {.family = TOXTCP_FAMILY_IPV4, .ip = {10, 0, (uint8_t)node, 2}, .port = port};

    return address;
}

static void open_node(struct star *star, unsigned node)
{
    struct script script = {.len = 0};

    star->nodes[node] = fresh_namespace();
    add(&script, "link set lo up\n");
    add(&script, "link add router type veth peer name node%u netns /proc/%d/fd/%d\n", node, (int)getpid(),
        star->router);
    add(&script, "address add 10.0.%u.2/24 dev router\nlink set router up\n", node);
    add(&script, "route add default via 10.0.%u.1\n", node);
    run(&script);
}

/* Without a filter on return paths: a way must be able to live while the way back is cut. */
static void open_router(void)
{
    struct script script = {.len = 0};

    add(&script, "link set lo up\n");
    for (unsigned node = 0; node < STAR_NODES; node++) {
        add(&script, "address add 10.0.%u.1/24 dev node%u\nlink set node%u up\n", node, node, node);
    }
    run(&script);
    write_file("/proc/sys/net/ipv4/ip_forward", "1");
    write_file("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
    for (unsigned node = 0; node < STAR_NODES; node++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/node%u/rp_filter", node);
        write_file(path, "0");
    }
}

void star_open(struct star *star)
{
    memset(star, 0, sizeof *star);
    star->router = fresh_namespace();
    for (unsigned node = 0; node < STAR_NODES; node++) {
        open_node(star, node);
    }
    star_enter(star->router);
    open_router();
}

/* --- Silence --- */

void star_set_cuts(struct star *star, const struct star_cuts *cuts)
{
    struct script script = {.len = 0};

    for (unsigned from = 0; from < STAR_NODES; from++) {
        for (unsigned to = 0; to < STAR_NODES; to++) {
            if (cuts->ways[from][to] != star->cuts.ways[from][to]) {
                add(&script, "rule %s from 10.0.%u.2 to 10.0.%u.2 blackhole\n", cuts->ways[from][to] ? "add" : "del",
                    from, to);
            }
        }
    }
    star->cuts = *cuts;
    star_enter(star->router);
    if (script.len > 0) {
        run(&script);
    }
}

/* /proc/net/snmp has two lines for each protocol: the names of its counters, and the counters. */
static uint64_t counter(const char *names, const char *values, const char *wanted)
{
    char name[64], value[64];
    int name_len, value_len;

    while (sscanf(names, "%63s%n", name, &name_len) == 1 && sscanf(values, "%63s%n", value, &value_len) == 1) {
        if (strcmp(name, wanted) == 0) {
            return strtoull(value, NULL, 10);
        }
        names += name_len;
        values += value_len;
    }
    star_fail("the kernel does not count %s", wanted);
}

static uint64_t noise_here(bool with_resets)
{
    char names[LINE_SIZE], values[LINE_SIZE];
    uint64_t noise = 0;
    FILE *file = fopen("/proc/self/net/snmp", "re");

    star_need(file != NULL, "/proc/self/net/snmp");
    while (fgets(names, sizeof names, file) != NULL && fgets(values, sizeof values, file) != NULL) {
        if (strncmp(names, "Icmp:", 5) == 0) {
            noise += counter(names, values, "InMsgs") + counter(names, values, "OutMsgs");
        } else if (with_resets && strncmp(names, "Tcp:", 4) == 0) {
            noise += counter(names, values, "OutRsts");
        }
    }
    (void)fclose(file);
    return noise;
}

uint64_t star_noise(const struct star *star, size_t node)
{
    uint64_t noise = 0;

    for (size_t i = 0; i < STAR_NODES; i++) {
        star_enter(star->nodes[i]);
        noise += noise_here(i == node);
    }
    star_enter(star->router);
    return noise + noise_here(false);
}
