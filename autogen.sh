#!/bin/sh
# Makes ./configure out of configure.ac and the build.mk files. SPDX-License-Identifier: ISC
set -e
cd "$(dirname "$0")"
exec autoreconf --install --warnings=all
