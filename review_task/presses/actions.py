"""Storage of presses, each once, in the order in which they were pressed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from catalog.models import Label
from catalog.reads import UnknownLabel, label_lookup, now
from review_task.actions import add_label, give_verdict, mark_problem, take_part
from review_task.blinding.reads import image_of_handle
from review_task.errors import NotOnPage
from review_task.models import ClassPage, Item, Press, VerdictValue
from review_task.presses.reads import PROBLEM, VERDICT, ReviewerPress
from workforce.seats.actions import LockedSeat, lock_seat

# A press that waited so long for a network may be older than what the same person said meanwhile on another device.
LATE = timedelta(minutes=1)
# Clocks and requests may differ by so much.
LEEWAY = timedelta(seconds=10)


@dataclass(frozen=True)
class Outcome:
    """Result of a press: the reviewer's verdict on its item. `is_late`: a later one stands instead of it."""

    verdict: str = ""
    is_late: bool = False


@transaction.atomic
def store_press(*, page: ClassPage, user: User, press: ReviewerPress) -> Outcome:
    """Store a press unless it is stored already, by its key. Raises a UserError if it cannot be stored."""
    seat = _locked_seat(page, user)
    item = _item(page, press) if press.kind == VERDICT else None
    submission = {"submission_id": seat.submission_id}
    if Press.objects.filter(key=press.key, **submission).exists():
        return _standing(seat, item, is_late=False)
    is_late = item is not None and _is_superseded(seat, item, press)
    Press.objects.create(key=press.key, device=press.device, item=None if is_late else item, **submission)
    if is_late:
        return _standing(seat, item, is_late=True)
    if item is None:
        _store_about_image(page, user, press)
        return Outcome()
    values = {"verdict": press.verdict, "category": press.category, "severity": press.severity}
    return Outcome(give_verdict(page=page, user=user, item=item, **values).verdict)


def _locked_seat(page: ClassPage, user: User) -> LockedSeat:
    """Lock the reviewer, who takes part from now on, so that two requests with the same press follow one another."""
    seat = lock_seat(hit_id=page.hit_id, account_id=user.pk)
    if seat is None:
        take_part(page=page, user=user)
        seat = lock_seat(hit_id=page.hit_id, account_id=user.pk)
        assert seat is not None, "taking part stores a submission"
    return seat


def _is_superseded(seat: LockedSeat, item: Item, press: ReviewerPress) -> bool:
    """Return whether the reviewer pressed something else on the item later, on another device."""
    if press.age < LATE:
        return False
    of_item = Press.objects.filter(submission_id=seat.submission_id, item=item)
    return of_item.exclude(device=press.device).filter(created_at__gt=now() - press.age + LEEWAY).exists()


def _standing(seat: LockedSeat, item: Item | None, *, is_late: bool) -> Outcome:
    if item is None:
        return Outcome()
    last = item.verdicts.filter(worker_id=seat.worker_id).order_by("pk").last()
    return Outcome(last.verdict if last else VerdictValue.UNREVIEWED, is_late)


def _store_about_image(page: ClassPage, user: User, press: ReviewerPress) -> None:
    image = image_of_handle(press.image)
    if image is None or image.dataset_id != page.review.batch.dataset_id:
        raise NotOnPage(gettext("That image is not on this page."))
    about: dict[str, Any] = {"page": page, "user": user, "image": image, "is_set": press.is_set}
    if press.kind == PROBLEM:
        mark_problem(reason=press.reason, **about)
        return
    label = _label(page, press)
    add_label(label=label, words="" if label else press.words, **about)


def _item(page: ClassPage, press: ReviewerPress) -> Item:
    item = Item.objects.filter(page=page, public_id=press.item).first()
    if item is None:
        raise NotOnPage(gettext("That label is not on this page."))
    return item


def _label(page: ClassPage, press: ReviewerPress) -> Label | None:
    """Return the label of the set that a press names: by its index, or by words that are the name of one class."""
    label_set = page.review.batch.dataset.label_set
    if press.index is not None:
        return label_set.labels.filter(index=press.index).first()
    try:
        return label_lookup(label_set)(" ".join(press.words.split()))
    except UnknownLabel:
        return None
