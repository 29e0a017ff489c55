"""Current values of a worker's qualifications."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from django.db.models import Count, Q, QuerySet

from marketplace.errors import DoesNotExist
from marketplace.models import (
    HIT,
    Assignment,
    Qualification,
    QualificationRequest,
    QualificationType,
    Requester,
    Worker,
)
from marketplace.qualifications import system
from marketplace.qualifications.requirements import guards, meets

Value = int | tuple[str, str] | None


def unmet_requirements(
    worker: Worker, requirements: Iterable[Mapping], action: str, values: Callable[[str], Value] | None = None
) -> list[Mapping]:
    """Return the requirements that prevent this worker's action: accept, preview or discover.

    `values` is as `values_of` returns it.
    """
    value = values or (lambda type_id: value_of(worker, type_id))
    guarding = [requirement for requirement in requirements if guards(requirement, action)]
    return [r for r in guarding if not meets(r, value(r["QualificationTypeId"]))]


def values_of(worker: Worker) -> Callable[[str], Value]:
    """Return `value_of` for one worker and many types: grants are queried once, each record at most once."""
    granted = Qualification.objects.filter(worker=worker, revoked_at=None)
    scores = dict(granted.values_list("qualification_type__public_id", "value"))
    return cache(lambda type_id: value_of(worker, type_id) if type_id in system.NAMES else scores.get(type_id))


def value_of(worker: Worker, type_id: str) -> Value:
    """Return the score, or the place for the locale; None if the worker does not have the qualification."""
    if type_id == system.LOCALE:
        return worker.country, worker.subdivision
    if type_id == system.ADULT:
        return int(worker.is_adult)
    if type_id in system.MASTERS:
        return 1 if worker.is_master else None
    if type_id in (system.NUMBER_APPROVED, system.PERCENT_APPROVED):
        return record_of(worker)[type_id]
    granted = Qualification.objects.filter(worker=worker, qualification_type__public_id=type_id, revoked_at=None)
    return granted.values_list("value", flat=True).first()


def record_of(worker: Worker) -> dict[str, int]:
    """Return number and percentage of approved work. Without reviewed work the percentage is 100."""
    counts = worker.assignments.aggregate(
        approved=Count("pk", filter=Q(status=Assignment.Status.APPROVED)),
        rejected=Count("pk", filter=Q(status=Assignment.Status.REJECTED)),
    )
    reviewed = counts["approved"] + counts["rejected"]
    percent = 100 * counts["approved"] // reviewed if reviewed else 100
    return {system.NUMBER_APPROVED: counts["approved"], system.PERCENT_APPROVED: percent}


def qualification_of(qualification_type: QualificationType, worker: Worker) -> Qualification:
    qualifications = qualification_type.qualifications.filter(worker=worker).select_related(
        "qualification_type", "worker"
    )
    qualification = qualifications.first()
    if qualification is None:
        raise DoesNotExist("Qualification", f"{qualification_type.public_id} of worker {worker.public_id}")
    return qualification


def request_of(requester: Requester, public_id: str) -> QualificationRequest:
    requests = QualificationRequest.objects.filter(qualification_type__requester=requester, public_id=public_id)
    request = requests.select_related("qualification_type", "worker").first()
    if request is None:
        raise DoesNotExist("QualificationRequest", public_id)
    return request


def hits_asking_for(requester: Requester, type_id: str) -> QuerySet[HIT]:
    asking = HIT.objects.filter(hit_type__requirements__contains=[{"QualificationTypeId": type_id}])
    return asking.filter(requester=requester)
