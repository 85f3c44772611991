/* A fuzzer's bytes, read as numbers. SPDX-License-Identifier: ISC */
#include "fuzz/input.h"

uint8_t input_byte(struct input *input)
{
    if (input->len == 0) {
        return 0;
    }
    input->len--;
    return *input->bytes++;
}

const uint8_t *input_bytes(struct input *input, size_t len, size_t *got)
{
    const uint8_t *bytes = input->bytes;

    *got = len < input->len ? len : input->len;
    input->bytes += *got;
    input->len -= *got;
    return bytes;
}

size_t input_length(struct input *input)
{
    const size_t byte = input_byte(input);
    const size_t len = byte < 128 ? byte : 128 + 15 * (byte - 128);

    return len < INPUT_LENGTH_MAX ? len : INPUT_LENGTH_MAX;
}

uint64_t input_time(struct input *input)
{
    const uint64_t byte = input_byte(input);

    return (byte & 0x3f) << (4 * (byte >> 6));
}
