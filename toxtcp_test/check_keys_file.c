/* Tests of apps/common/keys_file. SPDX-License-Identifier: ISC */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <toxtcp/env.h>
#include <toxtcp/error.h>
#include <toxtcp/key.h>

#include "../apps/common/keys_file.h"

static char directory[64];
static char path[96];
static struct toxtcp_env *env;

static void set_up(void)
{
    (void)strcpy(directory, "/tmp/check_keys_file.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/keys", directory);
    ck_assert_int_eq(toxtcp_env_new(NULL, &env), TOXTCP_OK);
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
    toxtcp_env_free(env);
}

static void write_file(const void *bytes, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    ck_assert_int_eq(close(fd), 0);
}

static size_t read_file(uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len;

    ck_assert_ptr_nonnull(file);
    len = fread(bytes, 1, size, file);
    ck_assert_int_eq(fclose(file), 0);
    return len;
}

static void refused(const char *why)
{
    struct toxtcp_key_pair keys;
    struct problem problem = {""};
    bool made;

    ck_assert_int_eq(keys_file_load(path, env, &keys, &made, &problem), -1);
    ck_assert_msg(strstr(problem.text, why) != NULL, "said \"%s\", not \"%s\"", problem.text, why);
    ck_assert_msg(strstr(problem.text, path) != NULL, "no path in \"%s\"", problem.text);
}

START_TEST(made_when_missing_and_read_again)
{
    struct toxtcp_key_pair made_keys;
    struct toxtcp_key_pair read_keys;
    struct problem problem;
    struct stat status;
    uint8_t bytes[80];
    bool made = false;

    ck_assert_int_eq(keys_file_load(path, env, &made_keys, &made, &problem), 0);
    ck_assert(made);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(keys_file_load(path, env, &read_keys, &made, &problem), 0);
    ck_assert(!made);
    ck_assert_mem_eq(&made_keys, &read_keys, sizeof read_keys);

    /* tox-bootstrapd's format: the public key, then the secret one. */
    ck_assert_uint_eq(read_file(bytes, sizeof bytes), TOXTCP_KEYS_FILE_SIZE);
    ck_assert_mem_eq(bytes, made_keys.public_key.bytes, TOXTCP_KEY_SIZE);
    ck_assert_mem_eq(bytes + TOXTCP_KEY_SIZE, made_keys.secret_key.bytes, TOXTCP_KEY_SIZE);
}
END_TEST

START_TEST(made_with_0600_whatever_the_umask)
{
    struct toxtcp_key_pair keys;
    struct problem problem;
    struct stat status;
    mode_t before = umask(0777);
    bool made;

    ck_assert_int_eq(keys_file_load(path, env, &keys, &made, &problem), 0);
    (void)umask(before);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(refused_when_others_could_read_or_write)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0644, 0666, 0610, 0601};
    struct toxtcp_key_pair keys;
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE];

    toxtcp_key_pair_generate(env, &keys);
    toxtcp_key_pair_encode(&keys, bytes);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file(bytes, sizeof bytes, modes[i]);
        refused("chmod 600");
    }
}
END_TEST

START_TEST(read_when_ours_alone)
{
    static const mode_t modes[] = {0600, 0400, 0700};
    struct toxtcp_key_pair keys;
    struct toxtcp_key_pair read_keys;
    struct problem problem;
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE];
    bool made;

    toxtcp_key_pair_generate(env, &keys);
    toxtcp_key_pair_encode(&keys, bytes);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        write_file(bytes, sizeof bytes, modes[i]);
        ck_assert_int_eq(keys_file_load(path, env, &read_keys, &made, &problem), 0);
        ck_assert_mem_eq(&keys, &read_keys, sizeof keys);
    }
}
END_TEST

START_TEST(refused_with_another_size)
{
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE + 1] = {0};

    write_file(bytes, 0, 0600);
    refused("has 0 bytes, not 64");
    write_file(bytes, TOXTCP_KEYS_FILE_SIZE - 1, 0600);
    refused("has 63 bytes, not 64");
    write_file(bytes, TOXTCP_KEYS_FILE_SIZE + 1, 0600);
    refused("has 65 bytes, not 64");
}
END_TEST

START_TEST(refused_when_the_public_key_does_not_fit)
{
    struct toxtcp_key_pair keys;
    uint8_t bytes[TOXTCP_KEYS_FILE_SIZE];

    toxtcp_key_pair_generate(env, &keys);
    toxtcp_key_pair_encode(&keys, bytes);
    for (size_t i = 0; i < TOXTCP_KEY_SIZE; i++) {
        bytes[i] ^= 1;
        write_file(bytes, sizeof bytes, 0600);
        refused("does not belong to its secret key");
        bytes[i] ^= 1;
    }
}
END_TEST

START_TEST(refused_when_it_is_no_plain_file)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    refused("not a plain file");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    refused("not a plain file");
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(refused_where_none_can_be_made)
{
    struct toxtcp_key_pair keys;
    struct problem problem;
    bool made;

    ck_assert_int_eq(keys_file_load("/nonexistent/keys", env, &keys, &made, &problem), -1);
    ck_assert_ptr_nonnull(strstr(problem.text, "No such file or directory"));
    /* A link that leads nowhere is not followed to make a file there. */
    ck_assert_int_eq(symlink("nowhere", path), 0);
    refused("File exists");
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys_file");
    TCase *test_case = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(test_case, set_up, tear_down);
    tcase_add_test(test_case, made_when_missing_and_read_again);
    tcase_add_test(test_case, made_with_0600_whatever_the_umask);
    tcase_add_test(test_case, refused_when_others_could_read_or_write);
    tcase_add_test(test_case, read_when_ours_alone);
    tcase_add_test(test_case, refused_with_another_size);
    tcase_add_test(test_case, refused_when_the_public_key_does_not_fit);
    tcase_add_test(test_case, refused_when_it_is_no_plain_file);
    tcase_add_test(test_case, refused_where_none_can_be_made);
    suite_add_tcase(suite, test_case);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
