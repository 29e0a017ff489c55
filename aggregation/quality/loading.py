"""Votes from the database as arrays: binary COPY, since there may be millions of them."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from catalog.models import Dataset
from numerics.workers.tables import NOBODY, ControlTable, VoteTable

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Proven answers alone: anybody can write in the name of a worker whose ID they know. `counts` leaves out what is
# excluded. A maybe counts as the settings say; what counts as nothing is left out.
VOTES = """
    SELECT vote.worker_id, vote.image_id, vote.label_id, vote.submission_id, hit.batch_id,
           coalesce(vote.place, {none})::bigint AS place, coalesce(vote.seen_ms, {none})::bigint AS seen_ms,
           CASE vote.role WHEN 'question' THEN 0 WHEN 'repeat' THEN 1 ELSE 2 END::bigint AS role,
           (vote.selected OR vote.maybe AND {maybe_is_yes})::int::bigint AS answer,
           coalesce(cell.expected::int, {none})::bigint AS expected,
           (submission.state = 'confirmed' AND exclusion.id IS NULL)::int::bigint AS counts
    FROM workforce_batch batch JOIN workforce_hit hit ON hit.batch_id = batch.id
    JOIN workforce_submission submission ON submission.hit_id = hit.id
    JOIN contains_task_containsvote vote ON vote.submission_id = submission.id {chosen}
    LEFT JOIN workforce_exclusion exclusion ON exclusion.submission_id = submission.id AND exclusion.lifted_at IS NULL
    LEFT JOIN contains_task_grid grid ON vote.role = 'control' AND grid.hit_id = hit.id
    LEFT JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.image_id = vote.image_id
    WHERE batch.dataset_id = {dataset} AND submission.state IN ('confirmed', 'surplus')
      AND vote.role <> 'padding' AND NOT (vote.maybe AND {maybe_is_nothing})
    ORDER BY submission.id, vote.id
"""
QUESTIONS = """
    SELECT DISTINCT vote.image_id, vote.label_id FROM workforce_submission submission
    JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
    JOIN contains_task_containsvote vote ON vote.submission_id = submission.id
    WHERE submission.worker_id = ANY(%s) AND batch.dataset_id = %s
"""
# As arrays in the text: of those, the database knows how few they are, and looks each up by index.
SAME_QUESTIONS = """
    JOIN unnest('{{{images}}}'::bigint[], '{{{labels}}}'::bigint[]) asked (image_id, label_id)
      ON asked.image_id = vote.image_id AND asked.label_id = vote.label_id
"""
COLUMNS = (
    *("worker", "image", "label", "submission", "batch"),
    *("place", "seen_ms", "role", "answer", "expected", "counts"),
)
# A row of COPY's binary format: the number of its fields, and before each field its length.
ROW = np.dtype([("n", ">i2"), *(part for name in COLUMNS for part in ((f"{name}_length", ">i4"), (name, ">i8")))])
HEADER_BYTES, TRAILER_BYTES = 19, 2
QUESTION, REPEAT, CONTROL = range(3)
NETWORKS = """
    SELECT DISTINCT ON (lease.worker_id) lease.worker_id, lease.network_mark
    FROM workforce_lease lease JOIN workforce_batch batch ON batch.id = lease.batch_id
    WHERE batch.dataset_id = %s AND lease.network_mark <> '' AND lease.state = 'submitted'
    ORDER BY lease.worker_id, lease.id DESC
