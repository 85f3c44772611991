/* A fuzzer's bytes, read as numbers. SPDX-License-Identifier: ISC
 *
 * Past the end all numbers are 0, so that every input means something. */
#ifndef TEST_FUZZ_INPUT_H
#define TEST_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *bytes;
    size_t len;
};

/* What a fuzzer and replay.c call: one input, from nothing to the end. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

uint8_t input_byte(struct input *input);
/* Up to `len` bytes; sets how many there are. */
const uint8_t *input_bytes(struct input *input, size_t len, size_t *got);
/* One byte for a length: exactly up to 127, then in steps of 15. */
enum { INPUT_LENGTH_MAX = 2032 };
size_t input_length(struct input *input);
/* One byte for a time: up to 63 ms, 1 s, 16 s, 258 s. */
uint64_t input_time(struct input *input);

#endif
