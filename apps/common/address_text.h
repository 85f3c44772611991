/* Addresses and endpoints as people write and read them. SPDX-License-Identifier: ISC */
#ifndef APPS_COMMON_ADDRESS_TEXT_H
#define APPS_COMMON_ADDRESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <toxtcp/address.h>

#include "problem.h"

/* "[" 253 characters "]:65535" and a zero. */
enum { ENDPOINT_TEXT_SIZE = TOXTCP_HOST_MAX + 9 };

/* As toxtcp_address_parse(), and the scope of an IPv6 address may be the name of an interface: "[fe80::1%eth0]:443".
 * Errors: TOXTCP_ERR_INVALID. */
int address_text_parse(const char *text, size_t len, struct toxtcp_address *address);

/* A decimal number of minimum..maximum, digits alone. */
bool number_text_parse(const char *text, size_t len, uint32_t minimum, uint32_t maximum, uint32_t *number);

/* Reads "HOST:PORT", where HOST is an IPv4 address, an IPv6 address in brackets, or a name. With a name, that is in
 * `host`, and `address` has the port alone; else `host` is empty. Returns 0, or -1 with `problem` set. */
int endpoint_text_parse(const char *text, size_t len, char host[TOXTCP_HOST_MAX + 1], struct toxtcp_address *address,
                        struct problem *problem);

/* "HOST:PORT", or the address when there is no host. */
void endpoint_text_format(const struct toxtcp_endpoint *endpoint, char text[ENDPOINT_TEXT_SIZE]);

#endif
