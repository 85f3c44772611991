#!/bin/sh
# Each public header compiles alone, as pedantic C11 and as C++. SPDX-License-Identifier: ISC
set -eu
: "${CC:?}" "${CXX:?}" "${top_srcdir:?make check sets it}"
warnings='-Wall -Wextra -Werror -pedantic-errors'
count=0
status=0

for path in "$top_srcdir"/toxtcp/include/toxtcp/*.h; do
    header=$(basename "$path")
    count=$((count + 1))
    # Twice: the guard has to work as well.
    text="#include <toxtcp/$header>
#include <toxtcp/$header>
int the_standard_wants_a_declaration;"
    # The compilers may be a command with options.
    # shellcheck disable=SC2086
    {
        printf '%s\n' "$text" | $CC -std=c11 $warnings -I"$top_srcdir/toxtcp/include" -fsyntax-only -x c - ||
            { echo "$header is not C11"; status=1; }
        printf '%s\n' "$text" | $CXX -std=c++11 $warnings -I"$top_srcdir/toxtcp/include" -fsyntax-only -x c++ - ||
            { echo "$header is not C++11"; status=1; }
    }
done
[ "$count" -gt 0 ] || { echo "no headers in $top_srcdir/toxtcp/include/toxtcp"; exit 1; }
exit $status
