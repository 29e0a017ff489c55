"""Tests of what a process keeps of label sets: few of them, never older than the rows, each computed once."""

import pytest
from django.db import transaction

from catalog.label_set_cache import MOST_LABEL_SETS, LabelSetCache
from catalog.models import Label, LabelSet
from tests.factories import make_label_set

pytestmark = pytest.mark.django_db


def counting() -> tuple[LabelSetCache[int], list[int]]:
    """A cache of the number of labels, and the label sets for which it was computed."""
    computed: list[int] = []

    def compute(label_set: LabelSet) -> int:
        computed.append(label_set.pk)
        return label_set.labels.count()

    return LabelSetCache(compute), computed


def test_a_value_is_computed_once():
    cache, computed = counting()
    label_set = make_label_set(3)
    assert [cache.value_of(label_set) for _ in range(3)] == [3, 3, 3]
    assert computed == [label_set.pk]


@pytest.mark.parametrize("change", ["added", "removed", "replaced", "renamed"])
def test_each_kind_of_change_is_noticed(change):
    cache, computed = counting()
    label_set = make_label_set(3)
    cache.value_of(label_set)
    with transaction.atomic():
        if change == "renamed":
            label_set.labels.filter(index=0).update(words="other")
        if change in ("removed", "replaced"):
            label_set.labels.filter(index=0).delete()
        if change in ("added", "replaced"):
            Label.objects.create(label_set=label_set, index=9, words="other")
    cache.value_of(label_set)
    assert len(computed) == 2


def test_a_change_of_another_label_set_is_none():
    cache, computed = counting()
    first, second = make_label_set(), make_label_set()
    cache.value_of(first)
    second.labels.filter(index=0).update(words="other")
    cache.value_of(first)
    assert len(computed) == 1


def test_the_label_sets_used_least_recently_are_given_up():
    cache, computed = counting()
    sets = [make_label_set(1) for _ in range(MOST_LABEL_SETS + 1)]
    for label_set in sets:
        cache.value_of(label_set)
    cache.value_of(sets[-1])
    assert len(computed) == MOST_LABEL_SETS + 1
    cache.value_of(sets[0])
    assert computed[-1] == sets[0].pk


def test_an_error_leaves_no_lock_behind():
    label_set = make_label_set(1)

    def breaks(_: LabelSet) -> int:
        raise ValueError("broken")

    cache = LabelSetCache(breaks)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            cache.value_of(label_set)
