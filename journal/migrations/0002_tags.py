import django.db.models.deletion
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '__first__'),
        ('journal', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('token', models.BigIntegerField()),
                ('name', writeorperish.crypto.fields.EncryptedTextField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='name', name='journal_tag_name_sealed'), models.UniqueConstraint(fields=('owner', 'token'), name='journal_tag_once')],
            },
        ),
        migrations.CreateModel(
            name='Tagging',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(max_length=60)),
                ('source_id', models.UUIDField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='taggings', to='journal.tag')),
            ],
            options={
                'indexes': [models.Index(fields=['source_kind', 'source_id'], name='journal_tagging_of')],
                'constraints': [models.UniqueConstraint(fields=('tag', 'source_kind', 'source_id'), name='journal_tagging_once')],
            },
        ),
    ]
