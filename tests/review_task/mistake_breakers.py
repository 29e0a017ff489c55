"""The constraint of labels in force broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable

from review_task.models import LabelsInForce
from tests.review_task.panels import items_of, review_of


def labels_without_a_source() -> None:
    review, _ = review_of(["c"])
    LabelsInForce.objects.create(item=items_of(review)[0], source="reviews", labels=[])


BREAKERS: dict[str, Callable[[], object]] = {"labels_in_force_have_a_source": labels_without_a_source}
