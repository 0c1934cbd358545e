#!/usr/bin/env bash
# Installs PgBouncer, which one test puts between salesmart and PostgreSQL; that test is skipped without it. Starts nothing.
set -euo pipefail

command -v pgbouncer >/dev/null 2>&1 && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "== PgBouncer is not here; the test that needs it is skipped" >&2
    exit 0
fi

echo "== installing PgBouncer with apt-get"
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
# Without this, Debian's package would start one of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod +x "$policy"
    trap '$sudo rm -f "$policy"' EXIT
fi
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq pgbouncer >/dev/null
