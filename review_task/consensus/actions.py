"""Discussions of disputed items: comments, settling, and opening again. Rows are added, and none is changed."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import UserError
from review_task.consensus.reads import Decision, Tally, tally_for
from review_task.errors import BadVerdict
from review_task.kinds_of_mistakes.reads import check_kind_of_mistake
from review_task.models import Comment, ConsensusVerdict, Item, Review, VerdictValue
from workforce.models import Worker
from workforce.seats.actions import worker_of_account

LONGEST_COMMENT = 2000
# "Don't know" settles nothing: if nobody can tell, the label is unclear.
SETTLING = (VerdictValue.CORRECT, VerdictValue.WRONG, VerdictValue.UNCLEAR)


class NotInConsensus(UserError):
    """An item that waits for a reviewer, or that the person did not review."""


class SettledMeanwhile(UserError):
    """A decision on an item that somebody else settled or opened again, since its page was read."""


class NotSettled(UserError):
    """An item that is open already."""


class BadComment(UserError):
    """A comment without words, or with too many."""


@transaction.atomic
def add_comment(*, item: Item, user: User, words: str) -> Comment:
    """Add words to the discussion of an item. Raises NotInConsensus and BadComment."""
    words = "\n".join(words.split("\r\n")).strip()
    if not words or len(words) > LONGEST_COMMENT:
        message = gettext("A comment has 1 to %(n)s characters.")
        raise BadComment(message % {"n": f"{LONGEST_COMMENT:,}"})
    _lock(item)
    _check_discussed(item, user)
    return Comment.objects.create(item=item, worker=_worker_of(user), words=words)


@transaction.atomic
def settle(*, item: Item, user: User, decision: Decision, last: int | None) -> ConsensusVerdict:
    """Settle an item, or settle it otherwise. The same decision again stores nothing.

    `last` is the decision (id) that the person saw, None if there was none. Raises NotInConsensus, BadVerdict, and
    SettledMeanwhile if there is a later one.
    """
    check_decision(review=item.page.review, decision=decision)
    stored = _lock(item)
    _check_discussed(item, user)
    if stored is not None and decision_of(stored) == decision:
        return stored
    _check_last(stored, last)
    return _store(item, _worker_of(user), decision)


@transaction.atomic
def reopen(*, item: Item, user: User, last: int | None) -> ConsensusVerdict:
    """Open a settled item again. Raises NotInConsensus, NotSettled, and SettledMeanwhile as `settle` does."""
    stored = _lock(item)
    _check_discussed(item, user)
    if stored is None or not decision_of(stored).is_judged:
        raise NotSettled(gettext("This is not settled."))
    _check_last(stored, last)
    return _store(item, _worker_of(user), Decision(VerdictValue.UNREVIEWED))


def decision_of(row: ConsensusVerdict) -> Decision:
    return Decision(row.verdict, row.category, row.severity)


def check_decision(*, review: Review, decision: Decision) -> None:
    """Check that an item of the review can be settled like this. Raises BadVerdict."""
    if decision.verdict not in SETTLING:
        raise BadVerdict(gettext("Settle it as correct, wrong or unclear."))
    check_kind_of_mistake(review, decision.verdict, decision.category, decision.severity)


def _lock(item: Item) -> ConsensusVerdict | None:
    """Lock an item until the end of the transaction, and return the last decision on it."""
    Item.objects.select_for_update(no_key=True).get(pk=item.pk)
    return ConsensusVerdict.objects.filter(item=item, is_last=True).first()


def _check_discussed(item: Item, user: User) -> Tally:
    tally = tally_for(item, user)
    if tally is None:
        raise NotInConsensus(
            gettext("This is not in discussion: its class waits for a reviewer, or you did not review it.")
        )
    return tally


def _check_last(stored: ConsensusVerdict | None, last: int | None) -> None:
    if stored is not None and stored.pk != last:
        raise SettledMeanwhile(gettext("Somebody else has decided this since you opened the page. Look at it again."))


def _worker_of(user: User) -> Worker:
    return worker_of_account(account_id=user.pk)


def _store(item: Item, worker: Worker, decision: Decision) -> ConsensusVerdict:
    ConsensusVerdict.objects.filter(item=item, is_last=True).update(is_last=False)
    return ConsensusVerdict.objects.create(
        item=item,
        worker=worker,
        verdict=decision.verdict,
        category=decision.category,
        severity=decision.severity,
        is_last=True,
    )
