#!/usr/bin/env bash
# Runs a command against a PostgreSQL server of its own: with_postgres.sh FOLDER_OF_INITDB COMMAND...
#
# The server lives in a temporary folder and listens only on a socket there; STILLPOINT_TEST_POSTGRES is its
# URL.
set -euo pipefail
programs=$1
shift
folder=$(mktemp -d /tmp/stillpoint-postgres-XXXXXX)
as_owner=()
if [ "$(id -u)" -eq 0 ]; then  # the server refuses to run as root
  chown postgres "$folder"
  as_owner=(runuser -u postgres --)
fi
server() { (cd "$folder" && "${as_owner[@]}" "$programs/pg_ctl" -D "$folder/data" -s -w "$@"); }
finish() {
  server -m immediate stop || true
  rm -rf "$folder"
}
trap finish EXIT
(cd "$folder" && "${as_owner[@]}" "$programs/initdb" -D "$folder/data" -U stillpoint -A trust -N >/dev/null)
options="-k $folder -c listen_addresses= -c fsync=off"
server -l "$folder/log" -o "$options" start
export STILLPOINT_TEST_POSTGRES_DATA=$folder/data
# The server is down for longer than a heartbeat, so that some worker misses one.
control="cd $folder && ${as_owner[*]} $programs/pg_ctl -D $folder/data -s -w"
export STILLPOINT_TEST_POSTGRES_RESTART="($control -m immediate stop); sleep 2; $control -l $folder/log -o '$options' start"
STILLPOINT_TEST_POSTGRES="postgresql://stillpoint@/postgres?host=$folder" "$@"
