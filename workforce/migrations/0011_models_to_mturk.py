"""What a marketplace needs belongs to mturk; its tables stay."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('mturk', '0001_from_workforce'),
        ('workforce', '0010_kinds_of_task'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(
                    model_name='call',
                    name='batch',
                ),
                migrations.RemoveField(
                    model_name='call',
                    name='worker',
                ),
                migrations.RemoveField(
                    model_name='ledgerentry',
                    name='call',
                ),
                migrations.RemoveField(
                    model_name='ledgerentry',
                    name='batch',
                ),
                migrations.RemoveField(
                    model_name='ledgerentry',
                    name='listed',
                ),
                migrations.RemoveField(
                    model_name='listedassignment',
                    name='marketplace_hit',
                ),
                migrations.RemoveField(
                    model_name='listedassignment',
                    name='submission',
                ),
                migrations.RemoveField(
                    model_name='listedassignment',
                    name='worker',
                ),
                migrations.RemoveField(
                    model_name='rejection',
                    name='listed',
                ),
                migrations.RemoveField(
                    model_name='marketplacehit',
                    name='compensates',
                ),
                migrations.RemoveField(
                    model_name='marketplacehit',
                    name='hit',
                ),
                migrations.RemoveField(
                    model_name='marketplacehit',
                    name='qualification',
                ),
                migrations.RemoveField(
                    model_name='marketplacehit',
                    name='terms',
                ),
                migrations.RemoveField(
                    model_name='terms',
                    name='former_workers',
                ),
                migrations.DeleteModel(
                    name='RateLimit',
                ),
                migrations.RemoveField(
                    model_name='rejection',
                    name='decided_by',
                ),
                migrations.RemoveField(
                    model_name='rejection',
                    name='overridden_by',
                ),
                migrations.RemoveField(
                    model_name='rejection',
                    name='seconded_by',
                ),
                migrations.RemoveField(
                    model_name='terms',
                    name='batch',
                ),
                migrations.DeleteModel(
                    name='Call',
                ),
                migrations.DeleteModel(
                    name='LedgerEntry',
                ),
                migrations.DeleteModel(
                    name='ListedAssignment',
                ),
                migrations.DeleteModel(
                    name='MarketplaceHIT',
                ),
                migrations.DeleteModel(
                    name='Qualification',
                ),
                migrations.DeleteModel(
                    name='Rejection',
                ),
                migrations.DeleteModel(
                    name='Terms',
                ),
            ],
        ),
    ]
