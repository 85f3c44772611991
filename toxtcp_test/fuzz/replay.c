/* Runs inputs through one fuzz target, without a fuzzer: the kept corpus, or the files that are named.
 * SPDX-License-Identifier: ISC
 *
 * Without arguments it is a test: the corpus lies in $top_srcdir/toxtcp_test/fuzz/corpus/, in a folder that is named as
 * this program with fuzz_ for replay_. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/input.h"

enum { PATH_SIZE = 4096, INPUT_MAX = 1 << 20 };

static int run_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        return -1;
    }
    const size_t len = fread(bytes, 1, sizeof bytes, file);
    const int failed = ferror(file);
    (void)fclose(file);
    if (failed) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        return -1;
    }
    /* Said before it runs: the last one named is the one that broke. */
    (void)printf("%s\n", path);
    (void)fflush(stdout);
    /* Of exactly that length, so that a memory checker sees every byte read beside it. */
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy) {
        return -1;
    }
    memcpy(copy, bytes, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
    return 1;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many inputs were run, or -1. */
static int run_folder(const char *path)
{
    struct dirent **entries;
    const int count = scandir(path, &entries, is_input, alphasort);
    int run = 0;

    if (count < 0) {
        perror(path);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        char name[PATH_SIZE];

        (void)snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        run = run < 0 || run_file(name) < 0 ? -1 : run + 1;
        free(entries[i]);
    }
    free(entries);
    return run;
}

static int run_path(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? run_folder(path) : run_file(path);
}

static int run_corpus(const char *program)
{
    const char *source = getenv("top_srcdir");
    const char *slash = strrchr(program, '/');
    const char *name = strstr(slash ? slash : program, "replay_");
    char path[PATH_SIZE];

    if (!source || !name) {
        (void)fprintf(stderr, "usage: %s FILE|FOLDER... (make check sets top_srcdir instead)\n", program);
        return -1;
    }
    (void)snprintf(path, sizeof path, "%s/toxtcp_test/fuzz/corpus/fuzz_%s", source, name + strlen("replay_"));
    return run_folder(path);
}

int main(int argc, char **argv)
{
    int total = argc > 1 ? 0 : run_corpus(argv[0]);

    for (int i = 1; i < argc; i++) {
        const int run = run_path(argv[i]);
        if (run < 0) {
            return EXIT_FAILURE;
        }
        total += run;
    }
    (void)printf("%d inputs\n", total);
    /* A test that ran nothing has shown nothing. */
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
