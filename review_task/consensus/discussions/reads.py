"""The discussion of an item: what each reviewer said, before and after they saw each other's verdicts."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from string import ascii_uppercase

from django.contrib.auth.models import User
from django.db.models import Min
from django.utils.translation import gettext

from review_task.consensus.reads import Decision, Tally, may_arbitrate, reviewer_of
from review_task.models import ClassPage, ConsensusVerdict, Item, Verdict, VerdictValue
from workforce.reads import pseudonym


@dataclass(frozen=True)
class Opinion:
    """A reviewer's verdict. `blind` is the one from before the discussion, where it was another."""

    name: str
    is_reader: bool
    decision: Decision
    blind: Decision | None = None


@dataclass(frozen=True)
class Remarked:
    """A comment and its author's name."""

    name: str
    is_reader: bool
    words: str


@dataclass(frozen=True)
class Settled:
    """A decision on an item and the name of its author; `unreviewed` opened it again."""

    name: str
    is_reader: bool
    decision: Decision


@dataclass(frozen=True)
class Discussion:
    """The discussion of an item for one reader. `last` is the id of the last decision on it."""

    item: Item
    tally: Tally
    opinions: list[Opinion]
    comments: list[Remarked]
    decisions: list[Settled]
    last: int | None


@dataclass(frozen=True)
class Names:
    """The names under which a reader sees the people of a page."""

    by_worker: Mapping[int, str]
    reader: int | None
    others: str

    def of(self, worker_id: int) -> tuple[str, bool]:
        return self.by_worker.get(worker_id, self.others), worker_id == self.reader


def discussion_of(item: Item, tally: Tally, user: User) -> Discussion:
    """Return the discussion of an item in consensus.

    Reviewers see each other under letters, which are drawn anew for each page and tell nothing of who came first;
    researchers see pseudonyms. No moment is given: it would tell who was at work.
    """
    comments = list(item.comments.order_by("pk"))
    decisions = list(item.consensus_verdicts.order_by("pk"))
    opinions = list(Verdict.objects.filter(item=item, counted=True).order_by("worker_id"))
    authors = {row.worker_id for rows in (comments, decisions) for row in rows}
    names = _names(item.page, user, authors)
    return Discussion(
        item=item,
        tally=tally,
        opinions=sorted(_opinions(item, opinions, names), key=lambda opinion: opinion.name),
        comments=[Remarked(*names.of(row.worker_id), row.words) for row in comments],
        decisions=[Settled(*names.of(row.worker_id), _decision(row)) for row in decisions],
        last=next((row.pk for row in decisions if row.is_last), None),
    )


def _names(page: ClassPage, user: User, authors: Iterable[int]) -> Names:
    dataset, reader = page.review.batch.dataset, reviewer_of(user)
    panel = set(Verdict.objects.filter(item__page=page).order_by().values_list("worker_id", flat=True).distinct())
    if may_arbitrate(user, dataset):
        names = {worker: pseudonym(dataset, worker) for worker in panel.union(authors)}
    else:
        names = dict(zip(_shuffled(page, panel), letters(len(panel)), strict=True))
    return Names(names, None if reader is None else reader.pk, gettext("Researcher"))


def _shuffled(page: ClassPage, workers: Iterable[int]) -> list[int]:
    """Return the workers of a page in an order of its own, which nobody without the dataset's key can tell."""
    key = page.review.batch.dataset.pseudonym_key.encode()
    return sorted(workers, key=lambda pk: hmac.digest(key, f"panel/{page.pk}/{pk}".encode(), hashlib.sha256))


def letters(n: int) -> list[str]:
    """Return names of so many reviewers.

    >>> letters(3), letters(28)[-2:]
    (['A', 'B', 'C'], ['A2', 'B2'])
    """
    rounds = range(1, 2 + n // len(ascii_uppercase))
    return [f"{letter}{'' if number == 1 else number}" for number in rounds for letter in ascii_uppercase][:n]


def _opinions(item: Item, rows: Iterable[Verdict], names: Names) -> Iterable[Opinion]:
    blind = blind_verdicts(item)
    for row in rows:
        decision, first = _decision(row), blind.get(row.worker_id)
        yield Opinion(*names.of(row.worker_id), decision, first if first != decision else None)


def blind_verdicts(item: Item) -> dict[int, Decision]:
    """Return each reviewer's last verdict from before the reviewers of the page could see each other's, by worker."""
    moment = _opened_at(item.page)
    rows = Verdict.objects.filter(item=item).exclude(verdict=VerdictValue.UNREVIEWED).order_by("pk")
    if moment is not None:
        rows = rows.filter(created_at__lte=moment)
    return {row.worker_id: _decision(row) for row in rows}


def _opened_at(page: ClassPage) -> datetime | None:
    """Return the moment when the last reviewer had judged the last item of a page for the first time."""
    rows = Verdict.objects.filter(item__page=page).exclude(verdict=VerdictValue.UNREVIEWED)
    firsts = rows.order_by().values("item", "worker").annotate(first=Min("created_at"))
    return max((row["first"] for row in firsts), default=None)


def _decision(row: Verdict | ConsensusVerdict) -> Decision:
    return Decision(row.verdict, row.category, row.severity)
