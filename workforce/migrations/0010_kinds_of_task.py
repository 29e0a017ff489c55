from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workforce', '0009_unsure_calls_first'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='batch',
            name='batch_kind_is_known',
        ),
        migrations.AlterField(
            model_name='batch',
            name='kind',
            field=models.CharField(max_length=20),
        ),
    ]
