#!/bin/sh
# demo.sh - what `make demo` runs after the build. KEEP=1 leaves everything running for a look around.
cd "$(dirname "$0")/../.." || exit 1
if [ "$(id -u)" != 0 ]; then
    echo 'make demo wants to be root: packages are installed, and the processes are started as a service would be.' >&2
    exit 1
fi
PYTHONDONTWRITEBYTECODE=1 exec python3 tests/e2e/demo.py
