"""Choices about controls: the site switches off what good workers fail; only people put a control to use."""

import logging

from django.db import transaction
from django.utils.translation import gettext

from aggregation.models import ControlChoice, VoteChange
from aggregation.quality.controls.reads import expected_answer
from aggregation.quality.kinds import FEWEST_GOOD_OF_A_CONTROL, FEWEST_PASSES_OF_GOOD
from aggregation.quality.loading import IntArray
from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset, Image, Label
from catalog.reads import LockName, now, wait_for_lock
from numerics.control_quality import ControlReport

log = logging.getLogger(__name__)

LONGEST_REASON = 500


@transaction.atomic
def switch_off_failed(*, dataset: Dataset, report: ControlReport, keys: IntArray) -> int:
    """Switch off the controls that good workers fail; of those that a person decided about, none. Returns how many."""
    failed = report.failed_by_good(FEWEST_GOOD_OF_A_CONTROL, FEWEST_PASSES_OF_GOOD).nonzero()[0].tolist()
    decided = set(ControlChoice.objects.filter(dataset=dataset, ended_at=None).values_list("image", "label"))
    n = 0
    for place in failed:
        image, label = keys[place].tolist()
        if (image, label) not in decided:
            _choose(
                dataset, image, label, in_use=False, expected=bool(report.expected[place]), reason=_why(report, place)
            )
            n += 1
    return n


def _why(report: ControlReport, place: int) -> str:
    message = gettext("Of %(n)s good workers, %(n_passed)s gave the expected answer.")
    return message % {"n": report.n_good[place], "n_passed": report.n_good_passed[place]}


@transaction.atomic
def switch_off(*, dataset: Dataset, image: Image, label: Label, reason: str) -> ControlChoice:
    """Switch off a control: it tests nobody any more, in answers stored and to come. Raises UserError if it is none."""
    standing = ControlChoice.objects.filter(dataset=dataset, image=image, label=label, ended_at=None).first()
    expected = standing.expected if standing else expected_answer(dataset, image, label)
    if expected is None:
        raise UserError(
            gettext("%(image)s is no control for “%(label)s”.") % {"image": image.name, "label": label.name}
        )
    return _decide(dataset, image, label, in_use=False, expected=expected, reason=reason)


@transaction.atomic
def use_control(*, dataset: Dataset, image: Image, label: Label, expected: bool, reason: str) -> ControlChoice:
    """Confirm a proposed control, or switch one on again. The site never switches it off by itself after that."""
    return _decide(dataset, image, label, in_use=True, expected=expected, reason=reason)


def _decide(
    dataset: Dataset, image: Image, label: Label, *, in_use: bool, expected: bool, reason: str
) -> ControlChoice:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise UserError(gettext("Write a reason of at most %(n)s characters.") % {"n": LONGEST_REASON})
    wait_for_lock(LockName.SETTINGS, dataset)
    ControlChoice.objects.filter(dataset=dataset, image=image, label=label, ended_at=None).update(ended_at=now())
    choice = _choose(dataset, image.pk, label.pk, in_use=in_use, expected=expected, reason=reason.strip())
    # Recall and false alarms follow.
    VoteChange.objects.create(dataset=dataset)
    return choice


def _choose(
    dataset: Dataset, image_id: int, label_id: int, *, in_use: bool, expected: bool, reason: str
) -> ControlChoice:
    choice = ControlChoice.objects.create(
        dataset=dataset, image_id=image_id, label_id=label_id, in_use=in_use, expected=expected, reason=reason
    )
    action = "control.use" if in_use else "control.switch_off"
    subject = f"image {choice.image.name} for label {choice.label.index} of dataset {dataset}"
    record(area=Area.CONFIG, action=action, subject=subject, after={"expected": expected}, reason=reason)
    log.info("Control %s: %s.", subject, action)
    return choice
