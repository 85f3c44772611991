/* The handshake's two messages: known answers, every flipped bit, what is wiped. SPDX-License-Identifier: ISC */
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <toxtcp/error.h>

#include "handshake.h"
#include "support/vector_env.h"

static struct vector_env env;

static void set_up(void)
{
    vector_env_init(&env);
}

static void tear_down(void)
{
    vector_env_finish(&env);
}

static int create(const struct vector_conversation *vector, struct handshake *handshake, uint8_t *request)
{
    const struct toxtcp_key_pair keys = vector_keys(vector, true);
    const struct toxtcp_key_pair relay_keys = vector_keys(vector, false);

    vector_env_play(&env, vector, true);
    return handshake_create_request(handshake, env.env, &keys, &relay_keys.public_key, request);
}

static int answer(const struct vector_conversation *vector, const uint8_t *request, uint8_t *response,
                  struct toxtcp_public_key *client_key, struct session *session)
{
    const struct toxtcp_key_pair keys = vector_keys(vector, false);

    vector_env_play(&env, vector, false);
    return handshake_answer_request(env.env, &keys, request, response, client_key, session);
}

static void expect_stream(const struct box_stream *stream, const struct vector_conversation *vector,
                          const uint8_t *base)
{
    ck_assert_mem_eq(stream->shared.bytes, vector->session_key, 32);
    ck_assert_mem_eq(stream->nonce.bytes, base, 24);
}

START_TEST(known_request)
{
    const struct vector_conversation *vector = &vector_conversations[_i];
    struct handshake handshake;
    uint8_t request[WIRE_REQUEST_SIZE];

    ck_assert_int_eq(create(vector, &handshake, request), TOXTCP_OK);
    ck_assert_mem_eq(request, vector->request, sizeof request);
}
END_TEST

START_TEST(known_response)
{
    const struct vector_conversation *vector = &vector_conversations[_i];
    struct toxtcp_public_key client_key;
    struct session session;
    uint8_t response[WIRE_RESPONSE_SIZE];

    ck_assert_int_eq(answer(vector, vector->request, response, &client_key, &session), TOXTCP_OK);
    ck_assert_mem_eq(response, vector->response, sizeof response);
    ck_assert_mem_eq(client_key.bytes, vector->client_public, 32);
    expect_stream(&session.send, vector, vector->relay_base);
    expect_stream(&session.recv, vector, vector->client_base);
}
END_TEST

START_TEST(known_response_consumed)
{
    static const struct handshake zeros;
    const struct vector_conversation *vector = &vector_conversations[_i];
    struct handshake handshake;
    struct session session;
    uint8_t request[WIRE_REQUEST_SIZE];

    ck_assert_int_eq(create(vector, &handshake, request), TOXTCP_OK);
    ck_assert_int_eq(handshake_consume_response(&handshake, vector->response, &session), TOXTCP_OK);
    expect_stream(&session.send, vector, vector->client_base);
    expect_stream(&session.recv, vector, vector->relay_base);
    ck_assert_mem_eq(&handshake, &zeros, sizeof zeros);
}
END_TEST

