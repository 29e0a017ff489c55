from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('candidates', '0002_attempts'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='shell_problem',
            field=models.CharField(blank=True, db_default='', max_length=1000),
        ),
    ]
