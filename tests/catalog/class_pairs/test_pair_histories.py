"""Any history of the registry of class pairs against a plain set of statements, and the order of what it says."""

import random
from typing import Any, NamedTuple

import pytest

from catalog.class_pairs.actions import LONGEST_NOTE, LONGEST_PROVENANCE, BadPair, add_pair, withdraw_pair
from catalog.class_pairs.reads import (
    COLUMNS,
    Relation,
    are_equivalent,
    class_pair_row,
    class_pairs_of,
    pairs_in,
    pairs_of,
    pairs_of_labels,
)
from catalog.models import ClassPair, Dataset, PairKind
from tests.catalog.guide.guide_texts import ODD_TEXTS, label_of, pair_of
from tests.chance import SOAK
from tests.factories import make_account, make_dataset

pytestmark = pytest.mark.django_db
N_LABELS = 5
SOURCES = ("a paper", "a review", "WordNet")


class Statement(NamedTuple):
    """A pair as the model has it: class indexes with the lower one first, and for a subset the narrower of them."""

    low: int
    high: int
    kind: str
    narrower: int | None
    source: str


class Registry:
    """A registry and the set of statements that it should hold."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.dataset = make_dataset(n_labels=N_LABELS)
        self.other = make_dataset(n_labels=N_LABELS)
        self.labels = list(self.dataset.label_set.labels.order_by("index"))
        self.held: set[Statement] = set()
        self.n_rows = 0
        self.refused = 0

    def add(self) -> None:
        first, second = self.random.sample(range(N_LABELS), 2)
        kind, source = self.random.choice(PairKind.values), self.random.choice(SOURCES)
        narrower = first if kind == "subset" else None
        statement = Statement(min(first, second), max(first, second), kind, narrower, source)
        if any(held != statement and held._replace(narrower=narrower) == statement for held in self.held):
            with pytest.raises(BadPair, match="withdraw it first"):
                pair_of(self.dataset, first, second, kind, source)
            self.refused += 1
            return
        fields: dict[str, Any] = {
            "label_set": self.dataset.label_set,
            "kind": kind,
            "provenance": f" {source} ",
            "added_by": None,
        }
        _, is_new = add_pair(first=self.labels[first], second=self.labels[second], **fields)
        assert is_new == (statement not in self.held)
        self.held.add(statement)
        self.n_rows += is_new

    def withdraw(self) -> None:
        if not self.held:
            return
        statement = self.random.choice(sorted(self.held, key=str))
        fields = {"first__index": statement.low, "second__index": statement.high, "kind": statement.kind}
        pair = pairs_in(self.dataset.label_set).get(provenance=statement.source, **fields)
        assert withdraw_pair(pair=pair) and not withdraw_pair(pair=pair)
        self.held.remove(statement)

    def check(self) -> None:
        rows = [class_pair_row(pair) for pair in class_pairs_of(self.dataset)]
        statements = [
            Statement(row["first"], row["second"], row["kind"], row["narrower"], row["provenance"]) for row in rows
        ]
        assert len(statements) == len(self.held) and set(statements) == self.held
        assert [row[:3] for row in statements] == sorted(row[:3] for row in statements), "in class order"
        assert ClassPair.objects.filter(label_set=self.dataset.label_set_id).count() == self.n_rows, "none is removed"
        assert not class_pairs_of(self.other).exists()
        by_label = pairs_of_labels(self.labels)
        for label in self.labels:
            shown = [(row.relation, row.other.index, row.pair.provenance) for row in by_label[label.pk]]
            assert sorted(shown) == sorted(self.relations(label.index))
            assert [row[:2] for row in shown] == sorted((row[:2] for row in shown), key=order_of_relation)
            assert by_label[label.pk] == pairs_of(label)
        for low in range(N_LABELS):
            for high in range(N_LABELS):
                held = {(row.low, row.high) for row in self.held if row.kind == "equivalent"}
                expected = (min(low, high), max(low, high)) in held
                assert are_equivalent(self.labels[low], self.labels[high]) == expected

    def relations(self, index: int) -> list[tuple[str, int, str]]:
        """Return what the statements say of a class, as seen from it."""
        rows = []
        for row in self.held:
            if index in (row.low, row.high):
                other = row.high if index == row.low else row.low
                relation = row.kind
                if row.kind == "subset":
                    relation = "narrower" if row.narrower == other else "wider"
                rows.append((relation, other, row.source))
        return rows


def order_of_relation(row: tuple[str, int]) -> tuple[int, int]:
    return list(map(str, Relation)).index(str(row[0])), row[1]


@pytest.mark.parametrize("seed", range(8 if SOAK else 3))
def test_any_history_of_the_registry_is_that_of_a_set(seed):
    registry = Registry(seed)
    for step in range(60):
        registry.random.choice([registry.add, registry.add, registry.add, registry.withdraw])()
        if step % 12 == 0:
            registry.check()
    registry.check()
    assert registry.n_rows > len(registry.held), "some were withdrawn"


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=N_LABELS)


def test_sources_of_the_same_statement_keep_the_order_in_which_they_came(dataset):
    first, second, third = (pair_of(dataset, 0, 1, source=source) for source in SOURCES)
    # A row that is changed is stored anew, behind the others.
    ClassPair.objects.filter(pk=first.pk).update(note="Looked up again.")
    expected = [first, second, third]
    assert [row.pair for row in pairs_of(label_of(dataset, 0))] == expected
    assert [row.pair for row in pairs_of(label_of(dataset, 1))] == expected
    assert list(pairs_in(dataset.label_set)) == expected


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_sources_are_kept_letter_by_letter(dataset, text):
    pair = pair_of(dataset, 3, 1, "equivalent", text)
    pair.refresh_from_db()
    assert pair.provenance == text and class_pair_row(pair)["provenance"] == text
    assert pair_of(dataset, 1, 3, "equivalent", f"  {text}\t") == pair, "blanks around it make no other source"
    assert ClassPair.objects.count() == 1


def test_texts_as_long_as_they_may_be_are_stored(dataset):
    labels = label_of(dataset, 0), label_of(dataset, 1)
    fields: dict[str, Any] = {"label_set": dataset.label_set, "kind": "confusable", "added_by": make_account()}
    longest: dict[str, Any] = {"provenance": "ß" * LONGEST_PROVENANCE, "note": "鶴" * LONGEST_NOTE}
    pair, is_new = add_pair(first=labels[0], second=labels[1], **longest, **fields)
    assert is_new and len(pair.provenance) == LONGEST_PROVENANCE and len(pair.note) == LONGEST_NOTE
    for name, text in longest.items():
        with pytest.raises(BadPair, match="at most"):
            add_pair(first=labels[0], second=labels[1], **longest | {name: f"{text}x"}, **fields)
    assert ClassPair.objects.count() == 1


@pytest.mark.parametrize("letter", ["\x00", "\n", "\r", "\t", "\x1b", "\u2028", "\u202e", "\ufeff"])
@pytest.mark.parametrize("name", ["provenance", "note"])
def test_letters_that_no_line_has_are_refused(dataset, letter, name):
    fields: dict[str, Any] = {"provenance": "a paper", "note": "", name: f"a{letter}b"}
    labels: dict[str, Any] = {"first": label_of(dataset, 0), "second": label_of(dataset, 1)}
    with pytest.raises(BadPair, match="provenance and note are on one line each"):
        add_pair(label_set=dataset.label_set, kind="confusable", added_by=None, **labels, **fields)
    assert not ClassPair.objects.exists()


def test_a_row_for_files_has_its_columns_and_for_people_the_names(dataset):
    pair = pair_of(dataset, 2, 0, "subset", "WordNet")
    row = class_pair_row(pair)
    assert tuple(row) == COLUMNS
    assert row == {"first": 0, "second": 2, "kind": "subset", "narrower": 2, "provenance": "WordNet", "note": ""}
    named = class_pair_row(pair, {label.index: label for label in dataset.label_set.labels.all()})
    assert (named["first_words"], named["second_wnid"]) == ("thing 0", "n00000002")


def test_the_same_pair_in_two_label_sets_is_two(dataset):
    other = make_dataset(n_labels=N_LABELS)
    assert pair_of(dataset, 0, 1) != pair_of(other, 0, 1)
    assert [len(pairs_of(label_of(study, 0))) for study in (dataset, other)] == [1, 1]
    assert not are_equivalent(label_of(dataset, 0), label_of(other, 1))


def test_many_pairs_are_read_in_one_query(dataset, django_assert_num_queries):
    labels = list(dataset.label_set.labels.all())
    for low in range(N_LABELS):
        for high in range(low + 1, N_LABELS):
            for source in SOURCES:
                pair_of(dataset, low, high, source=source)
    with django_assert_num_queries(1):
        rows = pairs_of_labels(labels)
        names = {(row.other.name, row.pair.first.name, row.pair.provenance) for row in rows[labels[0].pk]}
    assert len(names) == len(SOURCES) * (N_LABELS - 1)
    assert pairs_of_labels([]) == {}
