from django.db import migrations

from writeorperish.privacy.walls import wall

TABLES = ("download_shelf", "download_chunk", "download_posting", "download_lengths")


class Migration(migrations.Migration):
    dependencies = [("download", "0001_words")]

    operations = [
        *(migrations.RunSQL(*wall(table)) for table in TABLES),
        migrations.RunSQL(
            "ALTER TABLE download_posting SET (fillfactor = 80);"
            "ALTER TABLE download_posting ALTER COLUMN packed SET STORAGE EXTERNAL;"
            "ALTER TABLE download_lengths ALTER COLUMN packed SET STORAGE EXTERNAL;",
            "ALTER TABLE download_posting RESET (fillfactor);"
            "ALTER TABLE download_posting ALTER COLUMN packed SET STORAGE EXTENDED;"
            "ALTER TABLE download_lengths ALTER COLUMN packed SET STORAGE EXTENDED;",
        ),
    ]
