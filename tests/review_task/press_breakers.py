"""Each constraint of presses broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable

from access.models import Role
from review_task.actions import open_review, take_part
from review_task.models import Press
from tests.factories import make_dataset, make_images, make_member


def press(key: str = "k") -> Press:
    dataset = make_dataset()
    (image,) = make_images(dataset, 1)
    review = open_review(dataset=dataset, title="t", predictions=[(image.name, 1, 1)])
    submission = take_part(page=review.pages.get(), user=make_member(dataset, Role.REVIEWER))
    return Press.objects.create(submission=submission, key=key, device="laptop")


def twice() -> None:
    row = press()
    row.pk = None
    row.save(force_insert=True)


BREAKERS: dict[str, Callable[[], object]] = {
    "press_once_per_submission": twice,
    "press_has_a_key": lambda: press(key=""),
}
