"""Any history of a guide against a model of it in plain Python: who saves what, and on what they have seen.

The model keeps every version of every entry in lists. After each step, all that the guide can be asked says the same.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from audit.models import AuditEntry
from catalog.actions import create_dataset
from catalog.guide.actions import EditedMeanwhile
from catalog.guide.reads import (
    Content,
    Trait,
    content_of,
    entries_of,
    entries_of_label,
    latest_versions,
    n_entries,
    pairs_without_entry,
    search_entries,
    versions_of,
)
from catalog.models import Dataset, GuideEntry
from studies.guide.actions import reinstate, restore, use_guide_of, withdraw, write_entry
from tests.catalog.guide.guide_texts import label_of
from tests.chance import seeds
from tests.factories import make_account, make_dataset, unique

pytestmark = pytest.mark.django_db
N_LABELS = 4
N_STEPS = 30
# None is the beginning or the stem of another, nor a word that English searches leave out.
WORDS = ("crane", "heron", "stork", "ibis")
GROUPS = ((0,), (1,), (0, 1), (1, 2), (0, 1, 3))
PAIRS = [(low, high) for low in range(N_LABELS) for high in range(low + 1, N_LABELS)]


@dataclass
class ModelEntry:
    """An entry as the model has it: all its versions, the first one first."""

    pk: int
    versions: list[Content]
    is_withdrawn: bool = False

    @property
    def latest(self) -> Content:
        return self.versions[-1]


@dataclass
class Model:
    """A guide in plain Python, and how many lines its history leaves in the record of decisions."""

    entries: list[ModelEntry] = field(default_factory=list)
    n_recorded: int = 0

    def in_force(self) -> list[ModelEntry]:
        rows = [entry for entry in self.entries if not entry.is_withdrawn]
        return sorted(rows, key=lambda entry: (entry.latest.labels[0], len(entry.latest.labels), entry.pk))

    def about(self, labels: tuple[int, ...]) -> ModelEntry | None:
        return next((entry for entry in self.in_force() if entry.latest.labels == labels), None)

    def save(self, entry: ModelEntry | None, content: Content, based_on: int) -> str:
        """Return what a save comes to: "conflict", "same", "version" or "entry"; the last is for the caller to add."""
        other = self.about(content.labels)
        if entry and other and other is not entry:
            return "conflict"
        target = entry or other
        if target is None:
            self.n_recorded += 1
            return "entry"
        if target.latest == content:
            return "same"
        if len(target.versions) != based_on:
            return "conflict"
        target.versions.append(content)
        target.is_withdrawn = False
        self.n_recorded += 1
        return "version"

    def withdraw(self, entry: ModelEntry) -> None:
        self.n_recorded += not entry.is_withdrawn
        entry.is_withdrawn = True

    def reinstate(self, entry: ModelEntry) -> str:
        if not entry.is_withdrawn:
            return "same"
        if self.about(entry.latest.labels):
            return "conflict"
        entry.is_withdrawn = False
        self.n_recorded += 1
        return "again"


class History:
    """A guide that two studies write to, and its model."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.first = make_dataset(n_labels=N_LABELS)
        self.second = create_dataset(name=unique("dataset"), label_set=self.first.label_set)
        use_guide_of(dataset=self.second, other=self.first)
        self.people = [make_account(), make_account()]
        self.model = Model()
        self.outcomes: list[str] = []

    def study(self) -> Dataset:
        return self.random.choice((self.first, self.second))

    def content(self) -> Content:
        labels = self.random.choice(GROUPS)
        traits = (Trait("neck", {labels[0]: self.random.choice(WORDS)}),) if self.random.random() < 0.4 else ()
        return Content(self.random.choice(WORDS).title(), labels, f"Like a {self.random.choice(WORDS)}.", traits)

    def entry(self) -> ModelEntry | None:
        return self.random.choice(self.model.entries) if self.model.entries else None

    def seen(self, entry: ModelEntry | None) -> int:
        """Return the version that somebody has seen: mostly the latest, at times an earlier one."""
        n_versions = len(entry.versions) if entry else 0
        return n_versions if self.random.random() < 0.7 else self.random.randrange(n_versions + 1)

    def step(self) -> None:
        steps = [self.write, self.write, self.write_new, self.write_new, self.restore, self.withdraw, self.reinstate]
        self.random.choice(steps)()

    def write(self) -> None:
        entry, content = self.entry(), self.content()
        self.save(entry, content, self.seen(entry))

    def write_new(self) -> None:
        self.save(None, self.content(), 0)

    def save(self, entry: ModelEntry | None, content: Content, based_on: int) -> None:
        expected = self.model.save(entry, content, based_on)
        row = GuideEntry.objects.get(pk=entry.pk) if entry else None
        fields: dict[str, Any] = {"dataset": self.study(), "content": content, "by": self.random.choice(self.people)}
        try:
            version, is_new = write_entry(entry=row, based_on=based_on, **fields)
        except EditedMeanwhile:
            self.conclude(expected, "conflict")
            return
        if is_new and version.number == 1:
            self.model.entries.append(ModelEntry(version.entry_id, [content]))
            self.conclude(expected, "entry")
        else:
            self.conclude(expected, "version" if is_new else "same")

    def restore(self) -> None:
        if not (entry := self.entry()):
            return
        number, based_on = self.random.randint(1, len(entry.versions)), self.seen(entry)
        expected = self.model.save(entry, entry.versions[number - 1], based_on)
        row = GuideEntry.objects.get(pk=entry.pk)
        try:
            fields: dict[str, Any] = {"dataset": self.study(), "by": self.people[0]}
            version, is_new = restore(entry=row, number=number, based_on=based_on, **fields)
        except EditedMeanwhile:
            self.conclude(expected, "conflict")
        else:
            self.conclude(expected, "version" if is_new else "same")
            assert version.restored_from == number or not is_new

    def withdraw(self) -> None:
        if entry := self.entry():
            was_withdrawn = entry.is_withdrawn
            self.model.withdraw(entry)
            message = withdraw(dataset=self.study(), entry=GuideEntry.objects.get(pk=entry.pk))
            assert ("was withdrawn before" in message) == was_withdrawn

    def reinstate(self) -> None:
        if not (entry := self.entry()):
            return
        expected = self.model.reinstate(entry)
        try:
            reinstate(dataset=self.study(), entry=GuideEntry.objects.get(pk=entry.pk))
        except EditedMeanwhile:
            self.conclude(expected, "conflict")
        else:
            assert expected != "conflict"

    def conclude(self, expected: str, outcome: str) -> None:
        assert outcome == expected
        self.outcomes.append(outcome)

    # What the guide says of itself

    def check(self) -> None:
        model = self.model
        for dataset in (self.first, self.second):
            assert [row.pk for row in entries_of(dataset)] == [entry.pk for entry in model.in_force()]
            hidden = {entry.pk for entry in model.entries if entry.is_withdrawn}
            assert {row.pk for row in entries_of(dataset, withdrawn=True)} == hidden
        self.check_versions()
        self.check_classes()
        self.check_searches()
        n_recorded = AuditEntry.objects.filter(action__startswith="guide.").exclude(action="guide.share").count()
        assert n_recorded == model.n_recorded

    def check_versions(self) -> None:
        rows = list(GuideEntry.objects.order_by("pk"))
        latest = latest_versions(rows)
        for row, entry in zip(rows, sorted(self.model.entries, key=lambda entry: entry.pk), strict=True):
            assert [content_of(version) for version in versions_of(row)] == entry.versions[::-1]
            assert content_of(latest[row.pk]) == entry.latest
            assert (row.version, row.title, tuple(row.labels)) == (
                len(entry.versions),
                entry.latest.title,
                entry.latest.labels,
            )

    def check_classes(self) -> None:
        groups = [set(entry.latest.labels) for entry in self.model.in_force()]
        for index in range(N_LABELS):
            rows = entries_of_label(self.first, label_of(self.first, index))
            expected = [entry for entry in self.model.in_force() if index in entry.latest.labels]
            expected.sort(key=lambda entry: (len(entry.latest.labels), entry.pk))
            assert [row.pk for row in rows] == [entry.pk for entry in expected]
        expected_pairs = [pair for pair in PAIRS if not any(set(pair) <= group for group in groups)]
        assert pairs_without_entry(self.second, PAIRS) == expected_pairs
        counts = {"entries": len(groups), "groups": sum(len(group) > 1 for group in groups)}
        assert n_entries(self.second) == counts | {"classes": len(set().union(*groups))}

    def check_searches(self) -> None:
        for word in WORDS:
            expected = {entry.pk for entry in self.model.in_force() if word in text_of(entry.latest)}
            assert {row.pk for row in search_entries(self.first, word.upper())} == expected
            assert {row.pk for row in search_entries(self.second, word[:-1])} == expected, "the beginning will do"


def text_of(content: Content) -> str:
    cells = (text for trait in content.traits for text in trait.values.values())
    return " ".join([content.title.lower(), content.body, *cells])


@pytest.mark.parametrize("seed", seeds(5))
def test_any_history_of_a_guide_is_that_of_the_model(seed):
    history = History(seed)
    for _ in range(N_STEPS):
        history.step()
        if history.random.random() < 0.12:
            history.check()
    history.check()
    assert {"entry", "version", "conflict"} <= set(history.outcomes), "the history met what it is about"
