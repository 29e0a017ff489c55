"""Storage of problems that people report from a page."""

from django.db import transaction

from workforce.models import Lease, Report

MOST_CHARACTERS = Report._meta.get_field("words").max_length


@transaction.atomic
def report_problem(*, lease: Lease, kind: str, words: str) -> bool:
    """Store a problem with a page, the first of each kind. Returns whether it is new.

    No report is rejected: an unknown kind becomes "something else", and a long text is cut.
    """
    report_kind = Report.Kind(kind) if kind in Report.Kind.values else Report.Kind.OTHER
    plain = words.replace("\r\n", "\n").replace("\0", "").strip()[:MOST_CHARACTERS]
    n_before = Report.objects.filter(lease=lease).count()
    Report.objects.bulk_create([Report(lease=lease, kind=report_kind, words=plain)], ignore_conflicts=True)
    return Report.objects.filter(lease=lease).count() > n_before
