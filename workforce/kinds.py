"""Kinds of task: one record says all that the rest of the site asks about a kind.

A record stands in the kind.py of its task room; the setting TASK_KINDS lists the records. Whatever means "every kind"
goes through `task_kinds()`, whatever has a batch at hand through `kind_named(batch.kind)`.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.errors import UserError

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from rest_framework.serializers import Serializer

    from catalog.models import Dataset, Image, Label, SettingsVersion
    from workforce.models import Submission

# What the rows of every kind's votes say alike.
VOTE_COLUMNS = ("worker", "role", "state", "submitted_at", "settings_version")


class UnknownKind(UserError):
    """No record of this name is listed in TASK_KINDS."""


class NotOffered(UserError):
    """A kind has no words and figures for a marketplace."""


@dataclass(frozen=True)
class ExportedRows:
    """Rows that are written as files: `order` sorts them, `named` are the columns whose label gets a name.

    `name` is what the command, the page and REST call them; `says` explains them on the page.
    """

    name: str
    says: str
    rows_of: "Callable[[Dataset], QuerySet[Any, Any]]"
    order: tuple[str, ...]
    row: "Callable[[Any, Mapping[int, Label] | None], dict[str, Any]]"
    columns: tuple[str, ...]
    named: tuple[str, ...]


@dataclass(frozen=True)
class RestTable:
    """How REST pages rows and describes them.

    `key` are columns that order the rows and together name one of them for ever: not the id of a derived row, which
    changes when the row is computed anew.
    """

    key: tuple[str, ...]
    description: str
    row: "type[Serializer[Any]]"
    conditions: "type[Serializer[Any]]"


@dataclass(frozen=True)
class Votes:
    """Where votes are stored: a table with submission, worker, role and counted, and the columns of a question.

    At most one vote counts for a person and a question (image_id and label_id, or image_id alone).
    """

    model: "type[Model]"
    question: tuple[str, ...]
    rows: ExportedRows
    table: RestTable


@dataclass(frozen=True)
class StagedVotes:
    """How answers in a staging table become HITs' content and votes.

    `columns` declares the kind's own columns in SQL; `values` yields them for every answer, in the same order. The four
    statements take the table's name as {staged}: `other_answer` selects line and image of a row that contradicts a
    stored vote, `fill_answers` writes the raw answers, the others insert. `tables` get many rows by them.
    """

    columns: str
    values: "Callable[[Sequence[Any], Mapping[int, Label]], Iterator[tuple[Any, ...]]]"
    other_answer: str
    fill_answers: str
    add_content: str
    add_votes: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class ReplayedVotes:
    """How a file of votes is read. `columns` are needed, `further` may be there beside those of every kind.

    `answer` reads a row (line, cells, class indexes) or raises BadCell; `in_order` checks all answers of a file
    together, raises BadRow, and returns them in the order of submission.
    """

    columns: tuple[str, ...]
    columns_described: str
    answer: Callable[[int, dict[str, str], Container[int]], Any]
    in_order: Callable[[list[Any]], list[Any]]
    staged: StagedVotes
    further: tuple[str, ...] = ()
    # Whether votes on an image without a dataset label lead no further than their counts.
    needs_dataset_labels: bool = False
    # Names of the dataset's images whose open HITs keep votes that are loaded from taking effect.
    waiting: "Callable[[Dataset], Iterable[str]] | None" = None


@dataclass(frozen=True)
class Recovery:
    """How an answer is read that came through a marketplace alone: its values stand in `copy` of the raw answer.

    `answer` returns what the page would have stored, or None if the copy is no answer to its HIT; `cast_votes` takes a
    stored `submission`, and adds nothing the second time.
    """

    answer: "Callable[[Submission], dict[str, Any] | None]"
    cast_votes: "Callable[..., None]"


@dataclass(frozen=True)
class Offer:
    """What a marketplace needs: proposed words, and the items of a HIT by which its time is estimated.

    `same_question` are SQL joins from `hit`, a row of workforce_hit, to `earlier`: rows with the hit_id of each HIT
    that asks one or more of its questions.
    """

    title: str
    description: str
    n_items: "Callable[[SettingsVersion], int]"
    same_question: str


@dataclass(frozen=True)
class AnswerShown:
    """How a researcher sees an answer: a template, and its context by HIT (id) and submission, if there is one."""

    template: str
    context: "Callable[[int, Submission | None], dict[str, Any]]"


@dataclass(frozen=True)
class TaskKind:
    """A kind of task. `name` is what Batch.kind holds, `title` what pages say, `hits` what its HITs are called there.

    Its worker pages are `urls`, under `path`; `page` names the page of a HIT (its public id is the argument). A raw
    answer has `selected`, a list of images' public ids or of whole numbers, and may have `main`, one of them: that much
    travels through a marketplace.
    """

    name: str
    title: str
    hits: str
    page: str
    path: str
    urls: str
    images_of_hit: "Callable[[int], QuerySet[Image]]"
    votes: Votes
    offer: Offer | None = None
    recovery: Recovery | None = None
    answer_shown: AnswerShown | None = None
    replay: ReplayedVotes | None = None
    # Beside its votes, which every kind exports.
    files: tuple[ExportedRows, ...] = ()


def task_kinds() -> tuple[TaskKind, ...]:
    """Return the records that TASK_KINDS lists, in its order."""
    return tuple(_kinds(tuple(settings.TASK_KINDS)).values())


def kind_named(name: str) -> TaskKind:
    """Return the record of this name. Raises UnknownKind, with the names there are."""
    kinds = _kinds(tuple(settings.TASK_KINDS))
    if name not in kinds:
        raise UnknownKind(f"There is no kind of task {name!r}; TASK_KINDS lists {', '.join(kinds)}.")
    return kinds[name]


def offer_of(name: str) -> Offer:
    """Return what a marketplace needs of the kind of this name. Raises NotOffered if the kind is not for one."""
    offer = kind_named(name).offer
    if offer is None:
        raise NotOffered(f"Batches of {kind_named(name).title} are for recruitment links: no marketplace offers them.")
    return offer


# By the setting's value, so that a changed setting is loaded anew.
@lru_cache
def _kinds(paths: tuple[str, ...]) -> dict[str, TaskKind]:
    records = [import_string(path) for path in paths]
    kinds = {record.name: record for record in records}
    if len(kinds) < len(records):
        raise ValueError("Two records in TASK_KINDS have the same name.")
    return kinds
