/* Text that comes from others: cut, judged, printed without harm. SPDX-License-Identifier: ISC */
#ifndef APPS_CHAT_TEXT_H
#define APPS_CHAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes of the UTF-8 character that `text` begins with; 0 when it begins with none. Of `len` bytes, at least 1. */
size_t text_character(const char *text, size_t len);

/* Prints UTF-8 as it is and everything else as \xNN: bytes that are no UTF-8, and characters that steer a terminal or
 * turn the direction of writing (a tab excepted). So one message is one line and stays on it. */
void text_print(FILE *file, const char *text, size_t len);

/* How many of the first `maximum` bytes to take so that no character is cut. */
size_t text_cut(const char *text, size_t len, size_t maximum);

/* A peer's name: 1..TEXT_NAME_MAX bytes of printable UTF-8 without blanks, ':', '=' and '/'. */
enum { TEXT_NAME_MAX = 32 };
bool text_is_name(const char *text, size_t len);

#endif
