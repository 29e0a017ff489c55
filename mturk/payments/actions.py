"""Submissions from the marketplace: whether they count, and their pay. Everything is paid except what a researcher
rejects, with a reason and within a narrow limit."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.errors import UserError
from catalog.reads import CachedQuery, Given
from mturk.endpoint import scrubbed
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Terms
from mturk.models.publishing import new_token
from mturk.outbox.actions import bring_forward, decide, decide_later
from mturk.payments.reads import reviewed_workers, waiting_approvals
from mturk.pricing.reads import asks_for_masters, fee_of, in_cents
from mturk.publishing.actions import OverCap
from mturk.publishing.reads import committed
from mturk.wasted_assignments.actions import keep_out_if_lost_again
from mturk.xml_documents import UnreadableAnswers, answers_in
from workforce.actions import identify_worker
from workforce.frame.actions import confirm
from workforce.models import WorkerIdentity

log = logging.getLogger(__name__)

Finding, Status, Kind = ListedAssignment.Finding, ListedAssignment.Status, LedgerEntry.Kind
# Findings that stand for the submission itself.
READ = (Finding.CONFIRMED, Finding.SURPLUS, Finding.RECOVERED)
WORKERS_PER_MESSAGE, LONGEST_SUBJECT, LONGEST_MESSAGE = 100, 200, 4096
LISTED = CachedQuery(lambda: ListedAssignment.objects.filter(external_id=Given("external_id")))


class CannotPay(UserError):
    """An error for a payment that cannot be made."""


class CannotNotify(UserError):
    """An error for a message that cannot be sent."""


# Submissions


@transaction.atomic
def take_in(
    *,
    marketplace_hit: MarketplaceHIT,
    external_id: str,
    worker_id: str,
    status: str,
    accepted_at: datetime,
    submitted_at: datetime,
    answer: str,
) -> ListedAssignment:
    """Store a listed assignment, decide whether it counts, and have it paid. Idempotent."""
    existing = LISTED.first(external_id=external_id)
    if existing is not None:
        return note_status(listed=existing, status=status)
    try:
        fields = answers_in(answer)
    except UnreadableAnswers as error:
        log.warning("Assignment %s is paid and will be replaced: %s", external_id, error)
        fields = {}
    finding, submission = Finding.COMPENSATION, None
    if marketplace_hit.compensates_id is None:
        outcome, submission = confirm(
            hit=marketplace_hit.hit,
            external_hit_id=marketplace_hit.confirmed_id,
            assignment_id=external_id,
            worker_id=worker_id,
            fields=fields,
        )
        finding = Finding(outcome)
    listed = ListedAssignment.objects.create(
        marketplace_hit=marketplace_hit,
        external_id=external_id,
        worker=identify_worker(marketplace=marketplace_hit.hit.batch.marketplace, external_id=worker_id),
        submission=submission if finding in READ else None,
        finding=finding,
        status=Status.SUBMITTED,
        accepted_at=accepted_at,
        submitted_at=submitted_at,
        answer="" if finding in (Finding.CONFIRMED, Finding.SURPLUS) else answer,
    )
    if finding not in READ:
        log.warning("Assignment %s is paid and does not count (%s).", external_id, finding)
    if finding not in (Finding.CONFIRMED, Finding.SURPLUS, Finding.COMPENSATION):
        keep_out_if_lost_again(worker=listed.worker)
    if status == Status.SUBMITTED:
        _approve_soon(listed)
        return listed
    return note_status(listed=listed, status=status)


def _approve_soon(listed: ListedAssignment) -> None:
    review = listed.marketplace_hit.terms.review_seconds
    decide_later(
        op="ApproveAssignment",
        purpose=f"approve:{listed.pk}",
        payload={"AssignmentId": listed.external_id},
        batch=listed.marketplace_hit.hit.batch,
        not_before=listed.submitted_at + timedelta(seconds=review) if review else None,
    )


@transaction.atomic
def approve_now(*, listed: QuerySet[ListedAssignment]) -> int:
    """Send the approvals that wait for review. Returns how many that are; a second call finds none."""
    n_approved = bring_forward(calls=waiting_approvals(listed))
    if n_approved:
        numbers = list(listed.order_by("pk").values_list("pk", flat=True)[:1000])
        record(
            area=Area.MONEY,
            action="assignments.approve",
            subject=f"{n_approved} assignments",
            after={"assignments": numbers},
        )
    return n_approved


@transaction.atomic
def note_status(*, listed: ListedAssignment, status: str) -> ListedAssignment:
    """Store the status of an assignment on the marketplace; an approval is booked once, whoever gave it."""
    listed = (
        ListedAssignment.objects.select_for_update(of=("self",))
        .select_related("marketplace_hit__terms")
        .get(pk=listed.pk)
    )
    if listed.status == status or status == Status.SUBMITTED:
        return listed
    if status == Status.REJECTED and not listed.rejections.exists():
        log.error("Assignment %s was rejected, but not by this site. An override can approve it.", listed.external_id)
    ListedAssignment.objects.filter(pk=listed.pk).update(status=status)
    listed.status = status
    if status == Status.APPROVED:
        _book_rewards([listed])
    return listed


@transaction.atomic
def note_approvals(*, external_ids: Iterable[str]) -> None:
    """Store approvals as `note_status` does, for many assignments: each is booked once."""
    new = ListedAssignment.objects.filter(external_id__in=external_ids).exclude(status=Status.APPROVED).order_by("pk")
    listed = list(new.select_for_update(of=("self",)).select_related("marketplace_hit__terms"))
    ListedAssignment.objects.filter(pk__in=[assignment.pk for assignment in listed]).update(status=Status.APPROVED)
    _book_rewards(listed)


def _book_rewards(listed: Iterable[ListedAssignment]) -> None:
    # After an override, the reward may be booked already: there is one per assignment.
    LedgerEntry.objects.bulk_create(
        [row for assignment in listed for row in _rows_of(assignment)], ignore_conflicts=True
    )


def _rows_of(listed: ListedAssignment) -> list[LedgerEntry]:
    terms, n = listed.marketplace_hit.terms, listed.marketplace_hit.n_assignments
    amounts = {
        Kind.REWARD: terms.reward,
        Kind.REWARD_FEE: fee_of(terms.reward, n, masters=asks_for_masters(terms.requirements)),
    }
    return [LedgerEntry(batch_id=terms.batch_id, listed=listed, kind=kind, amount=amounts[kind]) for kind in amounts]


# Bonuses


@transaction.atomic
def give_bonus(*, listed: ListedAssignment, amount: Decimal, reason: str) -> Call:
    """Pay a bonus for an assignment; the same amount for the same reason only once. Raises CannotPay, OverCap."""
    exact, reason = in_cents(amount), reason.strip()
    if exact is None:
        words = gettext("$%(amount)s cannot be paid: a bonus is a whole number of cents, at least one.")
        raise CannotPay(words % {"amount": amount})
    if not reason:
        raise CannotPay(gettext("A bonus needs a reason: the worker reads it."))
    terms = Terms.objects.select_for_update().get(marketplace_hits=listed.marketplace_hit)
    digest = hashlib.sha256(reason.encode()).hexdigest()[:16]
    payload = {"AssignmentId": listed.external_id, "BonusAmount": str(exact), "Reason": reason}
    call, is_new = decide(
        op="SendBonus",
        purpose=f"bonus:{listed.pk}:{exact}:{digest}",
        payload=payload,
        batch=terms.batch,
        worker=listed.worker,
    )
    if is_new and committed(terms) > terms.spending_cap:
        words = gettext(
            "With this bonus and its fee, $%(amount)s would be spent or committed. The spending cap of batch %(batch)s "
            "is $%(cap)s. Raise it first."
        )
        raise OverCap(words % {"amount": committed(terms), "batch": terms.batch_id, "cap": terms.spending_cap})
    if is_new:
        record(
            area=Area.MONEY,
            action="bonus.pay",
            subject=f"assignment {listed.pk}",
            after={"amount": exact},
            reason=reason,
        )
    return call


@transaction.atomic
def book_bonus(*, call: Call) -> None:
    assert call.batch_id is not None, "a bonus is paid for an answer of a batch"
    amount = Decimal(call.payload["BonusAmount"])
    listed = ListedAssignment.objects.get(external_id=call.payload["AssignmentId"])
    amounts = {Kind.BONUS: amount, Kind.BONUS_FEE: fee_of(amount)}
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(batch_id=call.batch_id, listed=listed, call=call, kind=kind, amount=amounts[kind])
            for kind in amounts
        ]
    )


@transaction.atomic
def notify(*, terms: Terms, subject: str, text: str, token: str = "") -> int:
    """Message all workers with approved or rejected work on the batch: the marketplace delivers to nobody else.

    Returns the number of workers. The same `token` sends nothing again. Raises CannotNotify.
    """
    if not 1 <= len(subject.strip()) <= LONGEST_SUBJECT:
        words = gettext("The subject must have 1 to %(most)s characters, but it has %(n)s.")
        raise CannotNotify(words % {"most": f"{LONGEST_SUBJECT:,}", "n": f"{len(subject):,}"})
    if not 1 <= len(text.strip()) <= LONGEST_MESSAGE:
        words = gettext("The text must have 1 to %(most)s characters, but it has %(n)s.")
        raise CannotNotify(words % {"most": f"{LONGEST_MESSAGE:,}", "n": f"{len(text):,}"})
    workers = reviewed_workers(terms)
    if not workers:
        raise CannotNotify(gettext("No work on this batch is approved or rejected yet, so there are no recipients."))
    token = token or new_token()
    for begin in range(0, len(workers), WORKERS_PER_MESSAGE):
        some = workers[begin : begin + WORKERS_PER_MESSAGE]
        payload = {"Subject": subject.strip(), "MessageText": text.strip(), "workers": some}
        decide(op="NotifyWorkers", purpose=f"notify:{token}:{begin}", payload=payload, batch=terms.batch)
    return len(workers)


@transaction.atomic
def note_unreached(*, call: Call, failures: Iterable[Mapping[str, str]]) -> None:
    """Store the workers whom a message did not reach, with the reasons; worker ids stay in their own table."""
    assert call.batch is not None, "a message goes to workers of a batch"
    ids = {failure.get("WorkerId", ""): failure for failure in failures}
    identities = WorkerIdentity.objects.filter(marketplace=call.batch.marketplace, external_id__in=ids)
    unreached = [
        {
            "worker": identity.worker_id,
            "code": ids[identity.external_id].get("NotifyWorkersFailureCode", ""),
            "words": scrubbed(ids[identity.external_id].get("NotifyWorkersFailureMessage", "")),
        }
        for identity in identities.order_by("worker_id")
    ]
    Call.objects.filter(pk=call.pk).update(payload=call.payload | {"unreached": unreached})
    log.warning("%d of the workers of call %s could not be notified.", len(ids), call.pk)
