/* What a session has received. SPDX-License-Identifier: ISC */
#include "inbox.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

struct inbox_piece {
    bool last;
    size_t len;
    uint8_t text[];
};

static struct inbox_piece **slot_of(struct inbox *inbox, uint64_t segment)
{
    return &inbox->early[segment % OUTBOX_WINDOW];
}

static void free_piece(struct inbox_piece **slot)
{
    if (*slot != NULL) {
        sodium_memzero((*slot)->text, (*slot)->len);
        free(*slot);
        *slot = NULL;
    }
}

void inbox_free(struct inbox *inbox)
{
    for (size_t i = 0; i < OUTBOX_WINDOW; i++) {
        free_piece(&inbox->early[i]);
    }
    if (inbox->text != NULL) {
        sodium_memzero(inbox->text, inbox->size);
        free(inbox->text);
    }
    *inbox = (struct inbox){.awaited = 0};
}

enum inbox_verdict inbox_put(struct inbox *inbox, uint64_t segment, bool last, const uint8_t *text, size_t len)
{
    struct inbox_piece *piece;

    if (segment < inbox->awaited) {
        return INBOX_KNOWN;
    }
    if (segment - inbox->awaited >= OUTBOX_WINDOW) {
        return INBOX_REFUSED;
    }
    if (*slot_of(inbox, segment) != NULL) {
        return INBOX_KNOWN;
    }
    piece = malloc(sizeof *piece + len);
    if (piece == NULL) {
        return INBOX_REFUSED;
    }
    piece->last = last;
    piece->len = len;
    if (len > 0) {
        memcpy(piece->text, text, len);
    }
    *slot_of(inbox, segment) = piece;
    return INBOX_NEW;
}

static bool make_room(struct inbox *inbox, size_t len)
{
    size_t size = inbox->size == 0 ? 1024 : inbox->size;
    uint8_t *grown;

    while (size < len) {
        size *= 2;
    }
    if (size == inbox->size) {
        return true;
    }
    grown = realloc(inbox->text, size);
    if (grown == NULL) {
        return false;
    }
    inbox->text = grown;
    inbox->size = size;
    return true;
}

static bool hand_over(struct inbox *inbox, const uint8_t **text, size_t *len)
{
    inbox->whole = true;
    *text = inbox->text;
    *len = inbox->len;
    return true;
}

bool inbox_take(struct inbox *inbox, const uint8_t **text, size_t *len)
{
    struct inbox_piece **slot;

    if (inbox->whole) {
        inbox->whole = false;
        inbox->len = 0;
    }
    while (*(slot = slot_of(inbox, inbox->awaited)) != NULL) {
        struct inbox_piece *piece = *slot;
        bool last = piece->last;

        if (inbox->len + piece->len > SESSION_TEXT_MAX) {
            return hand_over(inbox, text, len);
        }
        if (!make_room(inbox, inbox->len + piece->len)) {
            return false;
        }
        memcpy(inbox->text + inbox->len, piece->text, piece->len);
        inbox->len += piece->len;
        inbox->awaited++;
        free_piece(slot);
        if (last) {
            return hand_over(inbox, text, len);
        }
    }
    return false;
}

uint32_t inbox_held(const struct inbox *inbox)
{
    uint32_t held = 0;

    for (uint32_t i = 0; i + 1 < OUTBOX_WINDOW; i++) {
        if (inbox->early[(inbox->awaited + 1 + i) % OUTBOX_WINDOW] != NULL) {
            held |= UINT32_C(1) << i;
        }
    }
    return held;
}
