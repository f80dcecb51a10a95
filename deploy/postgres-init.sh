#!/usr/bin/env bash
# A database and a user for each role; no role can read another's database.
# Needs POSTGRES_PASSWORD; psql's own environment (PGHOST, PGPORT, ...) says which server.
set -euo pipefail

for role in directory delegation security_center sase_policy bastion_audit; do
    psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --quiet --set ON_ERROR_STOP=1 --set role="$role" \
        --set password="$POSTGRES_PASSWORD" <<'SQL'
CREATE USER :"role" PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
SQL
done
