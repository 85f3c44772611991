#!/bin/sh
# The committed vectors are what their script makes. SPDX-License-Identifier: ISC
set -eu
here=${top_srcdir-$(dirname "$0")/../..}/toxtcp_test/vectors
# Debian's PyNaCl belongs to Debian's interpreter, which need not be the first one in the path.
for python in "${PYTHON-python3}" /usr/bin/python3; do
    if "$python" -c 'import nacl.bindings' 2>/dev/null; then
        exec "$python" -c '
import subprocess, sys
made = subprocess.run([sys.executable, sys.argv[1]], check=True, stdout=subprocess.PIPE).stdout
same = made == open(sys.argv[2], "rb").read()
sys.exit(None if same else sys.argv[2] + " is not what make_vectors.py makes")
' "$here/make_vectors.py" "$here/vectors.h"
    fi
done
echo 'check_vectors.sh: PyNaCl is missing (Debian: python3-nacl)' >&2
exit 1
