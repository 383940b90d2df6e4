from django.db import migrations

from writeorperish.privacy.walls import wall


class Migration(migrations.Migration):
    dependencies = [("ai", "0001_vectors_and_ledger")]

    operations = [
        migrations.RunSQL(*wall("ai_embedding")),
        # What a market intention says in public is compared with everybody's.
        migrations.RunSQL(
            "CREATE POLICY listed ON ai_embedding FOR SELECT USING (listed)",
            "DROP POLICY listed ON ai_embedding",
        ),
        # The scan reads the index alone, which needs a heap that is vacuumed often.
        migrations.RunSQL(
            "ALTER TABLE ai_embedding SET (autovacuum_vacuum_insert_scale_factor = 0.02,"
            " autovacuum_vacuum_scale_factor = 0.02)",
            "ALTER TABLE ai_embedding RESET (autovacuum_vacuum_insert_scale_factor,"
            " autovacuum_vacuum_scale_factor)",
        ),
    ]
