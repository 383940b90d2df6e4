import django.db.models.deletion
import django.utils.timezone
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '__first__'),
        ('crypto', '0001_initial'),
        ('journal', '0005_recordings'),
    ]

    operations = [
        migrations.CreateModel(
            name='Speech',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('rev', models.PositiveIntegerField()),
                ('voice', models.CharField(max_length=40)),
                ('state', models.CharField(choices=[('speaking', 'being read'), ('ready', 'ready'), ('failed', 'broken off')], default='speaking', max_length=8)),
                ('version', models.PositiveIntegerField(default=1)),
                ('error', models.CharField(blank=True, default='', max_length=40)),
                ('model', models.CharField(blank=True, default='', max_length=80)),
                ('chunks_wanted', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('node', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='speeches', to='journal.node')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('node', 'rev', 'voice'), name='journal_speech_once'), models.CheckConstraint(condition=models.Q(('state__in', ['speaking', 'ready', 'failed'])), name='journal_speech_state')],
            },
        ),
        migrations.CreateModel(
            name='SpeechChunk',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('index', models.PositiveIntegerField()),
                ('section', models.PositiveIntegerField()),
                ('title', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('duration_ms', models.PositiveIntegerField(default=0)),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='crypto.blob')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('speech', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='journal.speech')),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='title', name='journal_speechchunk_title_sealed'), models.UniqueConstraint(fields=('speech', 'index'), name='journal_speechchunk_once')],
            },
        ),
    ]
