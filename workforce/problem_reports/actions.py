"""Keeping what people told of: problems with a page, and who a researcher says they are."""

from collections.abc import Mapping

from django.db import transaction

from catalog.models import Dataset
from workforce.models import Introduction, Lease, Report

MOST_CHARACTERS = Report._meta.get_field("words").max_length


@transaction.atomic
def report_problem(*, lease: Lease, kind: str, words: str) -> bool:
    """Keep that somebody had a problem with their page; one of each kind, the first stays. Returns whether it is new.

    Nothing of it is refused: a kind that does not exist is something else, and what is too long is cut.
    """
    known = Report.Kind(kind) if kind in Report.Kind.values else Report.Kind.OTHER
    plain = words.replace("\r\n", "\n").replace("\0", "").strip()[:MOST_CHARACTERS]
    before = Report.objects.filter(lease=lease).count()
    Report.objects.bulk_create([Report(lease=lease, kind=known, words=plain)], ignore_conflicts=True)
    return Report.objects.filter(lease=lease).count() > before


@transaction.atomic
def introduce(*, dataset: Dataset, told: Mapping[str, object]) -> Introduction:
    """Say who asks for the answers on a dataset, from now on; `told` are the fields of an Introduction."""
    introduction, _ = Introduction.objects.update_or_create(dataset=dataset, defaults=dict(told))
    return introduction
