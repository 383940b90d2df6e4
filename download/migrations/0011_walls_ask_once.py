from django.db import migrations

from writeorperish.privacy.walls import asked_once

TABLES = ("download_shelf", "download_chunk", "download_posting", "download_lengths")


class Migration(migrations.Migration):
    dependencies = [("download", "0010_library_exports")]

    operations = [
        migrations.RunSQL(asked_once(table), migrations.RunSQL.noop) for table in TABLES
    ]
