import django.db.models.deletion
import django.utils.timezone
import writeorperish.refs
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_export'),
        ('accounts', '__first__'),
        ('download', '0004_answers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Card',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('stability', models.FloatField(null=True)),
                ('difficulty', models.FloatField(null=True)),
                ('reviewed_on', models.DateField(null=True)),
                ('due_on', models.DateField(null=True)),
                ('reps', models.PositiveIntegerField(default=0)),
                ('begun_on', models.DateField(null=True)),
                ('snoozed_until', models.DateField(null=True)),
                ('done_with_at', models.DateTimeField(null=True)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('highlight', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='card', to='download.highlight')),
                ('item', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='card', to='download.item')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('done_with_at__isnull', True), ('due_on__isnull', False)), fields=['owner', 'due_on'], name='download_card_due'), models.Index(condition=models.Q(('done_with_at__isnull', True), ('due_on__isnull', True)), fields=['owner', 'made_at'], name='download_card_new'), models.Index(fields=['owner', 'begun_on'], name='download_card_begun')],
                'constraints': [models.CheckConstraint(condition=models.Q(('item__isnull', False), ('highlight__isnull', False), _connector='XOR'), name='download_card_of_one'), models.CheckConstraint(condition=models.Q(models.Q(('begun_on__isnull', True), ('difficulty__isnull', True), ('due_on__isnull', True), ('reps', 0), ('reviewed_on__isnull', True), ('stability__isnull', True)), models.Q(('begun_on__isnull', False), ('difficulty__gte', 1), ('difficulty__lte', 10), ('due_on__isnull', False), ('reps__gt', 0), ('reviewed_on__isnull', False), ('stability__gt', 0)), _connector='OR'), name='download_card_memory')],
            },
        ),
        migrations.CreateModel(
            name='Pace',
            fields=[
                ('owner', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('cards', models.PositiveSmallIntegerField(default=5)),
                ('retention', models.FloatField(default=0.85)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('cards__gte', 1), ('cards__lte', 20)), name='download_pace_cards'), models.CheckConstraint(condition=models.Q(('retention__gte', 0.7), ('retention__lte', 0.97)), name='download_pace_retention')],
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.UUIDField(default=writeorperish.refs.new_id, editable=False, primary_key=True, serialize=False)),
                ('answer', models.CharField(choices=[('show_soon', 'Show soon'), ('more_often', 'More often'), ('useful', 'Useful'), ('less_often', 'Less often'), ('not_now', 'Not now'), ('done_with', 'Done with this')], max_length=10)),
                ('at', models.DateTimeField()),
                ('on', models.DateField()),
                ('retention', models.FloatField()),
                ('before', models.JSONField()),
                ('key', models.UUIDField()),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('card', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='download.card')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['card', 'at', 'id'], name='download_review_order')],
                'constraints': [models.UniqueConstraint(fields=('card', 'key'), name='download_review_once'), models.CheckConstraint(condition=models.Q(('answer__in', ['show_soon', 'more_often', 'useful', 'less_often', 'not_now', 'done_with'])), name='download_review_answer'), models.CheckConstraint(condition=models.Q(('retention__gte', 0.7), ('retention__lte', 0.97)), name='download_review_retention')],
            },
        ),
    ]
