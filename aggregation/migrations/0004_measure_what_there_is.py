from django.db import migrations


class Migration(migrations.Migration):
    """Have the measures of studies that have answers already computed once."""

    dependencies = [
        ("aggregation", "0003_quality"),
        ("workforce", "0017_bars"),
    ]

    operations = [
        migrations.RunSQL(
            """
            INSERT INTO aggregation_votechange (dataset_id)
            SELECT DISTINCT batch.dataset_id FROM workforce_batch batch
            WHERE EXISTS (
                SELECT FROM workforce_hit hit JOIN workforce_submission submission ON submission.hit_id = hit.id
                WHERE hit.batch_id = batch.id
            )
            """,
            migrations.RunSQL.noop,
        ),
    ]
