"""Submissions from the marketplace: whether they count, and their pay. Everything is paid except what a researcher
rejects, with a reason and within a narrow limit."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext, ngettext

from catalog.errors import UserError
from catalog.reads import CachedQuery, Given, now
from mturk.endpoint import scrubbed
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Rejection, Terms
from mturk.models.publishing import new_token
from mturk.outbox.actions import bring_forward, decide, decide_later, withdraw
from mturk.payments.reads import n_more_rejections, n_rejected, reviewed_workers, waiting_approvals
from mturk.payments.recorded import record_approvals, record_bonus, record_rejection, record_reversal
from mturk.pricing.reads import asks_for_masters, fee_of, in_cents
from mturk.publishing.actions import OverCap
from mturk.publishing.reads import committed, missing_answers
from mturk.wasted_assignments.actions import keep_out_if_lost_again
from mturk.xml_documents import UnreadableAnswers, answers_in
from workforce.actions import add_slots, exclude_submission, identify_worker, readmit_submission
from workforce.frame.actions import confirm
from workforce.introductions.reads import contact_of
from workforce.models import Slot, Submission, WorkerIdentity

log = logging.getLogger(__name__)

Finding, Status, Kind = ListedAssignment.Finding, ListedAssignment.Status, LedgerEntry.Kind
# Findings that stand for the submission itself.
READ = (Finding.CONFIRMED, Finding.SURPLUS, Finding.RECOVERED)
# The marketplace passes on 1,024 characters; the way to object takes some of them.
LONGEST_REASON = 640
WORKERS_PER_MESSAGE, LONGEST_SUBJECT, LONGEST_MESSAGE = 100, 200, 4096
# Above this many in a batch, a second person has to agree to each further rejection.
REJECTIONS_ALONE = 5
OVERRIDE_WITHIN = timedelta(days=30)
LISTED = CachedQuery(lambda: ListedAssignment.objects.filter(external_id=Given("external_id")))


class CannotPay(UserError):
    """An error for a payment that cannot be made."""


class CannotNotify(UserError):
    """An error for a message that cannot be sent."""


class CannotReject(UserError):
    """An error for an assignment that cannot be rejected, with the alternative."""


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
    return record_approvals(listed, bring_forward(calls=waiting_approvals(listed)))


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
        record_bonus(listed, exact, reason)
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


# Rejections: by a person, never by a program


@transaction.atomic
def reject(*, listed: ListedAssignment, reason: str, decided_by: User, seconded_by: User | None = None) -> Rejection:
    """Reject an assignment: its answer is excluded, and another worker is asked.

    Raises CannotReject without a reason, for an assignment that is approved or rejected already, over the limit of the
    batch, and from the sixth of a batch on without a second person.
    """
    terms = Terms.objects.select_for_update().get(marketplace_hits=listed.marketplace_hit)
    listed = ListedAssignment.objects.select_for_update(of=("self",)).select_related("submission").get(pk=listed.pk)
    _check_can_reject(listed, terms, reason, seconded_by)
    _stop_approval(listed)
    rejection = Rejection.objects.create(listed=listed, reason=reason, decided_by=decided_by, seconded_by=seconded_by)
    feedback = f"{reason.strip()} {way_to_object(listed, terms)}"
    decide(
        op="RejectAssignment",
        purpose=f"reject:{rejection.pk}",
        payload={"AssignmentId": listed.external_id, "RequesterFeedback": feedback},
        batch=terms.batch,
    )
    log.warning("Assignment %s is rejected by %s: %s", listed.external_id, decided_by, reason)
    record_rejection(listed, reason, decided_by, seconded_by)
    if listed.submission is not None:
        _replace(listed.submission, reason)
    return rejection


def _check_can_reject(listed: ListedAssignment, terms: Terms, reason: str, seconded_by: User | None) -> None:
    """Raise CannotReject if the assignment cannot be rejected for this reason."""
    instead = gettext("Instead, pay the assignment, exclude the answer and block the worker.")
    ways_out = {"shell": instead, "page": instead}
    if not reason.strip() or len(reason) > LONGEST_REASON or not reason.isprintable():
        words = gettext("A rejection needs a reason in words: one line of at most %(most)s characters.")
        raise CannotReject(words % {"most": LONGEST_REASON})
    if listed.status == Status.APPROVED:
        words = gettext("Assignment %(assignment)s is already approved.")
        raise CannotReject(words % {"assignment": listed.external_id}, **ways_out)
    if listed.status != Status.SUBMITTED or listed.rejections.filter(overridden_at=None).exists():
        words = gettext("Assignment %(assignment)s is already rejected or being rejected.")
        raise CannotReject(words % {"assignment": listed.external_id})
    if n_more_rejections(terms) < 1:
        words = ngettext(
            "%(n)s assignment of batch %(batch)s is rejected. Another one would exceed 2 %% of submissions.",
            "%(n)s assignments of batch %(batch)s are rejected. Another one would exceed 2 %% of submissions.",
            n_rejected(terms),
        )
        raise CannotReject(words % {"n": n_rejected(terms), "batch": terms.batch_id}, **ways_out)
    if n_rejected(terms) >= REJECTIONS_ALONE and seconded_by is None:
        words = gettext("A batch already has %(n)s rejections, so a second person has to agree to each further one.")
        raise CannotReject(words % {"n": REJECTIONS_ALONE}, **ways_out)


def way_to_object(listed: ListedAssignment, terms: Terms) -> str:
    """Return the sentence that tells the worker how to object: for as long as a rejection can be reversed."""
    contact = contact_of(terms.batch)
    named = {"contact": contact, "until": f"{listed.submitted_at + OVERRIDE_WITHIN - timedelta(days=1):%d %B %Y}"}
    if contact:
        words = gettext(
            "If you think this is wrong, write to %(contact)s by %(until)s (UTC). A person will check it again."
        )
    else:
        words = gettext(
            "If you think this is wrong, contact the requester through the marketplace by %(until)s (UTC). A person "
            "will check it again."
        )
    return words % named


def _stop_approval(listed: ListedAssignment) -> None:
    """Withdraw the approval. Raises CannotReject if it may have been sent."""
    if not withdraw(purpose=f"approve:{listed.pk}", reason=gettext("A researcher rejected the assignment.")):
        words = gettext("Assignment %(assignment)s is being approved right now, so it is paid.")
        raise CannotReject(words % {"assignment": listed.external_id})


def _replace(submission: Submission, reason: str) -> None:
    if not submission.exclusions.filter(lifted_at=None).exists():
        exclude_submission(submission=submission, reason=(gettext("Rejected: %(reason)s") % {"reason": reason})[:500])
    if submission.slot_id is not None:
        add_slots(hit=submission.hit, n_slots=1)


@transaction.atomic
def override_rejection(*, rejection: Rejection, reason: str, overridden_by: User) -> None:
    """Reverse a rejection within 30 days of the submission: the work is paid, and the answer counts again.

    Raises CannotReject after that time, or if the rejection was reversed before.
    """
    rejection = (
        Rejection.objects.select_for_update(of=("self",)).select_related("listed__submission").get(pk=rejection.pk)
    )
    listed = rejection.listed
    if rejection.overridden_at is not None:
        words = gettext("The rejection of %(assignment)s is already reversed.")
        raise CannotReject(words % {"assignment": listed.external_id})
    if now() - listed.submitted_at > OVERRIDE_WITHIN:
        words = gettext(
            "Assignment %(assignment)s was submitted more than 30 days ago, so the marketplace no longer pays it. Pay "
            "its worker a bonus instead."
        )
        raise CannotReject(words % {"assignment": listed.external_id})
    if not reason.strip():
        raise CannotReject(gettext("A reason is needed to reverse the rejection."))
    Rejection.objects.filter(pk=rejection.pk).update(
        overridden_at=now(), overridden_by=overridden_by, override_reason=reason[:LONGEST_REASON]
    )
    never_sent = withdraw(
        purpose=f"reject:{rejection.pk}", reason=gettext("The rejection was reversed before it was sent.")
    )
    # The worker sees this in place of the reason of the rejection.
    payload: dict[str, str | bool] = {"AssignmentId": listed.external_id}
    payload |= {"RequesterFeedback": reason.strip()[:LONGEST_REASON]}
    payload |= {} if never_sent else {"OverrideRejection": True}
    decide(
        op="ApproveAssignment",
        purpose=f"override:{rejection.pk}",
        payload=payload,
        batch=listed.marketplace_hit.hit.batch,
    )
    record_reversal(listed, reason)
    if listed.submission is not None:
        readmit_submission(submission=listed.submission)
        _withdraw_extra_slot(listed.submission, listed.marketplace_hit.terms)


def _withdraw_extra_slot(submission: Submission, terms: Terms) -> None:
    """Withdraw the slot that replaced a rejected answer, unless somebody may be working on it already."""
    hit = submission.hit_id
    if submission.slot_id is not None and missing_answers(terms).get(hit):
        free = Slot.objects.filter(hit=hit, state=Slot.State.FREE).order_by("-number").select_for_update().first()
        # An answer may have filled the last one meanwhile.
        if free is not None:
            Slot.objects.filter(pk=free.pk).update(state=Slot.State.WITHDRAWN)
