/* A tox-bootstrapd of the test's own. SPDX-License-Identifier: ISC */
#include "interop/bootstrapd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

/* Steps of 5 ms: 10 s to come up or to go down. */
#define STEPS_MAX 2000

/* Fixtures outside a test cannot fail one, and neither can programs without tests, so this ends the program; inside a
 * test that is its process. */
_Noreturn __attribute__((format(printf, 1, 2))) static void give_up(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static void need(bool holds, const char *what)
{
    if (!holds)
        give_up("%s: %s", what, strerror(errno));
}

static void nap(void)
{
    struct timespec step = {.tv_nsec = 5000000};
    nanosleep(&step, NULL);
}

static void path_of(const struct bootstrapd *relay, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", relay->directory, name);
}

/* Binds a free port as the relay will, on all addresses: it knows no other way. */
static int bind_free_port(int type, uint16_t *port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    need(fd >= 0, "socket");
    int one = 1;
    need(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0, "SO_REUSEADDR");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    need(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    socklen_t len = sizeof address;
    need(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    *port = ntohs(address.sin_port);
    return fd;
}

static void write_keys(const struct bootstrapd *relay)
{
    char path[128];
    path_of(relay, "keys", path);
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE];
    toxtcp_key_pair_encode(&relay->keys, bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    need(fd >= 0, path);
    need(write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes, path);
    close(fd);
}

static void write_configuration(const struct bootstrapd *relay)
{
    char path[128];
    path_of(relay, "conf", path);
    FILE *file = fopen(path, "we");
    need(file != NULL, path);
    fprintf(file, "port = %u\nkeys_file_path = \"%s/keys\"\npid_file_path = \"%s/pid\"\n", relay->udp_port,
            relay->directory, relay->directory);
    fprintf(file, "enable_ipv6 = false\nenable_ipv4_fallback = true\nenable_lan_discovery = false\n");
    fprintf(file, "enable_tcp_relay = true\ntcp_relay_ports = [%u]\nenable_motd = false\n", relay->tcp_port);
    need(fclose(file) == 0, path);
}

void bootstrapd_prepare(struct bootstrapd *relay)
{
    memset(relay, 0, sizeof *relay);
    const char *base = getenv("TMPDIR");
    if (base == NULL || strlen(base) > 32)
        base = "/tmp";
    snprintf(relay->directory, sizeof relay->directory, "%s/toxtcp-interop-XXXXXX", base);
    need(mkdtemp(relay->directory) != NULL, relay->directory);
    struct toxtcp_env *env;
    need(toxtcp_env_new(NULL, &env) == 0, "toxtcp_env_new");
    toxtcp_key_pair_generate(env, &relay->keys);
    toxtcp_env_free(env);
    relay->tcp_hold = bind_free_port(SOCK_STREAM, &relay->tcp_port);
    close(bind_free_port(SOCK_DGRAM, &relay->udp_port));
    write_keys(relay);
    write_configuration(relay);
}

/* In the child: becomes the relay, or ends with 127. */
static void become_relay(const struct bootstrapd *relay, pid_t parent)
{
    char log_path[128];
    char configuration[144] = "--config=";
    path_of(relay, "conf", configuration + strlen(configuration));
    path_of(relay, "log", log_path);
    /* The relay must not outlive a test that fails or is killed. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(126);
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    execlp("tox-bootstrapd", "tox-bootstrapd", "--foreground", "--log-backend=stdout", configuration, (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126);
}

static bool takes_connections(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(fd >= 0, "socket");
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    bool ready = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ready;
}

static void show_log(const struct bootstrapd *relay)
{
    char path[128], line[256];
    path_of(relay, "log", path);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL)
        fprintf(stderr, "tox-bootstrapd: %s", line);
    fclose(file);
}

static void fail_if_ended(struct bootstrapd *relay)
{
    int status;
    if (waitpid(relay->pid, &status, WNOHANG) != relay->pid)
        return;
    relay->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        give_up("tox-bootstrapd is missing: install Debian's toxcore-utils");
    show_log(relay);
    give_up("tox-bootstrapd ended at once (wait status %d)", status);
}

void bootstrapd_start(struct bootstrapd *relay)
{
    pid_t parent = getpid();
    /* Check's own process for this test would outlive a runner that is killed, and the relay with it. */
    int end_signal = 0;
    if (prctl(PR_GET_PDEATHSIG, &end_signal) == 0 && end_signal == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The relay of a test that failed is killed, but may not be gone yet. */
    for (int step = 0; step < STEPS_MAX && takes_connections(relay->tcp_port); step++)
        nap();
    relay->pid = fork();
    need(relay->pid >= 0, "fork");
    if (relay->pid == 0)
        become_relay(relay, parent);
    for (int step = 0; step < STEPS_MAX; step++) {
        fail_if_ended(relay);
        if (takes_connections(relay->tcp_port))
            return;
        nap();
    }
    show_log(relay);
    give_up("tox-bootstrapd takes no connections at port %u", relay->tcp_port);
}

void bootstrapd_stop(struct bootstrapd *relay, int signal_number)
{
    if (relay->pid == 0)
        return;
    kill(relay->pid, signal_number);
    for (int step = 0; step < STEPS_MAX; step++) {
        if (waitpid(relay->pid, NULL, WNOHANG) == relay->pid) {
            relay->pid = 0;
            return;
        }
        nap();
    }
    kill(relay->pid, SIGKILL);
    waitpid(relay->pid, NULL, 0);
    relay->pid = 0;
    give_up("tox-bootstrapd did not end by signal %d", signal_number);
}

void bootstrapd_read_keys(struct bootstrapd *relay)
{
    char path[128];
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE + 1];
    path_of(relay, "keys", path);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert_int_eq(toxtcp_key_pair_decode(bytes, len, &relay->keys), 0);
}

void bootstrapd_remove_keys(const struct bootstrapd *relay)
{
    char path[128];
    path_of(relay, "keys", path);
    ck_assert_int_eq(unlink(path), 0);
}

void bootstrapd_cleanup(struct bootstrapd *relay)
{
    static const char *const names[] = {"conf", "keys", "log", "pid"};
    bootstrapd_stop(relay, SIGKILL);
    close(relay->tcp_hold);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        path_of(relay, names[i], path);
        unlink(path);
    }
    need(rmdir(relay->directory) == 0, relay->directory);
}
