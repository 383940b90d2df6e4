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
        ('download', '0002_words_walled'),
    ]

    operations = [
        migrations.CreateModel(
            name='Library',
            fields=[
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('asked_at', models.DateTimeField(null=True)),
                ('fetching', models.BooleanField(default=True)),
            ],
            options={
                'verbose_name_plural': 'libraries',
                'constraints': [models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='download_library_ai_usage')],
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', writeorperish.crypto.fields.EncryptedTextField()),
                ('name_key', models.BigIntegerField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='name', name='download_tag_name_sealed'), models.UniqueConstraint(fields=('owner', 'name_key'), name='download_tag_once')],
            },
        ),
        migrations.CreateModel(
            name='Item',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('url', writeorperish.crypto.fields.EncryptedTextField(null=True)),
                ('url_key', models.BinaryField(max_length=16)),
                ('site_key', models.BigIntegerField(null=True)),
                ('title', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('note', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('extra', writeorperish.crypto.fields.EncryptedJSONField(null=True)),
                ('reading', models.CharField(choices=[('unread', 'Unread'), ('reading', 'Reading'), ('done', 'Read'), ('archived', 'Archived')], default='unread', max_length=8)),
                ('progress', models.FloatField(default=0)),
                ('fetch', models.CharField(choices=[('pending', 'waiting for its text'), ('fetching', 'getting its text'), ('fetched', 'text kept'), ('suspicious', 'may not be the article'), ('failed', 'only the link could be saved'), ('skipped', 'text not asked for')], default='pending', max_length=10)),
                ('fetch_reason', models.CharField(blank=True, choices=[('unreachable', 'The site did not answer.'), ('refused_address', "This address can't be opened from here."), ('too_large', 'The page is larger than we can take.'), ('too_slow', 'The site took too long.'), ('wrong_type', 'This is a file, not a page of text.'), ('needs_login', 'The page asks for a sign-in.'), ('gone', 'The page is no longer there.'), ('unreadable', 'No text could be found in the page.')], default='', max_length=15)),
                ('fetch_tries', models.PositiveSmallIntegerField(default=0)),
                ('fetch_until', models.DateTimeField(null=True)),
                ('fetch_asked_at', models.DateTimeField(null=True)),
                ('captured_by', models.CharField(choices=[('paste', 'pasted'), ('bookmarklet', 'from the browser'), ('share', 'shared from a device'), ('api', 'from an app'), ('import', 'imported'), ('feed', 'from a source')], default='paste', max_length=11)),
                ('rev', models.PositiveIntegerField(default=1)),
                ('version', models.PositiveIntegerField(default=1)),
                ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('opened_at', models.DateTimeField(null=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('purge_after', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tags', models.ManyToManyField(related_name='items', to='download.tag')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('deleted_at__isnull', True)), fields=['owner', '-saved_at', '-id'], name='download_item_saved'), models.Index(fields=['owner', 'updated_at', 'id'], name='download_item_synced'), models.Index(fields=['owner', 'site_key'], name='download_item_site'), models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['purge_after'], name='download_item_purge')],
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='download_item_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='download_item_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='url', name='download_item_url_sealed'), writeorperish.crypto.fields.SealedCheck(column='title', name='download_item_title_sealed'), writeorperish.crypto.fields.SealedCheck(column='note', name='download_item_note_sealed'), writeorperish.crypto.fields.SealedCheck(column='extra', name='download_item_extra_sealed'), models.UniqueConstraint(condition=models.Q(('deleted_at__isnull', True)), fields=('owner', 'url_key'), name='download_item_once'), models.CheckConstraint(condition=models.Q(('progress__gte', 0), ('progress__lte', 1)), name='download_item_progress'), models.CheckConstraint(condition=models.Q(('reading__in', ['unread', 'reading', 'done', 'archived'])), name='download_item_reading'), models.CheckConstraint(condition=models.Q(('fetch__in', ['pending', 'fetching', 'fetched', 'suspicious', 'failed', 'skipped'])), name='download_item_fetch'), models.CheckConstraint(condition=models.Q(models.Q(('fetch', 'failed'), models.Q(('fetch_reason', ''), _negated=True)), models.Q(models.Q(('fetch', 'failed'), _negated=True), ('fetch_reason', '')), _connector='OR'), name='download_item_fetch_reason'), models.CheckConstraint(condition=models.Q(('captured_by__in', ['paste', 'bookmarklet', 'share', 'api', 'import', 'feed'])), name='download_item_captured_by'), models.CheckConstraint(condition=models.Q(models.Q(('deleted_at__isnull', True), ('purge_after__isnull', True)), models.Q(('deleted_at__isnull', False), ('purge_after__isnull', False)), _connector='OR'), name='download_item_purge_after')],
            },
        ),
        migrations.CreateModel(
            name='Page',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('revision', models.PositiveIntegerField()),
                ('text', writeorperish.crypto.fields.EncryptedTextField()),
                ('title', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('byline', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('site', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('published_on', models.DateField(null=True)),
                ('lang', models.CharField(blank=True, default='', max_length=12)),
                ('words', models.PositiveIntegerField(default=0)),
                ('digest', models.BinaryField(max_length=16)),
                ('head_digest', models.BinaryField(max_length=16)),
                ('origin', models.CharField(choices=[('fetched', 'fetched from its address'), ('pushed', 'sent by an app'), ('pasted', 'pasted by you'), ('imported', 'imported')], max_length=8)),
                ('quality', models.CharField(choices=[('good', 'complete'), ('thin', 'perhaps not all of it'), ('suspicious', 'may not be the article')], default='good', max_length=10)),
                ('fetched_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pages', to='download.item')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'head_digest'], name='download_page_head')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='text', name='download_page_text_sealed'), writeorperish.crypto.fields.SealedCheck(column='title', name='download_page_title_sealed'), writeorperish.crypto.fields.SealedCheck(column='byline', name='download_page_byline_sealed'), writeorperish.crypto.fields.SealedCheck(column='site', name='download_page_site_sealed'), models.UniqueConstraint(fields=('item', 'revision'), name='download_page_once'), models.CheckConstraint(condition=models.Q(('origin__in', ['fetched', 'pushed', 'pasted', 'imported'])), name='download_page_origin'), models.CheckConstraint(condition=models.Q(('quality__in', ['good', 'thin', 'suspicious'])), name='download_page_quality')],
            },
        ),
        migrations.CreateModel(
            name='Highlight',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
                ('deleted_at', models.DateTimeField(blank=True, null=True)),
                ('start', models.PositiveIntegerField()),
                ('end', models.PositiveIntegerField()),
                ('quote', writeorperish.crypto.fields.EncryptedTextField()),
                ('before', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('after', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('note', writeorperish.crypto.fields.EncryptedTextField(blank=True, default='')),
                ('anchored', models.BooleanField(default=True)),
                ('rev', models.PositiveIntegerField(default=1)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('purge_after', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('item', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='highlights', to='download.item')),
                ('page', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='highlights', to='download.page')),
            ],
            options={
                'indexes': [models.Index(fields=['owner', '-made_at', '-id'], name='download_highlight_made'), models.Index(fields=['item', 'start'], name='download_highlight_place'), models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['purge_after'], name='download_highlight_purge')],
                'constraints': [models.CheckConstraint(condition=models.Q(('privacy_level__in', ['private', 'circles', 'public'])), name='download_highlight_privacy_level'), models.CheckConstraint(condition=models.Q(('ai_usage__in', ['none', 'chat', 'train'])), name='download_highlight_ai_usage'), writeorperish.crypto.fields.SealedCheck(column='quote', name='download_highlight_quote_sealed'), writeorperish.crypto.fields.SealedCheck(column='before', name='download_highlight_before_sealed'), writeorperish.crypto.fields.SealedCheck(column='after', name='download_highlight_after_sealed'), writeorperish.crypto.fields.SealedCheck(column='note', name='download_highlight_note_sealed'), models.CheckConstraint(condition=models.Q(('start__lt', models.F('end'))), name='download_highlight_span')],
            },
        ),
        migrations.AddField(
            model_name='item',
            name='page',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='download.page'),
        ),
    ]
