"""The registry of class pairs: each statement once, in the order of the classes, with its source."""

import psycopg2
import pytest
from django.db import IntegrityError, transaction

from catalog.class_pairs.actions import BadPair, add_pair, withdraw_pair
from catalog.class_pairs.reads import Relation, are_equivalent, pairs_in, pairs_of, pairs_of_labels
from catalog.models import ClassPair, Label, LabelSet, PairKind
from tests.factories import make_account, make_label_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def label_set() -> LabelSet:
    return make_label_set(5)


@pytest.fixture
def labels(label_set) -> list[Label]:
    return list(label_set.labels.order_by("index"))


def add(label_set: LabelSet, first: Label, second: Label, kind: str = "confusable", **rest) -> tuple[ClassPair, bool]:
    fields = {"provenance": "a paper", "added_by": None} | rest
    return add_pair(label_set=label_set, first=first, second=second, kind=kind, **fields)


def test_a_pair_is_stored_with_the_lower_class_first_and_once(label_set, labels):
    person = make_account()
    pair, is_new = add(label_set, labels[3], labels[1], "equivalent", added_by=person, note="Both are bathtubs.")
    assert (pair.first, pair.second, pair.added_by, is_new) == (labels[1], labels[3], person, True)
    again, is_new = add(label_set, labels[1], labels[3], "equivalent")
    assert (again, again.note, is_new) == (pair, "Both are bathtubs.", False)
    other, is_new = add(label_set, labels[1], labels[3], "equivalent", provenance="a review")
    assert is_new and other != pair, "another source says the same for itself"


def test_a_subset_knows_its_direction_whatever_the_order(label_set, labels):
    add(label_set, labels[4], labels[0], PairKind.SUBSET)
    (of_narrower,), (of_wider,) = pairs_of(labels[4]), pairs_of(labels[0])
    assert (of_narrower.other, of_narrower.relation) == (labels[0], Relation.WIDER)
    assert (of_wider.other, of_wider.relation) == (labels[4], Relation.NARROWER)
    with pytest.raises(BadPair, match="“thing 4” is a kind of “thing 0”: withdraw it first"):
        add(label_set, labels[0], labels[4], PairKind.SUBSET)
    _, is_new = add(label_set, labels[0], labels[4], PairKind.SUBSET, provenance="somebody who disagrees")
    assert is_new


def test_pairs_of_a_label_come_by_relation_and_class(label_set, labels, django_assert_num_queries):
    add(label_set, labels[2], labels[4])
    add(label_set, labels[2], labels[1])
    add(label_set, labels[3], labels[2], "equivalent")
    with django_assert_num_queries(1):
        rows = pairs_of_labels(labels)
    assert [(row.relation, row.other.index) for row in rows[labels[2].pk]] == [
        ("equivalent", 3),
        ("confusable", 1),
        ("confusable", 4),
    ]
    assert rows[labels[0].pk] == []
    assert are_equivalent(labels[2], labels[3]) and are_equivalent(labels[3], labels[2])
    assert not are_equivalent(labels[2], labels[4])
    assert [pair.second.index for pair in pairs_in(label_set, PairKind.CONFUSABLE)] == [2, 4]


def test_a_withdrawn_pair_stays_and_counts_no_more(label_set, labels):
    pair, _ = add(label_set, labels[0], labels[1])
    assert withdraw_pair(pair=pair) and not withdraw_pair(pair=pair)
    assert pairs_of(labels[0]) == [] and ClassPair.objects.get().withdrawn_at
    again, is_new = add(label_set, labels[0], labels[1])
    assert is_new and again.pk != pair.pk


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"kind": "rival"}, "“rival” is no kind of pair: write equivalent, confusable, subset"),
        ({"provenance": " "}, "the provenance is missing"),
        ({"provenance": "x" * 301}, "at most 300 characters"),
        ({"note": "two\nlines"}, "on one line each"),
    ],
)
def test_a_bad_pair_is_refused_with_a_reason(label_set, labels, changed, reason):
    with pytest.raises(BadPair, match=reason):
        add(label_set, labels[0], labels[1], **changed)


def test_classes_of_other_label_sets_and_one_class_alone_are_no_pair(label_set, labels):
    with pytest.raises(BadPair, match="cannot be paired with itself"):
        add(label_set, labels[0], labels[0])
    with pytest.raises(BadPair, match="must belong to the label set"):
        add(label_set, labels[0], make_label_set().labels.get(index=1))


@pytest.mark.parametrize("change", ["order", "label set", "itself"])
def test_the_database_holds_the_order_and_the_label_set(label_set, labels, change):
    pair, _ = add(label_set, labels[0], labels[1])
    fields = {
        "order": {"first": labels[1], "second": labels[0]},
        "label set": {"label_set": make_label_set()},
        "itself": {"second": labels[0]},
    }[change]
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        ClassPair.objects.filter(pk=pair.pk).update(**fields)
    cause = refusal.value.__cause__
    assert isinstance(cause, psycopg2.Error)
    assert cause.diag.constraint_name == "class_pair_is_in_order_in_its_label_set"
