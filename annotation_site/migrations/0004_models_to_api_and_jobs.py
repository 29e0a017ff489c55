"""Keys belong to api, jobs to jobs; their tables stay."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0001_from_annotation_site'),
        ('api', '0001_from_annotation_site'),
        ('annotation_site', '0003_starting_classifiers'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(
                    model_name='job',
                    name='dataset',
                ),
                migrations.DeleteModel(
                    name='ApiToken',
                ),
                migrations.DeleteModel(
                    name='Job',
                ),
            ],
        ),
    ]
