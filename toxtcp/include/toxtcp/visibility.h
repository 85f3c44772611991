/* Which functions leave the library. SPDX-License-Identifier: ISC */
#ifndef TOXTCP_VISIBILITY_H
#define TOXTCP_VISIBILITY_H

#if defined(__GNUC__) && __GNUC__ >= 4
#define TOXTCP_API __attribute__((visibility("default")))
#else
#define TOXTCP_API
#endif

#ifdef __cplusplus
#define TOXTCP_BEGIN extern "C" {
#define TOXTCP_END }
#else
#define TOXTCP_BEGIN
#define TOXTCP_END
#endif

#endif
