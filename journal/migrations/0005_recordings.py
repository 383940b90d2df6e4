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
        ('journal', '0004_portraits'),
    ]

    operations = [
        migrations.CreateModel(
            name='Recording',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('zone', models.CharField(default='UTC', max_length=60)),
                ('language', models.CharField(blank=True, default='', max_length=12)),
                ('state', models.CharField(choices=[('open', 'being recorded'), ('finishing', 'waiting for its last parts'), ('assembling', 'being put together'), ('transcribing', 'being written down'), ('ready', 'ready'), ('failed', 'not put together')], default='open', max_length=12)),
                ('version', models.PositiveIntegerField(default=1)),
                ('error', models.CharField(blank=True, default='', max_length=40)),
                ('transcript', models.CharField(choices=[('off', 'not written down'), ('queued', 'waiting'), ('running', 'being written down'), ('partial', 'written down in part'), ('done', 'written down'), ('failed', 'not understood')], default='off', max_length=7)),
                ('why', models.CharField(blank=True, default='', max_length=40)),
                ('into', models.CharField(choices=[('draft', 'a draft'), ('entry', 'an entry')], default='draft', max_length=5)),
                ('keep_audio', models.BooleanField(default=True)),
                ('segments', models.JSONField(default=list)),
                ('holes', models.PositiveIntegerField(default=0)),
                ('bytes', models.PositiveBigIntegerField(default=0)),
                ('duration_ms', models.PositiveIntegerField(default=0)),
                ('media_type', models.CharField(blank=True, default='', max_length=40)),
                ('peaks', writeorperish.crypto.fields.EncryptedJSONField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('heard_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('discarded_at', models.DateTimeField(null=True)),
                ('blob', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='crypto.blob')),
                ('draft', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='recordings', to='journal.draft')),
                ('node', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='recordings', to='journal.node')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recordings', to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='journal.node')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-created_at'], name='journal_recording_newest'), models.Index(condition=models.Q(('discarded_at__isnull', False)), fields=['discarded_at'], name='journal_recording_discarded')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='peaks', name='journal_recording_peaks_sealed'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'finishing', 'assembling', 'transcribing', 'ready', 'failed'])), name='journal_recording_state'), models.CheckConstraint(condition=models.Q(('transcript__in', ['off', 'queued', 'running', 'partial', 'done', 'failed'])), name='journal_recording_transcript'), models.CheckConstraint(condition=models.Q(('into__in', ['draft', 'entry'])), name='journal_recording_into'), models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='journal_recording_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='journal_recording_ai_usage')],
            },
        ),
        migrations.CreateModel(
            name='Chunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('segment', models.PositiveSmallIntegerField()),
                ('n', models.PositiveIntegerField()),
                ('media_type', models.CharField(max_length=20)),
                ('bytes', models.PositiveIntegerField()),
                ('mac', models.BinaryField(max_length=16)),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='crypto.blob')),
                ('recording', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='journal.recording')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('recording', 'segment', 'n'), name='journal_chunk_once')],
            },
        ),
        migrations.CreateModel(
            name='TranscriptPart',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('index', models.PositiveSmallIntegerField()),
                ('start_ms', models.PositiveIntegerField()),
                ('end_ms', models.PositiveIntegerField()),
                ('text', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('done', 'done'), ('failed', 'not understood')], default='waiting', max_length=7)),
                ('version', models.PositiveIntegerField(default=1)),
                ('error', models.CharField(blank=True, default='', max_length=40)),
                ('delivered', models.BooleanField(default=False)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('recording', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='journal.recording')),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='text', name='journal_transcriptpart_text_sealed'), models.UniqueConstraint(fields=('recording', 'index'), name='journal_transcriptpart_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'done', 'failed'])), name='journal_transcriptpart_state')],
            },
        ),
    ]
