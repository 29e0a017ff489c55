"""Each constraint of drawn example images broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable
from datetime import timedelta

from catalog.class_examples.actions import begin_draw
from catalog.models import ClassExample, ExampleDraw
from catalog.reads import now
from tests.factories import make_dataset


def draw(**fields: object) -> ExampleDraw:
    row = begin_draw(dataset=make_dataset(), seed=0, per_class=2, replace=False)
    ExampleDraw.objects.filter(pk=row.pk).update(**fields)
    return row


def examples(*pairs: tuple[str, int]) -> None:
    row = draw()
    label = row.dataset.label_set.labels.get(index=0)
    for digest, place in pairs:
        ClassExample.objects.create(draw=row, label=label, place=place, name="a.jpg", digest=digest)


BREAKERS: dict[str, Callable[[], object]] = {
    "example_draw_takes_1_to_1000_a_class": lambda: draw(per_class=0),
    "example_draw_is_finished_after_its_start": lambda: draw(finished_at=now() - timedelta(days=1)),
    "class_example_once_per_draw_and_label": lambda: examples(("a", 0), ("a", 1)),
    "class_example_place_once_per_label": lambda: examples(("a", 0), ("b", 0)),
    "class_example_has_a_digest": lambda: examples(("", 0)),
}
