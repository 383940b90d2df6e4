#!/bin/sh
# Runs once, when the database is empty: a role under row level security, and the one extension that is needed.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$DATABASE_PASSWORD" -U postgres <<'SQL'
CREATE ROLE writeorperish LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE writeorperish OWNER writeorperish;
\connect writeorperish
CREATE EXTENSION vector;
SQL
