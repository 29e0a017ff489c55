"""Storage of a study's introduction."""

from collections.abc import Mapping

from django.db import transaction

from catalog.models import Dataset
from workforce.models import Introduction


@transaction.atomic
def introduce(*, dataset: Dataset, fields: Mapping[str, object]) -> Introduction:
    """Store the introduction to a dataset's study; `fields` are those of an Introduction."""
    introduction, _ = Introduction.objects.update_or_create(dataset=dataset, defaults=dict(fields))
    return introduction
