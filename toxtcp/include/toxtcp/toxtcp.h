/* All of libtoxtcp, the core. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_TOXTCP_H
#define TOXTCP_TOXTCP_H

#include <toxtcp/address.h>
#include <toxtcp/client.h>
#include <toxtcp/connections.h>
#include <toxtcp/env.h>
#include <toxtcp/error.h>
#include <toxtcp/key.h>
#include <toxtcp/limits.h>
#include <toxtcp/link.h>
#include <toxtcp/proxy.h>
#include <toxtcp/server.h>

TOXTCP_BEGIN

/* The version that the library was built as, "major.minor.patch"; static memory. */
TOXTCP_API const char *toxtcp_version(void);

TOXTCP_END

#endif
