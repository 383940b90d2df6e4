import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('uid', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('state', models.CharField(choices=[('unverified', 'e-mail not confirmed'), ('waiting', 'waiting for admission'), ('active', 'active'), ('leaving', 'leaving'), ('declined', 'declined')], default='unverified', max_length=12)),
                ('version', models.PositiveIntegerField(default=1)),
                ('admitted_at', models.DateTimeField(blank=True, null=True)),
                ('leaving_at', models.DateTimeField(blank=True, null=True)),
                ('last_seen_on', models.DateField(blank=True, null=True)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='accounts_user_email'), models.CheckConstraint(condition=models.Q(('state__in', ['unverified', 'waiting', 'active', 'leaving', 'declined'])), name='accounts_user_state')],
            },
        ),
        migrations.CreateModel(
            name='TokenFamily',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('label', models.CharField(blank=True, max_length=80)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('proved_at', models.DateTimeField(null=True)),
                ('last_used_on', models.DateField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=20)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='token_families', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['person', 'created_at'], name='accounts_to_person__5da116_idx')],
            },
        ),
        migrations.CreateModel(
            name='RefreshUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('issued_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('used_at', models.DateTimeField(null=True)),
                ('family', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='accounts.tokenfamily')),
            ],
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='profile', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('handle', models.CharField(max_length=30, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9_]{3,30}\\Z', 'Use 3 to 30 of a–z, 0–9 and _.')])),
                ('name', models.CharField(blank=True, max_length=60)),
                ('zone', models.CharField(default='UTC', max_length=60)),
                ('language', models.CharField(default='en', max_length=10)),
                ('theme', models.CharField(choices=[('system', 'As the device'), ('light', 'Light'), ('dark', 'Dark')], default='system', max_length=6)),
                ('reading_size', models.CharField(choices=[('s', 'Small'), ('m', 'Medium'), ('l', 'Large'), ('xl', 'Extra large')], default='m', max_length=2)),
                ('default_privacy_level', models.CharField(choices=[('private', 'Private'), ('circles', 'Circles'), ('public', 'Public')], default='private', max_length=8)),
                ('default_ai_usage', models.CharField(choices=[('none', 'AI: off'), ('chat', 'AI: replies'), ('train', 'AI: replies + training')], default='none', max_length=5)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('default_privacy_level__in', ['private', 'circles', 'public'])), name='accounts_profile_privacy_level'), models.CheckConstraint(condition=models.Q(('default_ai_usage__in', ['none', 'chat', 'train'])), name='accounts_profile_ai_usage')],
            },
        ),
    ]
