import django.db.models.deletion
import django.utils.timezone
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '__first__'),
        ('download', '0003_items'),
    ]

    operations = [
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('title', writeorperish.crypto.fields.EncryptedTextField()),
                ('scope', writeorperish.crypto.fields.EncryptedJSONField()),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-asked_at'], name='download_conversation_of')],
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='download_conversation_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='download_conversation_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='title', name='download_conversation_title_sealed'), writeorperish.crypto.fields.SealedCheck(column='scope', name='download_conversation_scope_sealed'), models.CheckConstraint(condition=models.Q(('privacy_level', 'private')), name='download_conversation_is_private')],
            },
        ),
        migrations.CreateModel(
            name='Question',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('words', writeorperish.crypto.fields.EncryptedTextField()),
                ('job', models.UUIDField(null=True)),
                ('outcome', models.CharField(choices=[('waiting', 'waiting'), ('answered', 'answered'), ('refused', 'not in your archive'), ('stopped', 'stopped'), ('failed', 'failed')], default='waiting', max_length=8)),
                ('code', models.CharField(blank=True, default='', max_length=40)),
                ('searched', models.PositiveIntegerField(default=0)),
                ('left_out', models.PositiveIntegerField(default=0)),
                ('used', models.PositiveIntegerField(default=0)),
                ('removed', models.PositiveIntegerField(default=0)),
                ('offline', models.BooleanField(default=False)),
                ('by_rule', models.BooleanField(default=False)),
                ('model', models.CharField(blank=True, default='', max_length=80)),
                ('cost_microdollars', models.PositiveBigIntegerField(default=0)),
                ('useful', models.BooleanField(null=True)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='download.conversation')),
                ('instead_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='download.question')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['conversation', 'asked_at'], name='download_question_of'), models.Index(condition=models.Q(('outcome', 'waiting')), fields=['owner'], name='download_question_waiting')],
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='download_question_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='download_question_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='words', name='download_question_words_sealed'), models.CheckConstraint(condition=models.Q(('privacy_level', 'private')), name='download_question_is_private'), models.CheckConstraint(condition=models.Q(('outcome__in', ['waiting', 'answered', 'refused', 'stopped', 'failed'])), name='download_question_outcome')],
            },
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('ordinal', models.PositiveSmallIntegerField()),
                ('text', writeorperish.crypto.fields.EncryptedTextField()),
                ('supported', models.BooleanField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('question', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='segments', to='download.question')),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='text', name='download_segment_text_sealed'), models.UniqueConstraint(fields=('question', 'ordinal'), name='download_segment_ordinal')],
            },
        ),
        migrations.CreateModel(
            name='Citation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(max_length=60)),
                ('source_id', models.UUIDField()),
                ('role', models.CharField(choices=[('support', 'supports a sentence'), ('near', 'nearest'), ('closed', 'found by words')], max_length=7)),
                ('number', models.PositiveSmallIntegerField()),
                ('rev', models.PositiveIntegerField()),
                ('start', models.PositiveIntegerField()),
                ('end', models.PositiveIntegerField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('question', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='citations', to='download.question')),
                ('segment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='citations', to='download.segment')),
            ],
            options={
                'indexes': [models.Index(fields=['source_kind', 'source_id'], name='download_citation_source')],
                'constraints': [models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='download_citation_span'), models.CheckConstraint(condition=models.Q(models.Q(('role__in', ['near', 'closed']), ('segment__isnull', True)), models.Q(('role', 'support'), ('segment__isnull', False)), _connector='OR'), name='download_citation_role'), models.UniqueConstraint(fields=('question', 'number'), name='download_citation_number')],
            },
        ),
    ]
