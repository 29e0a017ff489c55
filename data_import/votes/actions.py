"""Files of answers, loaded completely or, with any fault, not at all."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext

from catalog.actions import ensure_dataset, load_staged_images
from catalog.errors import StagedConflict
from catalog.models import Dataset, Label
from catalog.reads import labels_by_index
from data_import.actions import note_new_dataset
from data_import.votes.files import BadFile, line_fault, read_votes
from workforce.actions import mark_for_aggregation
from workforce.kinds import ReplayedVotes, StagedVotes, task_kinds
from workforce.reads import pseudonyms_of
from workforce.replays.actions import find_stored_answers, load_staged_answers, load_staged_people
from workforce.votes.actions import check_staged_answers, fill_staged_answers, load_staged_votes
from workforce.votes.reads import Answer, Origin

STAGED = "staged_answer"
# The columns that each room reads and fills in are described in its bulk_load_sql.py.
COMMON_COLUMNS = """
    position integer, line integer, image text, dataset_label integer, person text, role text, state text,
    excluded boolean, submitted_at timestamptz, turn integer, hit_number integer, idempotency_key text
"""
FILLED_COLUMNS = "image_id bigint, worker_id bigint, hit_id bigint, submission_id bigint, answer jsonb"
STEPS = ("reading", "staging", "images", "people", "submissions", "votes")


class Replayed(NamedTuple):
    dataset: Dataset
    n_images: int
    n_new_images: int
    n_answers: int
    n_new_answers: int
    # Images of the file without a dataset label: nothing can be pruned there.
    n_unlabelled: int
    # Images of the file that are not annotated yet, because HITs opened here wait for answers.
    n_waiting: int


def replayed_kinds() -> dict[str, ReplayedVotes]:
    """Return the readers and loaders of files of votes by the name of their kind of task."""
    return {kind.name: kind.replay for kind in task_kinds() if kind.replay}


def replay(*, kind: str, path: Path, dataset_name: str, progress: Callable[[str], object] | None = None) -> Replayed:
    """Load a file of answers to questions of a kind (its name) into a dataset, made if there is none.

    Answers that are stored already stay unchanged. `progress` is called with the name of each of STEPS as it begins.
    Raises BadFile, naming the line and the reason; nothing is loaded then.
    """
    try:
        return _replay_and_record(kind, path, dataset_name, progress or (lambda step: None))
    except StagedConflict as error:
        raise line_fault(path, error.line, error) from error


@transaction.atomic
def _replay_and_record(kind: str, path: Path, dataset_name: str, progress: Callable[[str], object]) -> Replayed:
    with connection.cursor() as cursor:
        # The second of two replays at once sees the rows that the first has stored.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('replay', 0))")
        # The statements sort whole files, which the usual few megabytes would send to disk.
        cursor.execute("SET LOCAL work_mem = '128MB'")
    is_new = not Dataset.objects.filter(name=dataset_name).exists()
    replayed = _replay(kind, replayed_kinds()[kind], path, dataset_name, progress)
    if is_new:
        note_new_dataset(dataset=replayed.dataset)
    return replayed


def _replay(
    kind: str, votes: ReplayedVotes, path: Path, dataset_name: str, progress: Callable[[str], object]
) -> Replayed:
    progress("reading")
    dataset = ensure_dataset(name=dataset_name)
    labels = labels_by_index(dataset)
    answers = read_votes(votes, path, labels)
    _refuse_own_answers(path, dataset, answers)
    progress("staging")
    _stage(votes.staged.columns, _rows(f"replay:{dataset.pk}:{kind}", votes.staged, answers, labels))
    progress("images")
    images = {answer.origin.image for answer in answers}
    n_new_images, n_labelled = load_staged_images(dataset=dataset, staged=STAGED)
    n_stored = find_stored_answers(staged=STAGED)
    check_staged_answers(votes=votes.staged, staged=STAGED)
    if n_stored < len(answers):
        _load_new(kind, votes.staged, dataset, progress)
    if n_labelled:
        # Votes that came in before their image had a dataset label could not be pruned.
        mark_for_aggregation(dataset=dataset)
    unlabelled = images & set(dataset.images.filter(dataset_label=None).values_list("name", flat=True))
    waiting = images.intersection(votes.waiting(dataset) if votes.waiting is not None else ())
    n_new = len(answers) - n_stored
    return Replayed(dataset, len(images), n_new_images, len(answers), n_new, len(unlabelled), len(waiting))


def _load_new(kind: str, votes: StagedVotes, dataset: Dataset, progress: Callable[[str], object]) -> None:
    progress("people")
    load_staged_people(dataset=dataset, staged=STAGED)
    progress("submissions")
    fill_staged_answers(votes=votes, staged=STAGED)
    load_staged_answers(dataset=dataset, kind=kind, staged=STAGED)
    progress("votes")
    load_staged_votes(votes=votes, staged=STAGED)


def _refuse_own_answers(path: Path, dataset: Dataset, answers: Iterable[Answer]) -> None:
    """Raise BadFile for a dataset's own export: its answers would count again as those of other people."""
    pseudonyms = {f"worker:{name}" for name in pseudonyms_of(dataset)}
    for answer in answers:
        if answer.origin.person in pseudonyms:
            raise BadFile(
                gettext(
                    "%(file)s, line %(line)s: these answers are an export of dataset “%(dataset)s”, which has them "
                    "already. Load them into another dataset."
                )
                % {"file": path, "line": answer.origin.line, "dataset": dataset.name}
            )


def _stage(columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")
        cursor.execute(
            f"CREATE TEMPORARY TABLE {STAGED} ({COMMON_COLUMNS}, {columns}, {FILLED_COLUMNS}) ON COMMIT DROP"
        )
        names = [column.split()[0] for column in f"{COMMON_COLUMNS}, {columns}".split(",")]
        cursor.copy_expert(f"COPY {STAGED} ({', '.join(names)}) FROM STDIN (FORMAT csv)", text)
        cursor.execute(f"ANALYZE {STAGED}")


def _rows(prefix: str, votes: StagedVotes, answers: list[Any], labels: dict[int, Label]) -> Iterator[tuple[Any, ...]]:
    numbers = _Numbers(prefix)
    values = votes.values(answers, labels)
    for position, (answer, of_kind) in enumerate(zip(answers, values, strict=True)):
        yield (
            *_common(position, answer.origin, answer.dataset_label),
            *numbers.of(answer.question, answer.origin.person, answer.cell_role),
            *of_kind,
        )


def _common(position: int, origin: Origin, dataset_label: int | None) -> tuple[Any, ...]:
    excluded = origin.state == "excluded"
    return (
        position,
        origin.line,
        origin.image,
        dataset_label,
        origin.person,
        origin.role,
        "confirmed" if excluded else origin.state,
        excluded,
        origin.submitted_at and origin.submitted_at.isoformat(),
    )


class _Numbers:
    """Numbers of the answers of a person to one question (turn), and of HITs: a HIT has one answer of a person."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.turns: Counter[Hashable] = Counter()
        self.hits: dict[Hashable, int] = {}

    def of(self, question: tuple[Any, ...], person: str, cell_role: str) -> tuple[int, int, str]:
        """Return the turn, HIT number and idempotency key of the next answer of a person to a question."""
        turn = self.turns[question, person]
        self.turns[question, person] += 1
        hit = self.hits.setdefault((question, turn, cell_role), len(self.hits))
        # Names may be longer than a key; no name contains the separator.
        digest = hashlib.sha256("\0".join(map(str, (*question, person, turn))).encode()).hexdigest()
        return turn, hit, f"{self.prefix}:{digest[:40]}"
