from django.db import migrations

from writeorperish.privacy.walls import asked_once


class Migration(migrations.Migration):
    dependencies = [("ai", "0007_verdicts")]

    operations = [migrations.RunSQL(asked_once("ai_embedding"), migrations.RunSQL.noop)]
