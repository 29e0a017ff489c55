"""Each constraint of class pairs broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable
from datetime import timedelta

from catalog.class_pairs.actions import add_pair
from catalog.models import ClassPair
from catalog.reads import now
from tests.factories import make_label_set


def pair(kind: str = "confusable") -> ClassPair:
    """Return a pair of the classes 0 and 1, for a subset with 0 as a kind of 1."""
    labels = make_label_set()
    zero, one = labels.labels.order_by("index")[:2]
    return add_pair(label_set=labels, first=zero, second=one, kind=kind, provenance="a paper", added_by=None)[0]


def twice() -> None:
    row = pair()
    row.pk = None
    row.save(force_insert=True)


def changed(before: str = "confusable", **fields: object) -> Callable[[], object]:
    return lambda: ClassPair.objects.filter(pk=pair(before).pk).update(**fields)


def withdrawn_too_early() -> None:
    row = pair()
    ClassPair.objects.filter(pk=row.pk).update(withdrawn_at=now() - timedelta(days=1))


BREAKERS: dict[str, Callable[[], object]] = {
    "class_pair_once_per_kind_and_source": twice,
    "class_pair_is_of_a_kind": changed(kind="rival"),
    "class_pair_has_a_source": changed(provenance=""),
    "class_pair_of_a_subset_has_a_narrower_class": changed("subset", narrower=None),
    "class_pair_is_withdrawn_after_its_creation": withdrawn_too_early,
}
