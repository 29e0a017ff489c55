"""Verdicts of reviewers. The only writer of verdicts, problem marks and further labels.

Each verdict is a row; the last row of a reviewer on an item counts. The worker is locked first, as everywhere, so that
two tabs of a reviewer follow one another; other reviewers have rows of their own.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from access.permissions.reads import May, permissions_in
from catalog.models import Image, Label

# Other parts import these from here.
from review_task.assignments.actions import assign as assign
from review_task.assignments.actions import make_group as make_group
from review_task.assignments.actions import unassign as unassign
from review_task.assignments.reads import is_assigned_to_others
from review_task.errors import BadVerdict, NoSeat, NotAReviewer, NotAssigned, NotOnPage, ReviewClosed
from review_task.kinds_of_mistakes.reads import check_kind_of_mistake
from review_task.models import (
    ClassPage,
    FurtherLabel,
    Item,
    ProblemMark,
    Verdict,
    VerdictValue,
)
from review_task.opening.actions import Added as Added
from review_task.opening.actions import add_predictions as add_predictions
from review_task.opening.actions import close_review as close_review
from review_task.opening.actions import compose_pages as compose_pages
from review_task.opening.actions import open_review as open_review
from review_task.opening.drafts import ItemDraft as ItemDraft
from review_task.opening.drafts import PageDraft as PageDraft
from review_task.reads import verdict_before
from workforce.actions import BatchClosed, NotHandedOut
from workforce.models import Submission
from workforce.seats.actions import lock_seat, take_seat, worker_of_account

LONGEST_WORDS = 200


class Seat(NamedTuple):
    """A reviewer's part in a page, locked for this transaction. What they say `counts` unless it is excluded."""

    submission_id: int
    worker_id: int
    counts: bool


def take_part(*, page: ClassPage, user: User) -> Submission:
    """Take part in a class: the reviewer gets one of its slots, for good. Idempotent.

    Raises NotAReviewer, NotAssigned if the class is assigned to others, NoSeat if it has all its reviewers, and
    ReviewClosed.
    """
    worker = worker_of_account(account_id=user.pk)
    stored = Submission.objects.filter(hit=page.hit_id, worker=worker).first()
    return stored if stored is not None else _new_seat(page, user)


def _new_seat(page: ClassPage, user: User) -> Submission:
    if May.REVIEW not in permissions_in(user, page.review.batch.dataset):
        raise NotAReviewer(gettext("Your role in this study is not to review."))
    if is_assigned_to_others(page, user):
        raise NotAssigned(gettext("This class is assigned to other reviewers."), page=gettext("Choose another class."))
    hit = page.hit
    hit.batch = page.review.batch
    try:
        submission = take_seat(hit=hit, worker=worker_of_account(account_id=user.pk))
    except BatchClosed as error:
        raise _closed(page) from error
    except NotHandedOut as error:
        raise NotAReviewer(str(error)) from error
    if submission is None:
        raise NoSeat(gettext("This class has all its reviewers."), page=gettext("Choose another class."))
    return submission


def _closed(page: ClassPage) -> ReviewClosed:
    return ReviewClosed(gettext("The review “%(title)s” is closed.") % {"title": page.review.title})


def _seat(page: ClassPage, user: User) -> Seat:
    """Lock the reviewer, and return their part in the page, which begins now if it did not before."""
    row = lock_seat(hit_id=page.hit_id, account_id=user.pk)
    if row is None:
        take_part(page=page, user=user)
        row = lock_seat(hit_id=page.hit_id, account_id=user.pk)
        assert row is not None, "taking part stores a submission"
    if row.is_closed:
        raise _closed(page)
    return Seat(row.submission_id, row.worker_id, not row.is_excluded)


@transaction.atomic
def give_verdict(
    *, page: ClassPage, user: User, item: Item, verdict: str, category: str = "", severity: str = ""
) -> Verdict:
    """Store a reviewer's verdict on an item of a page; the same verdict again stores nothing.

    Raises BadVerdict, NotOnPage, and what `take_part` raises.
    """
    _check_item(page, item)
    _check_verdict(page, verdict, category, severity)
    seat = _seat(page, user)
    last = Verdict.objects.filter(item=item, worker=seat.worker_id).order_by("-pk").first()
    if last is not None and (last.verdict, last.category, last.severity) == (verdict, category, severity):
        return last
    return _add(seat, item, verdict=verdict, category=category, severity=severity)


