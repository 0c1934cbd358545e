#!/usr/bin/env bash
# Installs the PostgreSQL server programs if this machine has none. Starts nothing: salesmart starts its own.
set -euo pipefail

found() {
    command -v initdb >/dev/null 2>&1 && return 0
    local folder
    for folder in "${SALESMART_PG_BIN:-/nonexistent}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin; do
        [ -x "$folder/initdb" ] && return 0
    done
    return 1
}

found && exit 0

if command -v apt-get >/dev/null 2>&1; then
    echo "== installing the PostgreSQL server programs with apt-get"
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    # Without this, Debian's package would make and start a cluster of its own.
    $sudo mkdir -p /etc/postgresql-common
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        echo 'create_main_cluster = false' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
elif command -v brew >/dev/null 2>&1; then
    echo "== installing PostgreSQL 17 with brew"
    brew install --quiet postgresql@17
else
    echo "PostgreSQL 15 or newer is needed, and there is neither apt-get nor brew to install it with." >&2
    echo "Install its server programs (initdb, pg_ctl, postgres), or name their folder in SALESMART_PG_BIN." >&2
    exit 1
fi

found || { echo "PostgreSQL was installed, but its programs are not where they are looked for" >&2; exit 1; }
