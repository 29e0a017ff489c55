"""Who asks for the answers on a dataset, as a researcher says it."""

from collections.abc import Mapping

from django.db import transaction

from catalog.models import Dataset
from workforce.models import Introduction


@transaction.atomic
def introduce(*, dataset: Dataset, told: Mapping[str, object]) -> Introduction:
    """Say who asks for the answers on a dataset, from now on; `told` are the fields of an Introduction."""
    introduction, _ = Introduction.objects.update_or_create(dataset=dataset, defaults=dict(told))
    return introduction
