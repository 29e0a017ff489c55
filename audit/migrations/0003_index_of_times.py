"""An index of times: a mark of use is looked up among those of the last minute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_guards")]
    operations = [
        migrations.AddIndex(model_name="auditentry", index=models.Index(fields=["at"], name="audit_entries_by_time")),
    ]