"""
ANSWERS = """
    SELECT submission.worker_id, hit.batch_id, count(*)
    FROM workforce_submission submission JOIN workforce_hit hit ON hit.id = submission.hit_id
    JOIN workforce_batch batch ON batch.id = hit.batch_id
    WHERE batch.dataset_id = %s AND submission.state IN ('confirmed', 'surplus') GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class StudyVotes:
    """The votes of a dataset by column, in the order of their submission, and what goes with its workers (ids)."""

    columns: dict[str, IntArray]
    networks: dict[int, str]
    answers: Sequence[tuple[int, int, int]]
    """(worker, batch, number of submissions)."""

    def __len__(self) -> int:
        return len(self.columns["worker"])

    def rows(self, chosen: BoolArray) -> "StudyVotes":
        """Return some of the votes."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return StudyVotes(columns, self.networks, self.answers)

    def of_batch(self, batch: int) -> "StudyVotes":
        return self.rows(self.columns["batch"] == batch)

    def counting(self) -> "StudyVotes":
        """Return the votes of submissions that count."""
        return self.rows(self.columns["counts"] == 1)

    @property
    def workers(self) -> IntArray:
        """Return the ids of all who voted, ascending."""
        return np.unique(self.columns["worker"])


def study_votes(dataset: Dataset, maybe_counts: str, workers: Collection[int] | None = None) -> StudyVotes:
    """Read the votes of a dataset: questions, repeats and controls; with `workers`, those on what they answered."""
    chosen = "" if workers is None else _same_questions(dataset, workers)
    query = VOTES.format(
        chosen=chosen,
        dataset=int(dataset.pk),
        none=NOBODY,
        maybe_is_yes=maybe_counts == "yes",
        maybe_is_nothing=maybe_counts == "nothing",
    )
    target = io.BytesIO()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT binary)", target)
        cursor.execute(NETWORKS, [dataset.pk])
        networks = dict(cursor.fetchall())
        cursor.execute(ANSWERS, [dataset.pk])
        return StudyVotes(_columns(target.getbuffer()), networks, cursor.fetchall())


def _same_questions(dataset: Dataset, workers: Collection[int]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(QUESTIONS, [list(workers), dataset.pk])
        pairs = cursor.fetchall()
    images, labels = (",".join(str(int(pair[place])) for pair in pairs) for place in (0, 1))
    return SAME_QUESTIONS.format(images=images, labels=labels)


def _columns(copied: memoryview) -> dict[str, IntArray]:
    rows = np.frombuffer(copied[HEADER_BYTES : len(copied) - TRAILER_BYTES], ROW)
    return {name: rows[name].astype(np.int64) for name in COLUMNS}


def vote_table(votes: StudyVotes, workers: IntArray) -> VoteTable:
    """Return the answers to questions and repeats of these workers (ids, ascending), by their position."""
    votes = votes.rows(votes.columns["role"] != CONTROL)
    votes = votes.rows(_has_first(votes.columns))
    columns = votes.columns
    worker = np.searchsorted(workers, columns["worker"])
    pair = _codes(columns["image"], columns["label"])
    grid, position = _grids_and_places(columns["submission"], columns["place"])
    seen = columns["seen_ms"]
    return VoteTable(
        worker=worker,
        pair=pair,
        answer=columns["answer"] == 1,
        position=position,
        grid=grid,
        seconds=np.where(seen == NOBODY, np.nan, seen / 1000),
        n_workers=len(workers),
        repeat_of=_repeats(worker, pair, columns["role"] == REPEAT),
        network=_networks(votes.networks, workers),
    )


def control_table(votes: StudyVotes, workers: IntArray) -> tuple[ControlTable, IntArray]:
    """Return the answers to controls whose expected answer is known, and (C, 2) image and label of each control."""
    columns = votes.rows((votes.columns["role"] == CONTROL) & (votes.columns["expected"] != NOBODY)).columns
    code = _codes(columns["image"], columns["label"])
    _, first = np.unique(code, return_index=True)
    keys = np.stack([columns["image"][first], columns["label"][first]], axis=1)
    worker = np.searchsorted(workers, columns["worker"])
    return ControlTable(worker, code, columns["expected"] == 1, columns["answer"] == 1, len(workers)), keys


def without_controls(votes: StudyVotes, switched_off: set[tuple[int, int]]) -> StudyVotes:
    """Return the votes but for those on these controls, (image, label) each."""
    if not switched_off:
        return votes
    off = np.array(sorted(switched_off), np.int64)
    widest = max(int(off[:, 1].max()), int(votes.columns["label"].max(initial=0))) + 1
    codes = votes.columns["image"] * widest + votes.columns["label"]
    is_off = (votes.columns["role"] == CONTROL) & np.isin(codes, off[:, 0] * widest + off[:, 1])
    return votes.rows(~is_off)


def _codes(*columns: IntArray) -> IntArray:
    """Return one number from 0 for each distinct row."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        _, place = np.unique(column, return_inverse=True)
        _, code = np.unique(code * (int(place.max(initial=0)) + 1) + place, return_inverse=True)
    return code.astype(np.int64)


def _grids_and_places(submission: IntArray, place: IntArray) -> tuple[IntArray, IntArray]:
    """Return the submission of each vote, numbered, and the place of its cell on the page.

    A cell whose page did not say its place becomes a grid of its own: in such a grid no position tells anything.
    """
    unplaced = place == NOBODY
    grid = _codes(submission, np.where(unplaced, np.arange(1, len(place) + 1), 0))
    return grid, np.where(unplaced, 0, place)


def _repeats(worker: IntArray, pair: IntArray, is_repeat: BoolArray) -> IntArray:
    """Return the row of the first answer that each repeat repeats, -1 for other rows. Every repeat has one."""
    repeat_of = np.full(len(worker), NOBODY, np.int64)
    if is_repeat.any():
        code = worker * (int(pair.max()) + 1) + pair
        firsts = np.flatnonzero(~is_repeat)
        answered, first = np.unique(code[firsts], return_index=True)
        repeat_of[is_repeat] = firsts[first[np.searchsorted(answered, code[is_repeat])]]
    return repeat_of


def _has_first(columns: dict[str, IntArray]) -> BoolArray:
    """Return the rows but for repeats of an answer that is not among them, as it was excluded."""
    person = _codes(columns["worker"], columns["image"], columns["label"])
    is_repeat = columns["role"] == REPEAT
    return np.asarray(~is_repeat | np.isin(person, person[~is_repeat]))


def _networks(networks: dict[int, str], workers: IntArray) -> IntArray | None:
    if not networks:
        return None
    numbers = {mark: number for number, mark in enumerate(sorted(set(networks.values())))}
    marks = [numbers.get(networks.get(int(worker), ""), NOBODY) for worker in workers]
    return np.array(marks, np.int64)
