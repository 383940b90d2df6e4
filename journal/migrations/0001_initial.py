import django.db.models.deletion
import django.utils.timezone
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '__first__'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('crypto', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('bytes', models.PositiveBigIntegerField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('uploaded', 'received'), ('checking', 'being checked'), ('checked', 'checked'), ('importing', 'being imported'), ('done', 'done'), ('undoing', 'being undone'), ('undone', 'undone'), ('failed', 'failed')], default='uploaded', max_length=9)),
                ('version', models.PositiveIntegerField(default=1)),
                ('source', models.CharField(blank=True, max_length=12)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('zone', models.CharField(default='UTC', max_length=60)),
                ('trash', models.CharField(default='skip', max_length=7)),
                ('circles', models.JSONField(default=list)),
                ('report', writeorperish.crypto.fields.EncryptedJSONField(null=True)),
                ('total', models.PositiveIntegerField(default=0)),
                ('done', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imports', to=settings.AUTH_USER_MODEL)),
                ('upload', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='journal.upload')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-created_at'], name='journal_importrun_newest')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='report', name='journal_importrun_report_sealed'), models.CheckConstraint(condition=models.Q(('state__in', ['uploaded', 'checking', 'checked', 'importing', 'done', 'undoing', 'undone', 'failed'])), name='journal_importrun_state'), models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles'])), name='journal_importrun_privacy_level')],
            },
        ),
        migrations.CreateModel(
            name='Node',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('depth', models.PositiveIntegerField(default=0)),
                ('author_kind', models.CharField(choices=[('person', 'person'), ('ai', 'AI')], default='person', max_length=6)),
                ('author_model', models.CharField(blank=True, max_length=80)),
                ('title', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('body', writeorperish.crypto.fields.EncryptedTextField(null=True)),
                ('chars', models.PositiveIntegerField(default=0)),
                ('rev', models.PositiveIntegerField(default=1)),
                ('state', models.CharField(choices=[('whole', 'whole'), ('writing', 'being written'), ('stopped', 'stopped'), ('failed', 'failed')], default='whole', max_length=7)),
                ('version', models.PositiveIntegerField(default=1)),
                ('written_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('zone', models.CharField(default='UTC', max_length=60)),
                ('day', models.DateField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('part_index', models.PositiveSmallIntegerField(default=0)),
                ('slug', models.CharField(blank=True, max_length=80, null=True)),
                ('pinned_at', models.DateTimeField(blank=True, null=True)),
                ('source_key', models.BinaryField(max_length=32, null=True)),
                ('purge_after', models.DateTimeField(blank=True, null=True)),
                ('deletion', models.UUIDField(blank=True, null=True)),
                ('erased_at', models.DateTimeField(blank=True, null=True)),
                ('import_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='nodes', to='journal.importrun')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='replies', to='journal.node')),
                ('part_of', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='parts', to='journal.node')),
                ('root', models.ForeignKey(on_delete=django.db.models.deletion.RESTRICT, related_name='thread', to='journal.node')),
            ],
            options={
                'indexes': [models.Index(fields=['root', 'written_at', 'id'], name='journal_node_thread'), models.Index(fields=['owner', 'day'], name='journal_node_day'), models.Index(fields=['owner', 'updated_at', 'id'], name='journal_node_synced'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('parent__isnull', True)), fields=['owner', '-written_at', '-id'], name='journal_node_log'), models.Index(condition=models.Q(('deleted_at__isnull', True), ('privacy_level', 'public')), fields=['-written_at'], name='journal_node_public'), models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['purge_after'], name='journal_node_purge')],
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='journal_node_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='journal_node_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='title', name='journal_node_title_sealed'), writeorperish.crypto.fields.SealedCheck(column='body', name='journal_node_body_sealed'), models.CheckConstraint(condition=models.Q(models.Q(('parent__isnull', True), ('root', models.F('id'))), models.Q(('parent__isnull', False), models.Q(('root', models.F('id')), _negated=True)), _connector='OR'), name='journal_node_root'), models.CheckConstraint(condition=models.Q(models.Q(('author_kind', 'ai'), models.Q(('author_model', ''), _negated=True)), models.Q(('author_kind', 'person'), ('author_model', '')), _connector='OR'), name='journal_node_author'), models.CheckConstraint(condition=models.Q(('state__in', ['whole', 'writing', 'stopped', 'failed'])), name='journal_node_state'), models.CheckConstraint(condition=models.Q(('state', 'whole'), ('author_kind', 'ai'), _connector='OR'), name='journal_node_unfinished'), models.CheckConstraint(condition=models.Q(('erased_at__isnull', True), models.Q(('deleted_at__isnull', False), ('body__isnull', True)), _connector='OR'), name='journal_node_erased'), models.CheckConstraint(condition=models.Q(('slug__isnull', True), ('parent__isnull', True), _connector='OR'), name='journal_node_slug_root'), models.UniqueConstraint(condition=models.Q(('slug__isnull', False)), fields=('owner', 'slug'), name='journal_node_slug'), models.UniqueConstraint(condition=models.Q(('source_key__isnull', False)), fields=('owner', 'source_key'), name='journal_node_source_key')],
            },
        ),
        migrations.CreateModel(
            name='ImportItem',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('ordinal', models.PositiveIntegerField()),
                ('outcome', models.CharField(choices=[('new', 'new'), ('here', 'already here'), ('changed', 'changed since'), ('trashed', 'in the trash'), ('unreadable', 'unreadable')], max_length=10)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('label', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('rev', models.PositiveIntegerField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='journal.importrun')),
                ('node', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='journal.node')),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='label', name='journal_importitem_label_sealed'), models.UniqueConstraint(fields=('run', 'ordinal'), name='journal_importitem_ordinal'), models.CheckConstraint(condition=models.Q(('outcome__in', ['new', 'here', 'changed', 'trashed', 'unreadable'])), name='journal_importitem_outcome')],
            },
        ),
        migrations.CreateModel(
            name='Draft',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('base_rev', models.PositiveIntegerField(null=True)),
                ('base_body', writeorperish.crypto.fields.EncryptedTextField(null=True)),
                ('seq', models.BigIntegerField(default=0)),
                ('title', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('body', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('discarded_at', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to=settings.AUTH_USER_MODEL)),
                ('edits', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to='journal.node')),
                ('parent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reply_drafts', to='journal.node')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-updated_at'], name='journal_draft_newest')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='base_body', name='journal_draft_base_body_sealed'), writeorperish.crypto.fields.SealedCheck(column='title', name='journal_draft_title_sealed'), writeorperish.crypto.fields.SealedCheck(column='body', name='journal_draft_body_sealed'), models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='journal_draft_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='journal_draft_ai_usage')],
            },
        ),
        migrations.CreateModel(
            name='NodeCircleGrant',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('granted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='journal.node')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='NodeUserGrant',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('granted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='journal.node')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='UploadPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n', models.PositiveIntegerField()),
                ('bytes', models.PositiveIntegerField()),
                ('mac', models.BinaryField(max_length=16)),
                ('blob', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='crypto.blob')),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='journal.upload')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('upload', 'n'), name='journal_uploadpart_n')],
            },
        ),
        migrations.CreateModel(
            name='Version',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('rev', models.PositiveIntegerField(null=True)),
                ('base_rev', models.PositiveIntegerField(null=True)),
                ('title', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('body', writeorperish.crypto.fields.EncryptedTextField()),
                ('reason', models.CharField(choices=[('save', 'Saved'), ('merge', 'Merged from two tabs'), ('restore', 'Restored'), ('split', 'Split'), ('import', 'Imported'), ('aside', 'Set aside in a conflict')], default='save', max_length=7)),
                ('act', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('node', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='journal.node')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='title', name='journal_version_title_sealed'), writeorperish.crypto.fields.SealedCheck(column='body', name='journal_version_body_sealed'), models.UniqueConstraint(fields=('node', 'rev'), name='journal_version_rev'), models.UniqueConstraint(fields=('node', 'act'), name='journal_version_act'), models.CheckConstraint(condition=models.Q(('reason__in', ['save', 'merge', 'restore', 'split', 'import', 'aside'])), name='journal_version_reason'), models.CheckConstraint(condition=models.Q(models.Q(('reason', 'aside'), ('rev__isnull', True)), models.Q(models.Q(('reason', 'aside'), _negated=True), ('rev__isnull', False)), _connector='OR'), name='journal_version_aside')],
            },
        ),
        migrations.AlterUniqueTogether(
            name='nodecirclegrant',
            unique_together={('group', 'permission', 'content_object')},
        ),
        migrations.AlterUniqueTogether(
            name='nodeusergrant',
            unique_together={('user', 'permission', 'content_object')},
        ),
    ]
