#!/bin/sh
# Run once by the image of PostgreSQL when the database is new: the site's role and the keeper's (README.md,
# "The history of accounts"). What each may do is granted after every migrate, by the service of that name.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set app="$(cat "${SECRETS:-/run/secrets}/app_password")" \
    --set keeper="$(cat "${SECRETS:-/run/secrets}/keeper_password")" <<'SQL'
CREATE ROLE mumaris_app LOGIN PASSWORD :'app';
CREATE ROLE mumaris_keeper LOGIN PASSWORD :'keeper';
SQL
