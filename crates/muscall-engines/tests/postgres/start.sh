#!/bin/sh
# Starts a Postgres with pgvector for the tests and prints its URL; nothing of the system is changed.
#   MUSCALL_POSTGRES_URL=$(crates/muscall-engines/tests/postgres/start.sh) cargo test -p muscall-engines --features postgres
#   crates/muscall-engines/tests/postgres/start.sh stop
# The server (16.2 with pgvector 0.6.2, from the Python package pgserver) lives in $MUSCALL_POSTGRES_DIR.
set -eu
dir=${MUSCALL_POSTGRES_DIR:-${TMPDIR:-/tmp}/muscall-postgres-$(id -u)}
if [ ! -x "$dir/venv/bin/python" ] || ! "$dir/venv/bin/python" -c 'import pgserver' 2>/dev/null; then
    mkdir -p "$dir"
    python3 -m venv "$dir/venv" >&2
    "$dir/venv/bin/pip" install --quiet --disable-pip-version-check pgserver==0.1.4 >&2
fi
exec "$dir/venv/bin/python" - "$dir/data" "${1:-start}" <<'PYTHON'
import sys, pgserver
server = pgserver.get_server(sys.argv[1], cleanup_mode="stop" if sys.argv[2] == "stop" else None)
if sys.argv[2] != "stop":
    print(server.get_uri())
PYTHON
