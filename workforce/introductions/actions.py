"""Storage of a study's introduction."""

from collections.abc import Mapping

from django.db import transaction

from audit.actions import Area, record
from catalog.models import Dataset
from workforce.models import Introduction


@transaction.atomic
def introduce(*, dataset: Dataset, fields: Mapping[str, object]) -> Introduction:
    """Store the introduction to a dataset's study; `fields` are those of an Introduction."""
    before = Introduction.objects.filter(dataset=dataset).values(*fields).first()
    introduction, _ = Introduction.objects.update_or_create(dataset=dataset, defaults=dict(fields))
    record(area=Area.CONFIG, action="introduction.change", subject=f"dataset {dataset}", before=before, after=fields)
    return introduction
