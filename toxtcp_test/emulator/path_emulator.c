/* The path emulator as a program, for scripts. SPDX-License-Identifier: ISC */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emulator/emulator.h"
#include "netns/space.h"

static const char usage[] =
    "usage: path_emulator [--seed N] NODE[/PORT]=IPV4[,IPV6]...\n"
    "Makes a network namespace for each NODE, joined by a network that does what it is told. A node may have several\n"
    "ports; the first one is its way to everywhere, until that is gone. It first prints, for each node,\n"
    "  node NODE COMMAND...\n"
    "(COMMAND... before another command runs that in the node) and then \"ready\". Then it reads commands, a line\n"
    "each, and answers each with a line that begins with ok or error; it ends with its input, and all namespaces that\n"
    "nobody is in any more end with it. Needs root, or user namespaces; /dev/net/tun; and iproute2's ip.\n"
    "\n"
    "  PORT|all up|down|both RULE VALUE  up: from the node, down: to it. Rules: delay MS, jitter MS, rate KBIT,\n"
    "                                    queue BYTES, loss PERCENT, loss-every N, drop-syn-data on|off,\n"
    "                                    drop-fast-open on|off, silence on|off\n"
    "  PORT count up|down [KIND]         what was sent or has arrived, by kind of packet, and what became of it\n"
    "  PORT zero                         counts from 0\n"
    "  PORT reset                        an RST to the node in each of its streams\n"
    "  PORT capture FILE                 what passes there, for tcpdump -r\n"
    "  in MS COMMAND                     one of these, later\n"
    "  ping                              nothing, but an answer\n";

struct node {
    char name[HUB_NAME_SIZE];
    int name_space;
    unsigned ports;
};

static struct node nodes[HUB_PORTS_MAX];
static size_t node_count;

static struct node *find_node(const char *name)
{
    for (size_t i = 0; i < node_count; i++) {
        if (strcmp(nodes[i].name, name) == 0) {
            return &nodes[i];
        }
    }
    if (node_count == HUB_PORTS_MAX || strlen(name) >= sizeof nodes[0].name) {
        return NULL;
    }
    struct node *node = &nodes[node_count++];
    memcpy(node->name, name, strlen(name) + 1);
    node->name_space = space_new();
    return node;
}

/* NODE[/PORT]=IPV4[,IPV6] */
static bool add_port(struct emulator *emulator, const char *text)
{
    char copy[128], *rest = copy;

    if (strlen(text) >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, strlen(text) + 1);
    char *names = strsep(&rest, "=");
    char *ipv4 = rest != NULL ? strsep(&rest, ",") : NULL;
    const char *node_name = strsep(&names, "/");
    const char *port_name = names != NULL ? names : node_name;
    struct node *node = ipv4 != NULL ? find_node(node_name) : NULL;
    if (node == NULL) {
        return false;
    }
    emulator_add(emulator, node->name_space, port_name, ipv4, rest, ++node->ports);
    return true;
}

/* nsenter also has to enter the user namespace where there is one. */
static void print_nodes(bool with_users)
{
    const int pid = (int)getpid();

    for (size_t i = 0; i < node_count; i++) {
        (void)printf("node %s nsenter --preserve-credentials", nodes[i].name);
        if (with_users) {
            (void)printf(" --user=/proc/%d/ns/user", pid);
        }
        (void)printf(" --net=/proc/%d/fd/%d\n", pid, nodes[i].name_space);
    }
    (void)printf("ready\n");
    (void)fflush(stdout);
}

static ino_t user_namespace(void)
{
    struct stat status;

    space_need(stat("/proc/self/ns/user", &status) == 0, "/proc/self/ns/user");
    return status.st_ino;
}

static bool read_seed(const char *text, uint64_t *seed)
{
    char *end;

    errno = 0;
    *seed = strtoull(text, &end, 0);
    return *text != 0 && *end == 0 && errno == 0;
}

static bool read_options(int count, char **arguments, uint64_t *seed)
{
    static const struct option known[] = {
        {"seed", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int option;

    *seed = 1;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        if (option != 's' || !read_seed(optarg, seed)) {
            return false;
        }
    }
    return optind < count;
}

int main(int count, char **arguments)
{
    static struct emulator emulator;
    ino_t users;
    uint64_t seed;

    if (!read_options(count, arguments, &seed)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    users = user_namespace();
    space_leave_machine();
    emulator_open(&emulator, seed);
    for (int i = optind; i < count; i++) {
        if (!add_port(&emulator, arguments[i])) {
            (void)fprintf(stderr, "path_emulator: \"%s\" is no NODE[/PORT]=IPV4[,IPV6]\n", arguments[i]);
            return 2;
        }
    }
    print_nodes(user_namespace() != users);
    emulator_run(&emulator, STDIN_FILENO, STDOUT_FILENO);
    return 0;
}