/* Each bit of the request, the one that X25519 ignores too: it would give the client a second name. */
START_TEST(flipped_request)
{
    const struct vector_conversation *vector = &vector_conversations[0];
    uint8_t request[WIRE_REQUEST_SIZE];
    uint8_t response[WIRE_RESPONSE_SIZE];
    struct toxtcp_public_key client_key;
    struct session session;

    memcpy(request, vector->request, sizeof request);
    for (size_t bit = 0; bit < 8 * sizeof request; bit++) {
        request[bit / 8] ^= (uint8_t)(1U << bit % 8);
        const int error = answer(vector, request, response, &client_key, &session);
        ck_assert_msg(error == TOXTCP_ERR_WRONG_KEY, "bit %zu: %d", bit, error);
        request[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

START_TEST(flipped_response)
{
    static const struct handshake zeros;
    const struct vector_conversation *vector = &vector_conversations[0];
    uint8_t response[WIRE_RESPONSE_SIZE];
    uint8_t request[WIRE_REQUEST_SIZE];
    struct handshake fresh;
    struct session session;

    ck_assert_int_eq(create(vector, &fresh, request), TOXTCP_OK);
    memcpy(response, vector->response, sizeof response);
    for (size_t bit = 0; bit < 8 * sizeof response; bit++) {
        struct handshake handshake = fresh;
        response[bit / 8] ^= (uint8_t)(1U << bit % 8);
        const int error = handshake_consume_response(&handshake, response, &session);
        ck_assert_msg(error == TOXTCP_ERR_WRONG_KEY, "bit %zu: %d", bit, error);
        ck_assert_mem_eq(&handshake, &zeros, sizeof zeros);
        response[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}
END_TEST

/* A message of somebody who has the right long-term keys, and a temporary key that he chose badly on purpose. */
static void seal_zero_key(uint8_t *nonce_and_box, const struct vector_conversation *vector)
{
    uint8_t secrets[56] = {0};
    uint8_t key[32];

    ck_assert_int_eq(crypto_box_beforenm(key, vector->relay_public, vector->client_secret), 0);
    memcpy(nonce_and_box, vector->request_nonce, 24);
    ck_assert_int_eq(crypto_box_easy_afternm(nonce_and_box + 24, secrets, sizeof secrets, nonce_and_box, key), 0);
}

START_TEST(temporary_key_of_small_order)
{
    static const struct handshake zeros;
    const struct vector_conversation *vector = &vector_conversations[0];
    struct handshake handshake;
    struct session session;
    struct toxtcp_public_key client_key;
    uint8_t request[WIRE_REQUEST_SIZE];
    uint8_t response[WIRE_RESPONSE_SIZE];

    memcpy(request, vector->client_public, 32);
    seal_zero_key(request + 32, vector);
    ck_assert_int_eq(answer(vector, request, response, &client_key, &session), TOXTCP_ERR_WRONG_KEY);
    ck_assert_int_eq(create(vector, &handshake, request), TOXTCP_OK);
    seal_zero_key(response, vector);
    ck_assert_int_eq(handshake_consume_response(&handshake, response, &session), TOXTCP_ERR_WRONG_KEY);
    ck_assert_mem_eq(&handshake, &zeros, sizeof zeros);
}
END_TEST

START_TEST(long_term_key_of_small_order)
{
    struct vector_conversation vector = vector_conversations[0];
    struct handshake handshake;
    struct session session;
    struct toxtcp_public_key client_key;
    uint8_t request[WIRE_REQUEST_SIZE];
    uint8_t response[WIRE_RESPONSE_SIZE];

    memcpy(request, vector.request, sizeof request);
    memset(request, 0, 32);
    ck_assert_int_eq(answer(&vector, request, response, &client_key, &session), TOXTCP_ERR_WRONG_KEY);
    memset(vector.relay_public, 0, sizeof vector.relay_public);
    ck_assert_int_eq(create(&vector, &handshake, request), TOXTCP_ERR_INVALID);
}
END_TEST

/* A request is for one relay, and an answer for one request. */
START_TEST(somebody_elses)
{
    const struct vector_conversation *vector = &vector_conversations[0];
    const struct vector_conversation *other = &vector_conversations[1];
    struct handshake handshake;
    struct session session;
    struct toxtcp_public_key client_key;
    uint8_t request[WIRE_REQUEST_SIZE];
    uint8_t response[WIRE_RESPONSE_SIZE];

    ck_assert_int_eq(answer(vector, other->request, response, &client_key, &session), TOXTCP_ERR_WRONG_KEY);
    ck_assert_int_eq(create(vector, &handshake, request), TOXTCP_OK);
    ck_assert_int_eq(handshake_consume_response(&handshake, other->response, &session), TOXTCP_ERR_WRONG_KEY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, known_request, 0, VECTOR_CONVERSATIONS);
    tcase_add_loop_test(tests, known_response, 0, VECTOR_CONVERSATIONS);
    tcase_add_loop_test(tests, known_response_consumed, 0, VECTOR_CONVERSATIONS);
    tcase_add_test(tests, flipped_request);
    tcase_add_test(tests, flipped_response);
    tcase_add_test(tests, temporary_key_of_small_order);
    tcase_add_test(tests, long_term_key_of_small_order);
    tcase_add_test(tests, somebody_elses);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
