import django.db.models.deletion
import django.utils.timezone
import writeorperish.crypto.fields
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '__first__'),
        ('ai', '0005_instructions_and_requests'),
    ]

    operations = [
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('mark', models.BinaryField(max_length=16)),
                ('purpose', models.CharField(max_length=12)),
                ('text', writeorperish.crypto.fields.EncryptedTextField()),
                ('model_name', models.CharField(max_length=80)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('call', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='ai.call')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['made_at'], name='ai_kept_answer_old')],
                'constraints': [writeorperish.crypto.fields.SealedCheck(column='text', name='ai_keptanswer_text_sealed'), models.UniqueConstraint(fields=('owner', 'mark'), name='ai_kept_answer_once')],
            },
        ),
        migrations.CreateModel(
            name='AnswerSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(max_length=60)),
                ('source_id', models.UUIDField()),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('answer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sources', to='ai.keptanswer')),
            ],
            options={
                'indexes': [models.Index(fields=['source_kind', 'source_id'], name='ai_answer_source_of')],
            },
        ),
        migrations.AddField(
            model_name='call',
            name='again',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='ai.call'),
        ),
        migrations.AddField(
            model_name='call',
            name='cached',
            field=models.BooleanField(default=False),
        ),
    ]
