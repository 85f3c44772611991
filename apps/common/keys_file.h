/* The keys file: an identity as tox-bootstrapd keeps it, 64 raw bytes, mode 0600. SPDX-License-Identifier: ISC */
#ifndef APPS_COMMON_KEYS_FILE_H
#define APPS_COMMON_KEYS_FILE_H

#include <stdbool.h>

#include <toxtcp/env.h>
#include <toxtcp/key.h>

#include "problem.h"

/* Reads the identity in `path`; when there is no such file, makes one and writes it there, and `*made` is true.
 * `keys` is the caller's to wipe. Refused: a file that others can read or change, of another size than 64 bytes, whose
 * public key does not belong to its secret one, that is no plain file. Returns 0, or -1 with `problem` set. */
int keys_file_load(const char *path, struct toxtcp_env *env, struct toxtcp_key_pair *keys, bool *made,
                   struct problem *problem);

#endif
