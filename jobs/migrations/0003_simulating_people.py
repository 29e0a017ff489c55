from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0002_computing_potential_labels'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(choices=[('import_images', 'Importing images'), ('predict', 'Starting classifiers'), ('potential_labels', 'Computing potential labels'), ('open_contains', 'Opening CONTAINS grids'), ('simulate', 'Simulating people')], max_length=20),
        ),
    ]
