/* Text that comes from others. SPDX-License-Identifier: ISC */
#include "text.h"

#include <stdint.h>
#include <string.h>

/* The length that a first byte announces, and the least and largest second byte (RFC 3629's table). */
static size_t announced(uint8_t first, uint8_t *least, uint8_t *largest)
{
    *least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *largest = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t text_character(const char *text, size_t len)
{
    uint8_t least;
    uint8_t largest;
    size_t size = announced((uint8_t)text[0], &least, &largest);

    if (size > len) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        uint8_t byte = (uint8_t)text[i];

        if (byte < least || byte > largest) {
            return 0;
        }
        least = 0x80;
        largest = 0xbf;
    }
    return size;
}

static uint32_t code_point(const char *text, size_t size)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (uint8_t)text[0] & masks[size];

    for (size_t i = 1; i < size; i++) {
        code = code << 6 | ((uint8_t)text[i] & 0x3f);
    }
    return code;
}

static bool is_harmless(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        return false;
    }
    /* Line and paragraph separator; embedding, override and isolation of the direction of writing. */
    return !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

void text_print(FILE *file, const char *text, size_t len)
{
    while (len > 0) {
        size_t size = text_character(text, len);

        if (size > 0 && (text[0] == '\t' || is_harmless(code_point(text, size)))) {
            (void)fwrite(text, 1, size, file);
        } else {
            size = size == 0 ? 1 : size;
            for (size_t i = 0; i < size; i++) {
                (void)fprintf(file, "\\x%02x", (unsigned)(uint8_t)text[i]);
            }
        }
        text += size;
        len -= size;
    }
}

size_t text_cut(const char *text, size_t len, size_t maximum)
{
    size_t cut = maximum;

    if (len <= maximum) {
        return len;
    }
    while (cut > 0 && maximum - cut < 4 && ((uint8_t)text[cut] & 0xc0) == 0x80) {
        cut--;
    }
    return cut == 0 || ((uint8_t)text[cut] & 0xc0) == 0x80 ? maximum : cut;
}

bool text_is_name(const char *text, size_t len)
{
    if (len == 0 || len > TEXT_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < len;) {
        size_t size = text_character(text + i, len - i);

        if (size == 0 || !is_harmless(code_point(text + i, size)) || strchr(" :=/", text[i]) != NULL) {
            return false;
        }
        i += size;
    }
    return true;
}
