"""Random histories of changes and requests beside a plain reader, and many requests at once."""

import random
import threading

import pytest
from django.db import transaction

from catalog.label_set_cache import MOST_LABEL_SETS, LabelSetCache
from catalog.models import Label, LabelSet, Synset
from tests.chance import SOAK
from tests.factories import make_label_set, unique
from tests.threads import in_threads

pytestmark = pytest.mark.django_db

Content = tuple[tuple[int, str], ...]


class Undone(Exception):
    """A change that is rolled back."""


def content_of(label_set: LabelSet) -> Content:
    return tuple(label_set.labels.order_by("index").values_list("index", "words"))


def change(label_set: LabelSet, rng: random.Random) -> None:
    """Add, remove, rename or replace a label, or move one to another index."""
    indexes = sorted(label_set.labels.values_list("index", flat=True))
    kind = rng.choice(["add", "remove", "rename", "replace", "move"])
    if kind == "add" or not indexes:
        Label.objects.create(label_set=label_set, index=max(indexes, default=0) + 1, words=unique("word"))
        return
    row = label_set.labels.filter(index=rng.choice(indexes))
    if kind in ("remove", "replace"):
        index = row.get().index
        row.delete()
        if kind == "replace":
            Label.objects.create(label_set=label_set, index=index, words=unique("word"))
    elif kind == "rename":
        row.update(words=unique("word"))
    else:
        row.update(index=max(indexes) + 1)


def undo_a_change(label_set: LabelSet, rng: random.Random, cache: LabelSetCache[Content]) -> None:
    with pytest.raises(Undone), transaction.atomic():
        change(label_set, rng)
        assert cache.value_of(label_set) == content_of(label_set)
        raise Undone


@pytest.mark.parametrize("seed", range(6 if SOAK else 3))
def test_a_value_is_never_older_than_the_rows(seed):
    rng = random.Random(seed)
    sets = [make_label_set(rng.randrange(1, 4)) for _ in range(rng.choice((1, 3, MOST_LABEL_SETS + 2)))]
    cache = LabelSetCache(content_of)
    for _ in range(40):
        label_set = rng.choice(sets)
        match rng.choice(["change", "undo", "ask", "ask"]):
            case "change":
                with transaction.atomic():
                    change(label_set, rng)
            case "undo":
                undo_a_change(label_set, rng, cache)
        assert cache.value_of(label_set) == content_of(label_set)
        assert len(cache._values) <= MOST_LABEL_SETS


@pytest.mark.parametrize("kind", ["synset", "words", "hypernym", "hypernym gone", "synset gone"])
def test_a_change_of_the_hierarchy_is_noticed(kind):
    label_set = make_label_set(1)
    wider, narrower = (Synset.objects.create(wnid=unique("n")[:20], words="a") for _ in range(2))
    if kind == "hypernym gone":
        narrower.hypernyms.add(wider)
    computed: list[int] = []
    cache = LabelSetCache(lambda each: computed.append(each.pk))
    cache.value_of(label_set)
    with transaction.atomic():
        match kind:
            case "synset":
                Synset.objects.create(wnid=unique("n")[:20], words="b")
            case "words":
                Synset.objects.filter(pk=wider.pk).update(words="c")
            case "hypernym":
                narrower.hypernyms.add(wider)
            case "hypernym gone":
                narrower.hypernyms.clear()
            case "synset gone":
                wider.delete()
    for _ in range(2):
        cache.value_of(label_set)
    assert len(computed) == 2


def test_requests_at_once_compute_a_value_once_and_all_get_it():
    """Other connections do not see the rows of this test, but all of them see the same."""
    label_set = make_label_set(1)
    computed: list[object] = []
    together = threading.Event()

    def compute(_: LabelSet) -> object:
        # Long enough that the others come meanwhile.
        together.wait(0.2)
        computed.append(object())
        return computed[-1]

    cache = LabelSetCache(compute)
    values = in_threads(8, lambda number: cache.value_of(label_set))
    assert len(computed) == 1 and all(value is computed[0] for value in values)


def test_after_an_error_others_get_a_value():
    label_set = make_label_set(1)
    attempts: list[int] = []

    def compute(_: LabelSet) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("the first breaks")
        return "value"

    cache = LabelSetCache(compute)

    def ask(number: int) -> str:
        try:
            return cache.value_of(label_set)
        except OSError:
            return "broken"

    assert sorted(in_threads(4, ask)) == ["broken", "value", "value", "value"]
    assert len(attempts) == 2


def test_a_value_of_none_is_kept_like_any_other():
    label_set = make_label_set(1)
    computed: list[int] = []
    cache = LabelSetCache(lambda each: computed.append(each.pk))
    assert [cache.value_of(label_set) for _ in range(3)] == [None] * 3 and computed == [label_set.pk]


def test_caches_of_several_kinds_do_not_mix():
    label_set = make_label_set(3)
    numbers, words = LabelSetCache(lambda each: each.labels.count()), LabelSetCache(content_of)
    assert (numbers.value_of(label_set), len(words.value_of(label_set))) == (3, 3)
    label_set.labels.filter(index=2).delete()
    assert (numbers.value_of(label_set), len(words.value_of(label_set))) == (2, 2)


def test_the_label_set_asked_for_last_stays_longest():
    computed: list[int] = []
    cache = LabelSetCache(lambda each: computed.append(each.pk))
    sets = [make_label_set(1) for _ in range(MOST_LABEL_SETS + 1)]
    for label_set in sets[:-1]:
        cache.value_of(label_set)
    for label_set in (sets[0], sets[-1], sets[0]):
        cache.value_of(label_set)
    assert computed == [label_set.pk for label_set in sets]
    cache.value_of(sets[1])
    assert computed[-1] == sets[1].pk and len(computed) == len(sets) + 1


def test_a_request_asks_the_database_once(django_assert_num_queries):
    label_set = make_label_set(200)
    cache = LabelSetCache(lambda each: None)
    for _ in range(2):
        with django_assert_num_queries(1):
            cache.value_of(label_set)
