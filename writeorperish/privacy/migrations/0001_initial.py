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
    ]

    operations = [
        migrations.CreateModel(
            name='Circle',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', writeorperish.crypto.fields.EncryptedTextField()),
                ('kind', models.CharField(choices=[('family', 'Family'), ('friends', 'Friends'), ('work', 'Work'), ('accountability', 'Accountability'), ('other', 'Other')], default='other', max_length=14)),
                ('version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('group', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='circle', to='auth.group')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='circles', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'created_at'], name='privacy_cir_owner_i_6acd34_idx')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='name', name='privacy_circle_name_sealed'), models.CheckConstraint(condition=models.Q(('kind__in', ['family', 'friends', 'work', 'accountability', 'other'])), name='privacy_circle_kind')],
            },
        ),
        migrations.CreateModel(
            name='Consent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('purpose', models.CharField(max_length=40)),
                ('granted', models.BooleanField()),
                ('text_version', models.CharField(max_length=12)),
                ('source', models.CharField(default='settings', max_length=20)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='consents', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['owner', 'purpose', '-at'], name='privacy_con_owner_i_fd3817_idx')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('invited', 'invited'), ('active', 'active'), ('declined', 'declined'), ('left', 'left'), ('removed', 'removed')], default='invited', max_length=8)),
                ('version', models.PositiveIntegerField(default=1)),
                ('sees_earlier', models.BooleanField(default=False)),
                ('invited_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('since', models.DateTimeField(null=True)),
                ('sees_from', models.DateTimeField(null=True)),
                ('until', models.DateTimeField(null=True)),
                ('circle', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='privacy.circle')),
                ('member', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['member', 'state'], name='privacy_mem_member__948fa1_idx')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['invited', 'active'])), fields=('circle', 'member'), name='privacy_membership_one_active'), models.CheckConstraint(condition=models.Q(('state__in', ['invited', 'active', 'declined', 'left', 'removed'])), name='privacy_membership_state'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'active'), _negated=True), ('sees_from__isnull', False), _connector='OR'), name='privacy_membership_active_sees_from')],
            },
        ),
        migrations.CreateModel(
            name='Withholding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(max_length=60)),
                ('source_id', models.UUIDField()),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('lifted_at', models.DateTimeField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['source_kind', 'source_id'], name='privacy_wit_source__cb1781_idx')],
            },
        ),
        migrations.CreateModel(
            name='Block',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('blocked', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blocks_met', to=settings.AUTH_USER_MODEL)),
                ('blocker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='blocks_made', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('blocker', 'blocked'), name='privacy_block_once'), models.CheckConstraint(condition=models.Q(('blocker', models.F('blocked')), _negated=True), name='privacy_block_not_oneself')],
            },
        ),
    ]
