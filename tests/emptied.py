"""Emptying the tables behind a test that commits: rows are deleted where there are some.

Django would give all hundred tables and their indexes new files, for a third of a second of PostgreSQL's time,
and then fill the tables of content types and permissions again, which no test changes.
"""

from django.db import connection, transaction

KEPT = {"django_content_type", "auth_permission"}
EACH = "FOREACH name IN ARRAY {names} LOOP EXECUTE format('{act} %I{how}', name); END LOOP;"


def each(names: str, act: str, how: str = "") -> str:
    return EACH.format(names=names, act=act, how=f" {how}" if how else "")


# As the owner of the tables: neither walls nor the triggers of the audit log keep a row back meanwhile. What
# points at a row is looked for when all are gone; only then may a table be altered again.
EMPTY = f"""
DO $$
DECLARE
    names text[] := ARRAY(
        SELECT relname FROM pg_class
        WHERE relname = ANY(string_to_array(current_setting('tests.tables'), ','))
            AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0);
    walled text[] := ARRAY(
        SELECT relname FROM pg_class WHERE relname = ANY(names) AND relforcerowsecurity
            AND relnamespace = 'public'::regnamespace);
    guarded text[] := ARRAY(
        SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
        WHERE tgrelid::regclass::text = ANY(names) AND NOT tgisinternal);
    name text;
BEGIN
    {each("walled", "ALTER TABLE", "NO FORCE ROW LEVEL SECURITY")}
    {each("guarded", "ALTER TABLE", "DISABLE TRIGGER USER")}
    {each("names", "DELETE FROM")}
    SET CONSTRAINTS ALL IMMEDIATE;
    {each("guarded", "ALTER TABLE", "ENABLE TRIGGER USER")}
    {each("walled", "ALTER TABLE", "FORCE ROW LEVEL SECURITY")}
END $$
"""  # words of this file


def empty_tables(_case: object = None) -> None:
    """No row is left in any table of a model, but those KEPT."""
    tables = set(connection.introspection.django_table_names(only_existing=True)) - KEPT
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tests.tables', %s, true)", [",".join(sorted(tables))])
        cursor.execute(EMPTY)
