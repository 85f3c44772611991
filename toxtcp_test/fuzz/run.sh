#!/bin/sh
# Runs fuzz targets one after the other: run.sh CORPUS SECONDS TARGET... SPDX-License-Identifier: ISC
#
# New inputs go to ./fuzz-found/<target>, the kept ones are only read. What breaks a target lies in ./fuzz-found beside
# that, and the status is 1.
set -u

corpus=$1
seconds=$2
shift 2
status=0
for target; do
    name=$(basename "$target")
    mkdir -p "fuzz-found/$name"
    echo "== $name, $seconds s"
    UBSAN_OPTIONS=print_stacktrace=1 "./$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
        -max_len=4096 -print_final_stats=1 -artifact_prefix="fuzz-found/$name-" \
        "fuzz-found/$name" "$corpus/$name" || status=1
done
exit $status
