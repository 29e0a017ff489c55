"""Rejections of submitted work: by a person, never by a program, within a narrow limit, and reversible."""

import logging
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
from catalog.errors import UserError
from catalog.reads import now
from mturk.models import ListedAssignment, Rejection, Terms
from mturk.outbox.actions import decide, withdraw
from mturk.payments.reads import n_more_rejections, n_rejected
from workforce.actions import exclude_submission, readmit_submission
from workforce.introductions.reads import contact_of
from workforce.models import Submission
from workforce.replacements.actions import replace_excluded, withdraw_needless

log = logging.getLogger(__name__)

Status = ListedAssignment.Status
# The marketplace passes on 1,024 characters; the way to object takes some of them.
LONGEST_REASON = 640
# Above this many in a batch, a second person has to agree to each further rejection.
REJECTIONS_ALONE = 5
OVERRIDE_WITHIN = timedelta(days=30)


class CannotReject(UserError):
    """An error for an assignment that cannot be rejected, with the alternative."""


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
    if listed.submission is not None:
        _replace(listed.submission, reason)
    people = {"decided_by": decided_by, "seconded_by": seconded_by}
    record(area=Area.REVIEW, action="assignment.reject", subject=f"assignment {listed.pk}", after=people, reason=reason)
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
        replace_excluded(hit=submission.hit)


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
    if listed.submission is not None:
        readmit_submission(submission=listed.submission)
        withdraw_needless(hit=listed.submission.hit)
    record(area=Area.REVIEW, action="rejection.reverse", subject=f"assignment {listed.pk}", reason=reason)
