/* The version that the library was built as. SPDX-License-Identifier: ISC */
#include <toxtcp/toxtcp.h>

#include "config.h"

const char *toxtcp_version(void)
{
    return PACKAGE_VERSION;
}
