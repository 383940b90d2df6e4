import django.db.models.deletion
import django.utils.timezone
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_export'),
        ('accounts', '__first__'),
        ('ai', '0002_vectors_walled'),
    ]

    operations = [
        migrations.CreateModel(
            name='Allowance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(choices=[('month', 'Money a month'), ('background', 'Of it, for work nobody waits for'), ('feature_day', 'Of it, a day for one such kind of work'), ('replies_day', 'Replies and answers a day'), ('transcription', 'Speech a month')], max_length=20)),
                ('limit', models.PositiveBigIntegerField()),
                ('set_by_hand', models.BooleanField(default=False)),
                ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'scope'), name='ai_allowance_once', nulls_distinct=False)],
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=40)),
                ('about_kind', models.CharField(max_length=60)),
                ('about_id', models.UUIDField()),
                ('result_kind', models.CharField(blank=True, default='', max_length=60)),
                ('result_id', models.UUIDField(null=True)),
                ('model', models.CharField(blank=True, default='', max_length=80)),
                ('state', models.CharField(choices=[('queued', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('stopped', 'stopped')], default='queued', max_length=7)),
                ('version', models.PositiveIntegerField(default=1)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('lease_until', models.DateTimeField(null=True)),
                ('stop_asked_at', models.DateTimeField(null=True)),
                ('partial', writeorperish.crypto.fields.EncryptedTextField(null=True)),
                ('seq', models.PositiveIntegerField(default=0)),
                ('error', models.CharField(blank=True, default='', max_length=40)),
                ('cost_microdollars', models.PositiveBigIntegerField(default=0)),
                ('offline', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-created_at'], name='ai_job_of'), models.Index(fields=['result_kind', 'result_id'], name='ai_job_result'), models.Index(condition=models.Q(('state', 'running')), fields=['lease_until'], name='ai_job_running')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='partial', name='ai_job_partial_sealed'), models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'running', 'done', 'failed', 'stopped'])), name='ai_job_state'), models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('kind', 'about_kind', 'about_id'), name='ai_job_one_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Preferences',
            fields=[
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='ai_preferences', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('paused', models.BooleanField(default=False)),
                ('preferred_model', models.CharField(blank=True, default='', max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name='Purse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=20)),
                ('period', models.CharField(max_length=40)),
                ('spent', models.BigIntegerField(default=0)),
                ('held', models.BigIntegerField(default=0)),
                ('owner', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('owner', 'scope', 'period'), name='ai_purse_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('held__gte', 0), ('spent__gte', 0)), name='ai_purse_not_negative')],
            },
        ),
        migrations.AddField(
            model_name='call',
            name='about_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='about_kind',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
        migrations.AddField(
            model_name='call',
            name='audio_ms',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='background',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='call',
            name='estimated',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='call',
            name='first_byte_ms',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='held_microdollars',
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='job',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='call',
            name='prompt_version',
            field=models.CharField(blank=True, default='', max_length=12),
        ),
        migrations.AddField(
            model_name='call',
            name='provider_request',
            field=models.CharField(blank=True, default='', max_length=80),
        ),
        migrations.AddField(
            model_name='call',
            name='tokens_out',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='tokens_read',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='tokens_written',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='call',
            name='outcome',
            field=models.CharField(choices=[('held', 'Held'), ('settled', 'Settled'), ('failed', 'Failed'), ('unknown', 'Unknown')], default='settled', max_length=7),
        ),
        migrations.AlterField(
            model_name='call',
            name='task',
            field=models.CharField(max_length=40),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('outcome', 'held')), fields=['started_at'], name='ai_call_held'),
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['held', 'settled', 'failed', 'unknown'])), name='ai_call_outcome'),
        ),
    ]
