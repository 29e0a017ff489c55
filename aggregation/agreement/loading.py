"""Counted votes from the database as arrays: binary COPY, since there may be millions of them."""

import io
from dataclasses import dataclass

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from catalog.models import Dataset

IntArray = NDArray[np.int64]

NO, YES, MAYBE = range(3)
VOTES = """
    SELECT vote.worker_id, vote.image_id, vote.label_id, hit.batch_id,
           (image.dataset_label_id IS NOT DISTINCT FROM vote.label_id)::int::bigint,
           CASE WHEN vote.maybe THEN 2 WHEN vote.selected THEN 1 ELSE 0 END::bigint
    FROM workforce_batch batch JOIN workforce_hit hit ON hit.batch_id = batch.id
    JOIN workforce_submission submission ON submission.hit_id = hit.id
    JOIN contains_task_containsvote vote ON vote.submission_id = submission.id
    JOIN catalog_image image ON image.id = vote.image_id
    WHERE batch.dataset_id = {dataset} AND vote.counted
    ORDER BY vote.image_id, vote.label_id, vote.worker_id
"""
COLUMNS = ("worker", "image", "label", "batch", "of_dataset", "answer")
# A row of COPY's binary format: the number of its fields, and before each field its length.
ROW = np.dtype([("n", ">i2"), *(part for name in COLUMNS for part in ((f"{name}_length", ">i4"), (name, ">i8")))])
HEADER_BYTES, TRAILER_BYTES = 19, 2


@dataclass(frozen=True)
class CountedVotes:
    """Counted votes by column (V,): ids of worker, image, label and batch; of_dataset (the label is that of the
    dataset, 0 or 1); answer (NO, YES or MAYBE)."""

    worker: IntArray
    image: IntArray
    label: IntArray
    batch: IntArray
    of_dataset: IntArray
    answer: IntArray

    def __len__(self) -> int:
        return len(self.worker)

    def rows(self, chosen: "NDArray[np.bool_] | NDArray[np.signedinteger]") -> "CountedVotes":
        """Return some of the votes."""
        return CountedVotes(*(getattr(self, name)[chosen] for name in COLUMNS))


def counted_votes(dataset: Dataset) -> CountedVotes:
    """Read the counted votes of a dataset's grids, by image, label and worker."""
    target = io.BytesIO()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(f"COPY ({VOTES.format(dataset=int(dataset.pk))}) TO STDOUT (FORMAT binary)", target)
    copied = target.getbuffer()
    rows = np.frombuffer(copied[HEADER_BYTES : len(copied) - TRAILER_BYTES], ROW)
    return CountedVotes(*(rows[name].astype(np.int64) for name in COLUMNS))
