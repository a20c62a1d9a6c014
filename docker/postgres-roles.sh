#!/bin/sh
# The login of hosts, made with the database: every row, nothing of the schema. For an existing database, run it once by
# hand in the container.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set "password=$POSTGRES_HOST_PASSWORD" <<'SQL'
create role holdfast_runtime nologin;
create role holdfast_reader nologin;
create role holdfast_host login password :'password' in role holdfast_runtime;
SQL
