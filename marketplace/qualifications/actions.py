"""Qualification types, and granting, revoking and requesting them."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from marketplace.clock import now
from marketplace.errors import BadParameter, Refusal, WorkRefused, WrongStatus
from marketplace.models import Message, Qualification, QualificationRequest, QualificationType, Requester, Worker

NAME_TAKEN = (
    "You have already created a QualificationType with this name. A QualificationType's name must be unique among "
    "all of the QualificationTypes created by the same user."
)


@transaction.atomic
def create_qualification_type(*, requester: Requester, name: str, **values) -> QualificationType:
    # The requester's row is locked, so that the second of two at once gets this error, not the constraint's.
    Requester.objects.select_for_update(no_key=True).get(pk=requester.pk)
    if requester.qualification_types.filter(name=name, deleted_at=None).exists():
        raise Refusal("QualificationTypeAlreadyExists", NAME_TAKEN)
    created = QualificationType(requester=requester, name=name, created_at=now(), **values)
    refuse_contradictions(created)
    created.save()
    return created


@transaction.atomic
def change_qualification_type(*, qualification_type: QualificationType, **values) -> QualificationType:
    locked = QualificationType.objects.select_for_update(no_key=True).get(pk=qualification_type.pk)
    for name, value in values.items():
        setattr(locked, name, value)
    # A new test without a key has none: requests are granted by hand.
    if "test" in values and "answer_key" not in values:
        locked.answer_key = ""
    refuse_contradictions(locked)
    locked.save()
    return locked


def refuse_contradictions(qualification_type: QualificationType) -> None:
    if qualification_type.test and qualification_type.auto_granted:
        raise BadParameter("A QualificationType with a Test cannot be AutoGranted.")
    if qualification_type.test and not qualification_type.test_seconds:
        raise BadParameter("A QualificationType with a Test needs TestDurationInSeconds.")
    if qualification_type.answer_key and not qualification_type.test:
        raise BadParameter("An AnswerKey belongs to a Test; this QualificationType has none.")


@transaction.atomic
def delete_qualification_type(*, qualification_type: QualificationType) -> None:
    """Delete a type: granted qualifications stay granted, pending requests are rejected."""
    moment = now()
    QualificationType.objects.filter(pk=qualification_type.pk, deleted_at=None).update(deleted_at=moment)
    qualification_type.requests.filter(granted_at=None, rejected_at=None).update(rejected_at=moment)


@transaction.atomic
def grant_qualification(
    *, qualification_type: QualificationType, worker: Worker, value: int, notify: bool = False
) -> Qualification:
    moment = now()
    values = {"value": value, "granted_at": moment, "revoked_at": None, "reason": ""}
    qualification, _ = Qualification.objects.update_or_create(
        qualification_type=qualification_type, worker=worker, defaults=values
    )
    if notify:
        send_message(
            qualification_type,
            worker,
            gettext("You have been granted the qualification %(name)s.") % {"name": qualification_type.name},
            moment,
        )
    return qualification


@transaction.atomic
def revoke_qualification(*, qualification: Qualification, reason: str = "") -> None:
    moment = now()
    locked = Qualification.objects.select_for_update(no_key=True).get(pk=qualification.pk)
    if locked.revoked_at:
        raise WrongStatus("Qualification", "Granted", "Revoked")
    locked.revoked_at, locked.reason = moment, reason
    locked.save()


@transaction.atomic
def request_qualification(*, qualification_type: QualificationType, worker: Worker) -> QualificationRequest | None:
    """Store a worker's request for a qualification; return None if it is granted automatically."""
    if not qualification_type.is_active or qualification_type.deleted_at:
        raise WorkRefused(gettext("This qualification can no longer be requested."))
    if qualification_type.test:
        raise WorkRefused(
            gettext("This qualification requires a test, and this marketplace offers no tests. Ask the requester.")
        )
    # The lock serializes two requests at once.
    Worker.objects.select_for_update(no_key=True).get(pk=worker.pk)
    refuse_repeats(qualification_type, worker, now())
    if qualification_type.auto_granted:
        value = qualification_type.auto_granted_value
        grant_qualification(qualification_type=qualification_type, worker=worker, value=1 if value is None else value)
        return None
    request, _ = QualificationRequest.objects.get_or_create(
        qualification_type=qualification_type,
        worker=worker,
        granted_at=None,
        rejected_at=None,
        defaults={"submitted_at": now()},
    )
    return request


def refuse_repeats(qualification_type: QualificationType, worker: Worker, moment: datetime) -> None:
    """Raise WorkRefused if the worker may not request the type again.

    After a rejected request or a revoked grant, RetryDelayInSeconds must pass; without a delay, one request is allowed.
    """
    qualification = qualification_type.qualifications.filter(worker=worker).first()
    if qualification and not qualification.revoked_at:
        raise WorkRefused(gettext("You already have this qualification."))
    rejected_requests = qualification_type.requests.filter(worker=worker, rejected_at__isnull=False)
    times = [request.submitted_at for request in rejected_requests] + (
        [qualification.granted_at] if qualification else []
    )
    if not times:
        return
    if qualification_type.retry_seconds is None:
        raise WorkRefused(
            gettext(
                "You can request this qualification only once, and you have already done so. Write to the requester."
            )
        )
    if max(times) + timedelta(seconds=qualification_type.retry_seconds) > moment:
        raise WorkRefused(gettext("You have requested this qualification recently. Try again later."))


@transaction.atomic
def accept_request(*, request: QualificationRequest, value: int) -> Qualification:
    request = lock_request(request)
    request.granted_at = now()
    request.save()
    return grant_qualification(qualification_type=request.qualification_type, worker=request.worker, value=value)


@transaction.atomic
def reject_request(*, request: QualificationRequest, reason: str = "") -> None:
    request = lock_request(request)
    request.rejected_at, request.reason = now(), reason
    request.save()


def lock_request(request: QualificationRequest) -> QualificationRequest:
    locked = QualificationRequest.objects.select_for_update(of=("self",)).select_related("qualification_type", "worker")
    row = locked.get(pk=request.pk)
    if row.granted_at or row.rejected_at:
        state = "Granted" if row.granted_at else "Rejected"
        raise WrongStatus("QualificationRequest", "Pending", state)
    return row


def send_message(qualification_type: QualificationType, worker: Worker, text: str, moment: datetime) -> None:
    assert qualification_type.requester is not None, "the marketplace's own types are computed, never granted"
    Message.objects.create(
        requester=qualification_type.requester,
        worker=worker,
        subject=qualification_type.name,
        text=text,
        sent_at=moment,
    )