@transaction.atomic
def take_back(*, page: ClassPage, user: User, item: Item) -> Verdict | None:
    """Go back to a reviewer's verdict before the last one, or to none. Returns None if there is none to take back."""
    _check_item(page, item)
    seat = _seat(page, user)
    rows = list(Verdict.objects.filter(item=item, worker=seat.worker_id).order_by("pk"))
    standing, before = verdict_before(rows)
    if standing is None:
        return None
    values = {"verdict": VerdictValue.UNREVIEWED} if before is None else _values(before)
    return _add(seat, item, takes_back=True, **values)


@transaction.atomic
def give_verdicts(*, page: ClassPage, user: User, verdicts: Mapping[str, str]) -> int:
    """Store verdicts by the public ids of items, as a page without a script sends them. Returns how many are new."""
    items = {item.public_id: item for item in Item.objects.filter(page=page, public_id__in=verdicts)}
    if len(items) < len(verdicts):
        raise NotOnPage(gettext("A verdict is about an item of another page."))
    seat = _seat(page, user)
    rows = Verdict.objects.filter(item__in=items.values(), worker=seat.worker_id).order_by("pk")
    last = {row.item_id: row.verdict for row in rows}
    new = {key: value for key, value in verdicts.items() if last.get(items[key].pk, VerdictValue.UNREVIEWED) != value}
    for key, value in new.items():
        _check_verdict(page, value, "", "")
        _add(seat, items[key], verdict=value)
    return len(new)


@transaction.atomic
def mark_problem(*, page: ClassPage, user: User, image: Image, reason: str, is_set: bool = True) -> ProblemMark:
    """Mark an image of a page as problematic, or take the mark back. The last mark of a reviewer counts.

    `reason` is one of ProblemMark.Reason, or the words of one of the review's own. Raises BadVerdict and NotOnPage.
    """
    _check_image(page, image)
    own = page.review.problem_reasons.filter(words=reason)
    if reason not in ProblemMark.Reason.values and not own.exists():
        raise BadVerdict(gettext("Choose a reason of this review why the image is problematic."))
    seat = _seat(page, user)
    of_image = ProblemMark.objects.filter(page=page, image=image, worker=seat.worker_id, counted=True)
    last = of_image.first()
    if last is not None and (last.reason, last.is_set) == (reason, is_set):
        return last
    of_image.update(counted=False)
    return ProblemMark.objects.create(**_part(seat), page=page, image=image, reason=reason, is_set=is_set, counted=True)


@transaction.atomic
def add_label(
    *,
    page: ClassPage,
    user: User,
    image: Image,
    label: Label | None = None,
    words: str = "",
    is_set: bool = True,
) -> FurtherLabel:
    """Add a label of the set, or one in words, to an image of a page; or take it back. Raises BadVerdict, NotOnPage."""
    _check_image(page, image)
    words = " ".join(words.split())
    if (label is None) == (not words) or len(words) > LONGEST_WORDS:
        raise BadVerdict(gettext("Choose a label, or write one of at most %(n)s characters.") % {"n": LONGEST_WORDS})
    if label is not None and label.label_set_id != page.review.batch.dataset.label_set_id:
        raise BadVerdict(gettext("That label is not of this study’s label set."))
    seat = _seat(page, user)
    same = FurtherLabel.objects.filter(page=page, image=image, worker=seat.worker_id, label=label, words=words)
    last = same.filter(counted=True).first()
    if last is not None and last.is_set == is_set:
        return last
    same.filter(counted=True).update(counted=False)
    return FurtherLabel.objects.create(
        **_part(seat), page=page, image=image, label=label, words=words, is_set=is_set, counted=True
    )


def _add(seat: Seat, item: Item, **values: Any) -> Verdict:
    Verdict.objects.filter(item=item, worker=seat.worker_id, counted=True).update(counted=False)
    return Verdict.objects.create(**_part(seat), item=item, image_id=item.image_id, counted=seat.counts, **values)


def _part(seat: Seat) -> dict[str, int]:
    return {"submission_id": seat.submission_id, "worker_id": seat.worker_id}


def _values(row: Verdict) -> dict[str, str]:
    return {"verdict": row.verdict, "category": row.category, "severity": row.severity}


def _check_item(page: ClassPage, item: Item) -> None:
    if item.page_id != page.pk:
        raise NotOnPage(gettext("A verdict is about an item of another page."))


def _check_image(page: ClassPage, image: Image) -> None:
    if not Item.objects.filter(page=page, image=image).exists():
        raise NotOnPage(gettext("That image is not on this page."))


def _check_verdict(page: ClassPage, verdict: str, category: str, severity: str) -> None:
    if verdict not in VerdictValue.values:
        raise BadVerdict(gettext("A verdict is correct, wrong, unclear or don’t know."))
    check_kind_of_mistake(page.review, verdict, category, severity)
