"""The table keeps its name and its rows: only the room that owns it is another."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('annotation_site', '0003_starting_classifiers'),
        ('catalog', '0003_picture_problems'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='Job',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('import_images', 'Importing images'), ('predict', 'Starting classifiers'), ('potential_labels', 'Working out the potential labels'), ('open_contains', 'Opening CONTAINS grids')], max_length=20)),
                        ('arguments', models.JSONField(default=dict)),
                        ('asked_by', models.CharField(max_length=150)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('started_at', models.DateTimeField(null=True)),
                        ('finished_at', models.DateTimeField(null=True)),
                        ('stopped_by', models.CharField(blank=True, max_length=150)),
                        ('beginnings', models.PositiveSmallIntegerField(default=0)),
                        ('n_done', models.PositiveBigIntegerField(default=0)),
                        ('n_total', models.PositiveBigIntegerField(null=True)),
                        ('problem', models.TextField(blank=True)),
                        ('report', models.JSONField(default=list)),
                        ('dataset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='catalog.dataset')),
                    ],
                    options={
                        'db_table': 'annotation_site_job',
                        'constraints': [models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('dataset', 'kind'), name='one_unfinished_job_of_a_kind'), models.CheckConstraint(condition=models.Q(('n_total', None), ('n_done__lte', models.F('n_total')), _connector='OR'), name='job_does_no_more_than_all'), models.CheckConstraint(condition=models.Q(('finished_at', None), ('started_at__isnull', False), _connector='OR'), name='job_is_begun_before_it_is_finished'), models.CheckConstraint(condition=models.Q(('problem', ''), ('finished_at__isnull', False), _connector='OR'), name='job_with_a_problem_is_finished')],
                    },
                ),
            ],
        ),
    ]
