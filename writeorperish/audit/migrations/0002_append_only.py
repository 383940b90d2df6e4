from django.db import migrations

from writeorperish.crypto.fields import store_uncompressed

# What was written stays: a row of these tables is neither changed nor removed, and they are never emptied.
TABLES = ("audit_entry", "audit_anchor")

REFUSE = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""
REFUSE_CHANGE = """
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION audit_refuse()
"""
REFUSE_TRUNCATE = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
"""
ALLOW_CHANGE = "DROP TRIGGER IF EXISTS {table}_no_change ON {table}"
ALLOW_TRUNCATE = "DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}"


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION audit_refuse()"),
        *(
            migrations.RunSQL(make.format(table=table), drop.format(table=table))
            for table in TABLES
            for make, drop in [(REFUSE_CHANGE, ALLOW_CHANGE), (REFUSE_TRUNCATE, ALLOW_TRUNCATE)]
        ),
        store_uncompressed("audit_entry", "detail"),
    ]
