"""Kinds of task: one record holds everything that the rest of the site needs of a kind.

A record stands in the kind.py of its task room; the setting TASK_KINDS lists the records. Code for
every kind goes through `task_kinds()`, code for a batch through `kind_named(batch.kind)`.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from catalog.errors import UserError

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django_stubs_ext import StrOrPromise
    from rest_framework.serializers import Serializer

    from catalog.models import Dataset, Image, Label, SettingsVersion
    from workforce.models import Submission

# Columns that the rows of every kind's votes share.
VOTE_COLUMNS = ("worker", "role", "state", "submitted_at", "settings_version")


class UnknownKind(UserError):
    """A name of no record in TASK_KINDS."""


class NotOffered(UserError):
    """A kind without an offer for a marketplace."""


@dataclass(frozen=True)
class ExportedRows:
    """Rows to export as files: `order` sorts them, `named` are the columns of labels, whose names can be added.

    `name` is their name in the command, on the page and in REST; `says` describes them on the page.
    """

    name: str
    says: "StrOrPromise"
    rows_of: "Callable[[Dataset], QuerySet[Any, Any]]"
    order: tuple[str, ...]
    row: "Callable[[Any, Mapping[int, Label] | None], dict[str, Any]]"
    columns: tuple[str, ...]
    named: tuple[str, ...]


@dataclass(frozen=True)
class RestTable:
    """Paging and description of rows in REST.

    `key` are columns that order the rows and together identify a row for ever. The id of a derived row does not: it
    changes when the row is computed again.
    """

    key: tuple[str, ...]
    description: "StrOrPromise"
    row: "type[Serializer[Any]]"
    conditions: "type[Serializer[Any]]"


@dataclass(frozen=True)
class DerivedRows:
    """Rows that follow from a kind's votes, as files and in REST."""

    rows: ExportedRows
    table: RestTable


@dataclass(frozen=True)
class Votes:
    """The table of votes, with submission, worker, role and counted, and the columns of a question.

    At most one vote counts for a person and a question (image_id and label_id, or image_id alone). `has_surplus`: the
    table has a column `surplus` for votes that would count, but are more than were asked for. `last_counts`: a person
    may change their answer by a further vote, so that the last one counts instead of the first.
    """

    model: "type[Model]"
    question: tuple[str, ...]
    rows: ExportedRows
    table: RestTable
    has_surplus: bool = False
    last_counts: bool = False


@dataclass(frozen=True)
class StagedVotes:
    """SQL that turns answers in a staging table into content of HITs and into votes.

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
    """Reading of a file of votes. `columns` are required; `further` are optional, as are those of every kind.

    `answer` reads a row (line, cells, class indexes) or raises BadCell; `in_order` checks all answers of a file
    together, raises BadRow, and returns them in the order of submission.
    """

    columns: tuple[str, ...]
    columns_described: "StrOrPromise"
    answer: Callable[[int, dict[str, str], Container[int]], Any]
    in_order: Callable[[list[Any]], list[Any]]
    staged: StagedVotes
    further: tuple[str, ...] = ()
    # Whether votes on an image without a dataset label yield counts and nothing more.
    needs_dataset_labels: bool = False
    # Names of the dataset's images whose open HITs keep votes that are loaded from taking effect.
    waiting: "Callable[[Dataset], Iterable[str]] | None" = None


@dataclass(frozen=True)
class Recovery:
    """Reading of an answer that came through a marketplace alone: its values are in `copy` of the raw answer.

    `answer` returns what the page would have stored, or None if the copy is no answer to its HIT; `cast_votes` takes a
    stored `submission`, and is idempotent.
    """

    answer: "Callable[[Submission], dict[str, Any] | None]"
    cast_votes: "Callable[..., None]"


@dataclass(frozen=True)
class Offer:
    """An offer to a marketplace: a proposed title and description, and the items of a HIT, to estimate its time.

    `same_question` are SQL joins from `hit`, a row of workforce_hit, to `earlier`: rows with the hit_id of each HIT
    that asks one or more of its questions.
    """

    title: "StrOrPromise"
    description: "StrOrPromise"
    n_items: "Callable[[SettingsVersion], int]"
    same_question: str


@dataclass(frozen=True)
class AnswerShown:
    """Display of an answer to researchers: a template, and its context by HIT (id) and submission, if any."""

    template: str
    context: "Callable[[int, Submission | None], dict[str, Any]]"


@dataclass(frozen=True)
class TaskKind:
    """A kind of task. Batch.kind holds `name`; pages show `title`, and call its HITs `hits`.

    Its worker pages are `urls`, under `path`; `page` names the page of a HIT (its public id is the argument). All three
    are empty where members of a study work on the staff origin. `instructions` are the templates whose texts ask the
    question: answers store their version. A raw answer has `selected`, a list of images' public ids or of whole
    numbers, and may have `main`, one of them, `maybe`, of the same kind, and `unseen`, public ids of images: that much
    travels through a marketplace.
    """

    name: str
    title: str
    hits: "StrOrPromise"
    page: str
    path: str
    urls: str
    images_of_hit: "Callable[[int], QuerySet[Image]]"
    votes: Votes
    instructions: tuple[str, ...] = ()
    offer: Offer | None = None
    recovery: Recovery | None = None
    answer_shown: AnswerShown | None = None
    replay: ReplayedVotes | None = None
    # In addition to its votes, which every kind exports.
    files: tuple[ExportedRows, ...] = ()
    # Results of its votes, which name nobody: files, and tables of REST.
    derived: tuple[DerivedRows, ...] = ()


def task_kinds() -> tuple[TaskKind, ...]:
    """Return the records that TASK_KINDS lists, in its order."""
    return tuple(_kinds(tuple(settings.TASK_KINDS)).values())


def kind_named(name: str) -> TaskKind:
    """Return the record of this name. Raises UnknownKind, which lists the names."""
    kinds = _kinds(tuple(settings.TASK_KINDS))
    if name not in kinds:
        message = gettext("There is no kind of task “%(name)s”. TASK_KINDS lists: %(kinds)s.")
        raise UnknownKind(message % {"name": name, "kinds": ", ".join(kinds)})
    return kinds[name]


def offer_of(name: str) -> Offer:
    """Return the offer of the kind of this name. Raises NotOffered if it has none."""
    offer = kind_named(name).offer
    if offer is None:
        message = gettext("%(kind)s batches cannot be published on a marketplace. Use recruitment links.")
        raise NotOffered(message % {"kind": kind_named(name).title})
    return offer


# By the setting's value, so that a changed setting is loaded again.
@lru_cache
def _kinds(paths: tuple[str, ...]) -> dict[str, TaskKind]:
    records = [import_string(path) for path in paths]
    kinds = {record.name: record for record in records}
    if len(kinds) < len(records):
        raise ValueError("Two records in TASK_KINDS have the same name.")
    return kinds
