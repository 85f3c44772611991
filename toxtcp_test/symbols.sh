#!/bin/sh
# A shared library exports what its list in docs/ says, no more and no less. SPDX-License-Identifier: ISC
set -eu
: "${NM:?}" "${top_srcdir:?make check sets it}"
export LC_ALL=C
status=0

# compare LIBRARY LIST: names that begin with _ belong to the linker and the compiler.
compare() {
    # Libtool's NM is a command with options.
    # shellcheck disable=SC2086
    if ! $NM -D --defined-only "$1" | awk '{ print $NF }' | sed 's/@.*//' | grep -v '^_' | sort |
        diff -u "$2" -; then
        echo "$1 does not export what $2 lists (- listed, + exported)"
        status=1
    fi
}

compare .libs/libtoxtcp.so "$top_srcdir/docs/symbols.txt"
if [ -e libtoxtcp-ev.la ]; then
    compare .libs/libtoxtcp-ev.so "$top_srcdir/docs/symbols-ev.txt"
fi
exit $status
