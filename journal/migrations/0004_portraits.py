import django.db.models.deletion
import django.utils.timezone
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '__first__'),
        ('journal', '0003_imports_beside'),
    ]

    operations = [
        migrations.CreateModel(
            name='Portrait',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='chat', max_length=5)),
                ('rev', models.PositiveIntegerField()),
                ('body', writeorperish.crypto.fields.EncryptedTextField()),
                ('made_by', models.CharField(choices=[('ai', 'AI'), ('offline', 'by rule, on this server'), ('person', 'you'), ('restore', 'you, from an earlier version')], max_length=7)),
                ('state', models.CharField(choices=[('current', 'current'), ('superseded', 'earlier'), ('proposed', 'proposed'), ('quarantined', 'set aside')], max_length=11)),
                ('version', models.PositiveIntegerField(default=1)),
                ('built_from', models.BinaryField(max_length=16, null=True)),
                ('covers_from', models.DateField(null=True)),
                ('covers_until', models.DateField(null=True)),
                ('entries', models.PositiveIntegerField(default=0)),
                ('model', models.CharField(blank=True, default='', max_length=80)),
                ('prompt_version', models.CharField(blank=True, default='', max_length=12)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='journal_portrait_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='journal_portrait_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='body', name='journal_portrait_body_sealed'), models.UniqueConstraint(fields=('owner', 'rev'), name='journal_portrait_rev'), models.UniqueConstraint(condition=models.Q(('state', 'current')), fields=('owner',), name='journal_portrait_one_current'), models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('owner',), name='journal_portrait_one_proposed'), models.CheckConstraint(condition=models.Q(('state__in', ['current', 'superseded', 'proposed', 'quarantined'])), name='journal_portrait_state'), models.CheckConstraint(condition=models.Q(('made_by__in', ['ai', 'offline', 'person', 'restore'])), name='journal_portrait_made_by'), models.CheckConstraint(condition=models.Q(('privacy_level', 'private')), name='journal_portrait_is_private')],
            },
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(max_length=60)),
                ('source_id', models.UUIDField()),
                ('sentence', models.PositiveSmallIntegerField()),
                ('rev', models.PositiveIntegerField()),
                ('start', models.PositiveIntegerField()),
                ('end', models.PositiveIntegerField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('portrait', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='evidence', to='journal.portrait')),
            ],
            options={
                'indexes': [models.Index(fields=['source_kind', 'source_id'], name='journal_evidence_of')],
                'constraints': [models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='journal_evidence_span'), models.UniqueConstraint(fields=('portrait', 'sentence', 'source_kind', 'source_id', 'start'), name='journal_evidence_once')],
            },
        ),
        migrations.CreateModel(
            name='MonthDigest',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='chat', max_length=5)),
                ('month', models.DateField()),
                ('lines', writeorperish.crypto.fields.EncryptedJSONField()),
                ('built_from', models.BinaryField(max_length=16)),
                ('model', models.CharField(blank=True, default='', max_length=80)),
                ('prompt_version', models.CharField(blank=True, default='', max_length=12)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='journal_monthdigest_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='journal_monthdigest_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='lines', name='journal_monthdigest_lines_sealed'), models.UniqueConstraint(fields=('owner', 'month'), name='journal_monthdigest_once')],
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('source_kind', models.CharField(max_length=60)),
                ('source_id', models.UUIDField()),
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='chat', max_length=5)),
                ('rev', models.PositiveIntegerField()),
                ('day', models.DateField()),
                ('items', writeorperish.crypto.fields.EncryptedJSONField()),
                ('model', models.CharField(max_length=80)),
                ('prompt_version', models.CharField(max_length=12)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'day'], name='journal_note_day')],
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='journal_note_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='journal_note_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='items', name='journal_note_items_sealed'), models.UniqueConstraint(fields=('source_kind', 'source_id', 'rev'), name='journal_note_rev')],
            },
        ),
    ]
