"""Searches of Wikipedia for ImageNet's classes name the kind of thing, too."""

from django.db import migrations

from catalog.label_data import WIKIPEDIA_SEARCH, imagenet_labels


def name_the_kind(apps, schema_editor):
    Label = apps.get_model("catalog", "Label")
    labels = Label.objects.filter(
        label_set__name="ImageNet",
        wikipedia_url__startswith=f"{WIKIPEDIA_SEARCH}?search=",
        wikipedia_url__endswith="&go=Go",
    )
    if not labels.exists():
        return
    urls = {record.wnid: record.wikipedia_url for record in imagenet_labels()}
    changed = [label for label in labels if label.wnid in urls]
    for label in changed:
        label.wikipedia_url = urls[label.wnid]
    Label.objects.bulk_update(changed, ["wikipedia_url"], batch_size=200)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0005_reference_pages'),
    ]

    operations = [
        migrations.RunPython(name_the_kind, migrations.RunPython.noop),
    ]
