"""The tables of the marketplace keep their names and their rows: only the room that owns them is another."""

import catalog.models
import django.db.models.deletion
import django.db.models.functions.datetime
import mturk.models.publishing
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workforce', '0010_kinds_of_task'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='RateLimit',
                    fields=[
                        ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ('tokens', models.FloatField()),
                        ('filled_at', models.DateTimeField()),
                    ],
                    options={
                        'db_table': 'workforce_ratelimit',
                    },
                ),
                migrations.CreateModel(
                    name='Call',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('op', models.CharField(max_length=60)),
                        ('purpose', models.CharField(max_length=200, unique=True)),
                        ('payload', models.JSONField()),
                        ('unique_token', models.CharField(default=mturk.models.publishing.new_token, max_length=64, unique=True)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('unsure', 'Unsure'), ('done', 'Done'), ('failed', 'Failed'), ('withdrawn', 'Withdrawn')], default='waiting', max_length=10)),
                        ('attempts', models.PositiveIntegerField(default=0)),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('next_try', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('first_tried_at', models.DateTimeField(null=True)),
                        ('doubtful_at', models.DateTimeField(null=True)),
                        ('done_at', models.DateTimeField(null=True)),
                        ('last_error', models.CharField(blank=True, max_length=1000)),
                        ('batch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='calls', to='workforce.batch')),
                        ('worker', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workforce.worker')),
                    ],
                    options={
                        'db_table': 'workforce_call',
                    },
                ),
                migrations.CreateModel(
                    name='ListedAssignment',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('external_id', models.CharField(max_length=64, unique=True)),
                        ('finding', models.CharField(choices=[('confirmed', 'Confirmed'), ('surplus', 'Surplus'), ('recovered', 'Recovered'), ('repeated', 'Repeated'), ('unreadable', 'Unreadable'), ('compensation', 'Compensation')], max_length=12)),
                        ('status', models.CharField(choices=[('submitted', 'Submitted'), ('approved', 'Approved'), ('rejected', 'Rejected')], max_length=10)),
                        ('accepted_at', models.DateTimeField()),
                        ('submitted_at', models.DateTimeField()),
                        ('listed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('answer', models.TextField(blank=True)),
                        ('submission', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='listed', to='workforce.submission')),
                        ('worker', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='listed_assignments', to='workforce.worker')),
                    ],
                    options={
                        'db_table': 'workforce_listedassignment',
                    },
                ),
                migrations.CreateModel(
                    name='LedgerEntry',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('reward', 'Reward'), ('reward_fee', 'Reward Fee'), ('bonus', 'Bonus'), ('bonus_fee', 'Bonus Fee')], max_length=10)),
                        ('amount', models.DecimalField(decimal_places=2, max_digits=8)),
                        ('booked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('batch', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ledger', to='workforce.batch')),
                        ('call', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger', to='mturk.call')),
                        ('listed', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ledger', to='mturk.listedassignment')),
                    ],
                    options={
                        'verbose_name_plural': 'ledger entries',
                        'db_table': 'workforce_ledgerentry',
                    },
                ),
                migrations.CreateModel(
                    name='MarketplaceHIT',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=catalog.models.new_public_id, editable=False, max_length=32, unique=True)),
                        ('external_id', models.CharField(max_length=64, null=True, unique=True)),
                        ('n_assignments', models.PositiveSmallIntegerField()),
                        ('n_handed_in', models.PositiveSmallIntegerField(default=0)),
                        ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('expires_at', models.DateTimeField()),
                        ('polled_at', models.DateTimeField(null=True)),
                        ('n_failed_polls', models.PositiveSmallIntegerField(db_default=0, default=0)),
                        ('not_before', models.DateTimeField(null=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('compensates', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='compensations', to='workforce.worker')),
                        ('hit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marketplace_hits', to='workforce.hit')),
                    ],
                    options={
                        'db_table': 'workforce_marketplacehit',
                    },
                ),
                migrations.AddField(
                    model_name='listedassignment',
                    name='marketplace_hit',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='listed', to='mturk.marketplacehit'),
                ),
                migrations.CreateModel(
                    name='Qualification',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('name', models.CharField(max_length=200, unique=True)),
                        ('description', models.CharField(max_length=500)),
                        ('type_id', models.CharField(blank=True, max_length=64)),
                    ],
                    options={
                        'db_table': 'workforce_qualification',
                        'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='qualification_has_a_name')],
                    },
                ),
                migrations.AddField(
                    model_name='marketplacehit',
                    name='qualification',
                    field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mturk.qualification'),
                ),
                migrations.CreateModel(
                    name='Rejection',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('reason', models.CharField(max_length=1024)),
                        ('decided_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('overridden_at', models.DateTimeField(null=True)),
                        ('override_reason', models.CharField(blank=True, max_length=1024)),
                        ('decided_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('listed', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rejections', to='mturk.listedassignment')),
                        ('overridden_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('seconded_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'db_table': 'workforce_rejection',
                    },
                ),
                migrations.CreateModel(
                    name='Terms',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('title', models.CharField(max_length=128)),
                        ('description', models.CharField(max_length=2000)),
                        ('keywords', models.CharField(blank=True, max_length=1000)),
                        ('reward', models.DecimalField(decimal_places=2, max_digits=8)),
                        ('assignment_seconds', models.PositiveIntegerField()),
                        ('lifetime_seconds', models.PositiveIntegerField()),
                        ('auto_approval_seconds', models.PositiveIntegerField()),
                        ('review_seconds', models.PositiveIntegerField(db_default=0, default=0)),
                        ('requirements', models.JSONField(default=list)),
                        ('spending_cap', models.DecimalField(decimal_places=2, max_digits=12)),
                        ('losses_per_hit', models.PositiveSmallIntegerField(db_default=5, default=5)),
                        ('hit_type_id', models.CharField(blank=True, max_length=64)),
                        ('keeps_out_former', models.BooleanField(db_default=True, default=True)),
                        ('guarded_type_id', models.CharField(blank=True, max_length=64)),
                        ('published_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                        ('expires_at', models.DateTimeField()),
                        ('batch', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='terms', to='workforce.batch')),
                        ('former_workers', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='terms', to='mturk.qualification')),
                    ],
                    options={
                        'verbose_name_plural': 'terms',
                        'db_table': 'workforce_terms',
                    },
                ),
                migrations.AddField(
                    model_name='marketplacehit',
                    name='terms',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='marketplace_hits', to='mturk.terms'),
                ),
                migrations.AddIndex(
                    model_name='call',
                    index=models.Index(condition=models.Q(('state__in', ['waiting', 'unsure'])), fields=['state', 'next_try', 'id'], name='calls_to_send'),
                ),
                migrations.AddConstraint(
                    model_name='call',
                    constraint=models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'unsure', 'done', 'failed', 'withdrawn'])), name='call_state_is_known'),
                ),
                migrations.AddConstraint(
                    model_name='call',
                    constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', False), ('state', 'done')), models.Q(models.Q(('state', 'done'), _negated=True), ('done_at', None)), _connector='OR'), name='a_call_is_done_at_some_time'),
                ),
                migrations.AddConstraint(
                    model_name='call',
                    constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['unsure', 'done']), _negated=True), models.Q(('attempts__gte', 1), ('first_tried_at__isnull', False)), _connector='OR'), name='only_a_tried_call_has_an_outcome'),
                ),
                migrations.AddConstraint(
                    model_name='call',
                    constraint=models.CheckConstraint(condition=models.Q(('state__in', ['done', 'failed']), models.Q(('doubtful_at__isnull', False), ('state', 'unsure')), models.Q(('doubtful_at', None), ('state__in', ['waiting', 'withdrawn'])), models.Q(('op', 'UpdateExpirationForHIT'), ('state', 'withdrawn')), _connector='OR'), name='what_may_be_carried_out_is_not_withdrawn'),
                ),
                migrations.AddConstraint(
                    model_name='ledgerentry',
                    constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='ledger_amount_is_more_than_nothing'),
                ),
                migrations.AddConstraint(
                    model_name='ledgerentry',
                    constraint=models.CheckConstraint(condition=models.Q(models.Q(('call', None), ('kind__in', ['reward', 'reward_fee'])), models.Q(('call__isnull', False), ('kind__in', ['bonus', 'bonus_fee'])), _connector='OR'), name='a_bonus_is_booked_for_its_call'),
                ),
                migrations.AddConstraint(
                    model_name='ledgerentry',
                    constraint=models.UniqueConstraint(condition=models.Q(('call', None)), fields=('listed', 'kind'), name='one_reward_and_fee_per_assignment'),
                ),
                migrations.AddConstraint(
                    model_name='ledgerentry',
                    constraint=models.UniqueConstraint(fields=('call', 'kind'), name='one_bonus_and_fee_per_call'),
                ),
                migrations.AddConstraint(
                    model_name='listedassignment',
                    constraint=models.CheckConstraint(condition=models.Q(('finding__in', ['repeated', 'unreadable', 'compensation']), ('submission__isnull', False), _connector='OR'), name='what_was_read_is_a_submission'),
                ),
                migrations.AddConstraint(
                    model_name='listedassignment',
                    constraint=models.CheckConstraint(condition=models.Q(('finding__in', ['confirmed', 'surplus', 'recovered', 'repeated', 'unreadable', 'compensation'])), name='finding_on_an_assignment_is_known'),
                ),
                migrations.AddConstraint(
                    model_name='listedassignment',
                    constraint=models.CheckConstraint(condition=models.Q(('status__in', ['submitted', 'approved', 'rejected'])), name='assignment_status_is_known'),
                ),
                migrations.AddConstraint(
                    model_name='rejection',
                    constraint=models.UniqueConstraint(condition=models.Q(('overridden_at', None)), fields=('listed',), name='one_standing_rejection_per_assignment'),
                ),
                migrations.AddConstraint(
                    model_name='rejection',
                    constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='rejection_has_a_reason'),
                ),
                migrations.AddConstraint(
                    model_name='rejection',
                    constraint=models.CheckConstraint(condition=models.Q(('seconded_by', None), models.Q(('seconded_by', models.F('decided_by')), _negated=True), _connector='OR'), name='who_seconds_is_somebody_else'),
                ),
                migrations.AddConstraint(
                    model_name='rejection',
                    constraint=models.CheckConstraint(condition=models.Q(models.Q(('overridden_at', None), ('overridden_by', None), ('override_reason', '')), models.Q(('overridden_at__isnull', False), ('overridden_by__isnull', False), models.Q(('override_reason', ''), _negated=True)), _connector='OR'), name='an_override_says_who_and_why'),
                ),
                migrations.AddConstraint(
                    model_name='terms',
                    constraint=models.CheckConstraint(condition=models.Q(('reward__gt', 0)), name='reward_is_more_than_nothing'),
                ),
                migrations.AddConstraint(
                    model_name='terms',
                    constraint=models.CheckConstraint(condition=models.Q(('spending_cap__gte', models.F('reward'))), name='spending_cap_allows_one_reward'),
                ),
                migrations.AddConstraint(
                    model_name='terms',
                    constraint=models.CheckConstraint(condition=models.Q(('auto_approval_seconds__lte', 259200)), name='approved_after_three_days_at_the_latest'),
                ),
                migrations.AddConstraint(
                    model_name='terms',
                    constraint=models.CheckConstraint(condition=models.Q(('review_seconds__lt', models.F('auto_approval_seconds'))), name='reviewed_before_it_is_approved'),
                ),
                migrations.AddConstraint(
                    model_name='terms',
                    constraint=models.CheckConstraint(condition=models.Q(('assignment_seconds__range', (30, 31536000)), ('lifetime_seconds__range', (30, 31536000))), name='marketplace_takes_these_durations'),
                ),
                migrations.AddIndex(
                    model_name='marketplacehit',
                    index=models.Index(condition=models.Q(('finished_at', None)), fields=['polled_at'], name='marketplace_hits_to_poll'),
                ),
                migrations.AddConstraint(
                    model_name='marketplacehit',
                    constraint=models.CheckConstraint(condition=models.Q(('n_assignments__range', (1, 9))), name='few_enough_assignments_for_the_lower_fee'),
                ),
                migrations.AddConstraint(
                    model_name='marketplacehit',
                    constraint=models.CheckConstraint(condition=models.Q(('n_handed_in__lte', models.F('n_assignments'))), name='no_more_handed_in_than_were_offered'),
                ),
                migrations.AddConstraint(
                    model_name='marketplacehit',
                    constraint=models.CheckConstraint(condition=models.Q(('external_id', ''), _negated=True), name='marketplace_id_is_not_empty'),
                ),
                migrations.AddConstraint(
                    model_name='marketplacehit',
                    constraint=models.CheckConstraint(condition=models.Q(models.Q(('compensates', None), ('qualification', None)), models.Q(('compensates__isnull', False), ('n_assignments', 1), ('qualification__isnull', False)), _connector='OR'), name='a_compensation_is_for_one_person'),
                ),
                migrations.AddConstraint(
                    model_name='marketplacehit',
                    constraint=models.UniqueConstraint(fields=('hit', 'compensates'), name='compensated_once_for_a_hit'),
                ),
            ],
        ),
    ]
