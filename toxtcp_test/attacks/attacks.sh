#!/bin/sh
# Every attack for a moment, beside honest clients: `make bench-attacks` has the whole table. SPDX-License-Identifier: ISC
exec python3 "$(dirname "$0")/attacks.py" --short
