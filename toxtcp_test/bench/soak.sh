#!/bin/bash
# A soak of some seconds, so that the long one works when it is wanted. SPDX-License-Identifier: ISC
set -eu
: "${top_srcdir:?make check sets it}" "${top_builddir:?}"
export PYTHONDONTWRITEBYTECODE=1
DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT

python3 "$top_srcdir/toxtcp_test/bench/soak_judging.py"
cd "$DIR"
timeout 240 python3 "$top_srcdir/toxtcp_test/bench/soak.py" --build "$top_builddir" \
    --minutes 0.1 --first 3 --clients 200 --life 1
