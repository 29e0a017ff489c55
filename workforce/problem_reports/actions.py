"""Storing problems that people report from a page."""

from django.db import transaction

from workforce.models import Lease, Report

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
