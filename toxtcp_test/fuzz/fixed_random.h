/* libsodium's randomness, the same in every run: for targets whose code takes it from there. SPDX-License-Identifier:
 * ISC */
#ifndef TEST_FUZZ_FIXED_RANDOM_H
#define TEST_FUZZ_FIXED_RANDOM_H

/* Starts the sequence anew. Before the first call libsodium must not have been started. */
void fixed_random_start(void);

#endif
