from django.conf import settings
from django.db import migrations

FREE = {
    "month": 500_000,
    "background": 200_000,
    "feature_day": 100_000,
    "replies_day": 10,
    "transcription": 3_600,
}


def allow(apps, schema_editor):
    """Who was here before there were budgets may use what everybody may."""
    person = apps.get_model(settings.AUTH_USER_MODEL)
    allowance = apps.get_model("ai", "Allowance")
    ids = person.objects.order_by("pk").values_list("pk", flat=True)
    for owner in ids.iterator(chunk_size=500):
        allowance.objects.bulk_create(
            [allowance(owner_id=owner, scope=scope, limit=limit) for scope, limit in FREE.items()],
            ignore_conflicts=True,
        )


class Migration(migrations.Migration):
    dependencies = [("ai", "0003_budgets_and_jobs"), ("accounts", "0001_people")]

    operations = [migrations.RunPython(allow, migrations.RunPython.noop)]
