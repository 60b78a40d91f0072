#!/bin/sh
# As the official one: a new cluster has a password, and its database before anybody can ask by network.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown postgres:postgres "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD:-}" ]; then
        echo 'POSTGRES_PASSWORD is not set.' >&2
        exit 1
    fi
    user=${POSTGRES_USER:-postgres} file=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" > "$file"
    initdb --username="$user" --pwfile="$file" --auth-local=trust --auth-host=scram-sha-256
    rm "$file"
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    pg_ctl --wait --options='-c listen_addresses=' start
    if [ "${POSTGRES_DB:-$user}" != postgres ]; then
        createdb --username="$user" "${POSTGRES_DB:-$user}"
    fi
    pg_ctl --wait --mode=fast stop
fi
exec "$@"
