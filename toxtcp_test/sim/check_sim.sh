#!/bin/sh
# Simulated worlds: those that failed once, and fresh ones that follow from the state of the sources.
# SPDX-License-Identifier: ISC
#
# SIM_SEEDS: how many fresh ones (500). SIM_SECONDS: none begins after so long (60).
set -eu
: "${top_builddir:?}" "${top_srcdir:?make check sets it}"

sim=$top_builddir/toxtcp-sim
seeds=${SIM_SEEDS-500}
seconds=${SIM_SECONDS-60}
# What a sanitizer finds ends in abort(), so that the seed is printed.
export ASAN_OPTIONS="${ASAN_OPTIONS-}:abort_on_error=1"
export UBSAN_OPTIONS="${UBSAN_OPTIONS-}:abort_on_error=1"

while read -r seed why; do
    case $seed in
    '' | '#'*) continue ;;
    esac
    echo "seed $seed: $why"
    "$sim" --seed "$seed"
done < "$top_srcdir/toxtcp_test/sim/seeds.txt"

# The commit, or outside of a repository all that the library is made of.
state=$(git -C "$top_srcdir" rev-parse HEAD 2> /dev/null) ||
    state=$(cat "$top_srcdir"/toxtcp/*.[ch] | sha256sum)
first=$(printf '%d' "0x$(printf %.8s "$state")")
echo "fresh seeds: $first..$((first + seeds - 1))"
"$sim" --seeds "$first..$((first + seeds - 1))" --seconds "$seconds"
