/* Whether an endpoint can be dialled. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_PRIVATE_ENDPOINT_H
#define TOXTCP_PRIVATE_ENDPOINT_H

#include <string.h>

#include <toxtcp/address.h>
#include <toxtcp/error.h>

/* Errors: TOXTCP_ERR_INVALID without a port, without an address or name, and for a name that is too long. */
static inline int endpoint_judge(const struct toxtcp_endpoint *endpoint)
{
    const uint8_t family = endpoint->address.family;
    bool good;

    if (endpoint->host) {
        const size_t len = strnlen(endpoint->host, TOXTCP_HOST_MAX + 1);
        good = len > 0 && len <= TOXTCP_HOST_MAX;
    } else {
        good = family == TOXTCP_FAMILY_IPV4 || family == TOXTCP_FAMILY_IPV6;
    }
    return good && endpoint->address.port != 0 ? TOXTCP_OK : TOXTCP_ERR_INVALID;
}

#endif
