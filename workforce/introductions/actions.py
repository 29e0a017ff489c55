"""Storage of a study's introduction."""

from collections.abc import Mapping

from django.db import transaction

from audit.actions import Area, record
from catalog.models import Dataset
from catalog.reads import LockName, wait_for_lock
from workforce.models import ConsentText, Introduction


@transaction.atomic
def introduce(*, dataset: Dataset, fields: Mapping[str, object]) -> Introduction:
    """Store the introduction to a dataset's study; `fields` are those of an Introduction."""
    wait_for_lock(LockName.SETTINGS, dataset)
    before = Introduction.objects.filter(dataset=dataset).values(*fields).first()
    introduction, _ = Introduction.objects.update_or_create(dataset=dataset, defaults=dict(fields))
    _keep_version(dataset, introduction.consent)
    record(area=Area.CONFIG, action="introduction.change", subject=f"dataset {dataset}", before=before, after=fields)
    return introduction


def _keep_version(dataset: Dataset, text: str) -> None:
    """Make a changed consent text the next version. A text that was taken away and put back is the same one."""
    latest = ConsentText.objects.filter(dataset=dataset).order_by("version").last()
    if text and (latest is None or latest.text != text):
        ConsentText.objects.create(dataset=dataset, version=latest.version + 1 if latest else 1, text=text)
