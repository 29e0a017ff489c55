"""The released votes of Tsipras et al. and of ReaL give what was published. (SOAK=1 for all images.)"""

import csv
import gzip
import io
import json
import os
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db import transaction

from aggregation.actions import aggregate
from aggregation.management.commands.aggregate import main_object_line
from aggregation.reads import annotation_row, annotations_of, frequencies_of
from catalog.models import Dataset, Image
from classify_task.models import Form
from contains_task.models import ContainsVote

SOAK = bool(os.environ.get("SOAK"))
# Those of 3,313 images, and of ReaL's 226,515 votes those on so many images, take part.
ONE_CLASSIFIED_IN = 1 if SOAK else 5
ONE_IMAGE_IN = 1 if SOAK else 20
RELEASED = Path(__file__).resolve().parents[3] / "shared" / "released"
needs_released = pytest.mark.skipif(not RELEASED.is_dir(), reason=f"the released votes are not in {RELEASED}")


def rows_of(name: str) -> list[dict]:
    with gzip.open(RELEASED / name, "rt", newline="") as file:
        return list(csv.DictReader(file))


def some_classify_votes() -> list[dict]:
    votes = rows_of("classify_votes.csv.gz")
    images = set(list(dict.fromkeys(vote["image"] for vote in votes))[::ONE_CLASSIFIED_IN])
    return [vote for vote in votes if vote["image"] in images]


def write(votes: list[dict], file: Path) -> Path:
    with open(file, "w", newline="") as target:
        table = csv.DictWriter(target, votes[0])
        table.writeheader()
        table.writerows(votes)
    return file


@pytest.fixture(scope="module")
def annotated(django_db_setup, django_db_blocker, tmp_path_factory):
    """Annotation rows by image and what `aggregate` says of the main objects, from the replayed CLASSIFY votes."""
    with django_db_blocker.unblock(), transaction.atomic():
        votes = RELEASED / "classify_votes.csv.gz"
        if not SOAK:
            votes = write(some_classify_votes(), tmp_path_factory.mktemp("released") / "classify_votes.csv")
        call_command("replay", "classify", str(votes), dataset="released")
        dataset = Dataset.objects.get(name="released")
        out = io.StringIO()
        call_command("aggregate", dataset="released", stdout=out)
        rows = {row["image"]: row for row in map(annotation_row, annotations_of(dataset))}
        assert main_object_line(dataset) in out.getvalue()
        transaction.set_rollback(True)
    return rows, out.getvalue()


def published() -> dict[str, dict]:
    rows = rows_of("classify_expected.csv.gz")
    for row in rows:
        row["objects"] = [{int(label): pair for label, pair in part.items()} for part in json.loads(row["objects"])]
    images = {vote["image"] for vote in some_classify_votes()}
    return {row["image"]: row for row in rows if row["image"] in images}


def blocks(objects) -> list[frozenset]:
    return [frozenset(of["label"] for of in part["labels"]) for part in objects]


@needs_released
def test_main_labels_and_numbers_of_objects_are_the_published_ones(annotated):
    rows, _ = annotated
    theirs = {image: (int(row["main_label"]), int(row["n_objects"])) for image, row in published().items()}
    assert {image: (row["main_label"], row["n_objects"]) for image, row in rows.items()} == theirs
    if SOAK:
        assert len(rows) == 3313
        assert sum(row["n_objects"] > 1 for row in rows.values()) == 1032


@needs_released
def test_unique_partitions_are_the_published_ones_with_shares_and_frequencies(annotated):
    rows, _ = annotated
    unique = [(rows[image], row) for image, row in published().items() if rows[image]["n_optimal_partitions"] == 1]
    assert len(unique) == 3108 if SOAK else len(unique) > 550
    for ours, theirs in unique:
        assert sorted(map(sorted, blocks(ours["objects"]))) == sorted(map(sorted, theirs["objects"]))
        pairs = {of["label"]: [of["share"], of["frequency"]] for part in ours["objects"] for of in part["labels"]}
        expected = {label: pair for part in theirs["objects"] for label, pair in part.items()}
        assert pairs == {label: pytest.approx(pair, abs=1e-6) for label, pair in expected.items()}
        main_index = ours["dataset_label_object"]
        main_object = None if main_index is None else blocks(ours["objects"])[main_index]
        theirs_own = theirs["dataset_label_object"]
        assert main_object == (frozenset(theirs["objects"][int(theirs_own)]) if theirs_own else None)


@needs_released
def test_main_objects_are_the_published_ones_where_partition_and_main_votes_leave_no_choice(annotated):
    rows, _ = annotated
    compared = 0
    for image, theirs in published().items():
        ours = rows[image]
        votes = [part["main_votes"] for part in ours["objects"]]
        if ours["n_optimal_partitions"] == 1 and votes.count(max(votes)) == 1:
            main = blocks(ours["objects"])[ours["main_object"]]
            assert main == frozenset(theirs["objects"][int(theirs["main_object"])])
            compared += 1
    assert compared > 3000 / ONE_CLASSIFIED_IN


@needs_released
def test_partitions_are_as_good_as_the_published_ones_where_several_are(annotated):
    rows, _ = annotated
    weights: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for vote in rows_of("classify_votes.csv.gz"):
        weights[vote["image"]].update(combinations(sorted(map(int, vote["selected"].split())), 2))

    def inside(image, parts):
        return sum(weights[image][pair] for part in parts for pair in combinations(sorted(part), 2))

    tied = {image: row for image, row in published().items() if rows[image]["n_optimal_partitions"] > 1}
    assert len(tied) == 205 if SOAK else len(tied) > 20
    for image, theirs in tied.items():
        assert inside(image, blocks(rows[image]["objects"])) == inside(image, theirs["objects"])


@needs_released
@pytest.mark.skipif(not SOAK, reason="the published number is of all images")
def test_the_published_number_of_other_main_objects_lies_in_the_printed_range(annotated):
    line = annotated[1].splitlines()[-1]
    lowest, highest = (int(line.split(word)[1].split()[0]) for word in ("between", "and"))
    summary = json.loads((RELEASED / "classify_summary.json").read_text())
    assert lowest <= summary["main_is_not_dataset_object"] <= highest
    assert highest - lowest < 60


@needs_released
def test_the_frequencies_of_the_released_contains_votes_are_what_numpy_counts(db, tmp_path):
    votes = rows_of("real_votes.csv.gz")
    images = list(dict.fromkeys(vote["image"] for vote in votes))[::ONE_IMAGE_IN]
    chosen = set(images)
    votes = [vote for vote in votes if vote["image"] in chosen]
    call_command("replay", "contains", str(write(votes, tmp_path / "real_votes.csv")), dataset="real")
    dataset = Dataset.objects.get(name="real")
    if SOAK:
        assert len(votes) == 226515
        assert len(images) == 6182
    assert Image.objects.filter(dataset_label=None).count() == len(images)
    assert ContainsVote.objects.filter(counted=True).count() == len(votes)
    aggregate(dataset=dataset)
    pairs, pair_index = np.unique([f"{vote['image']} {vote['label']}" for vote in votes], return_inverse=True)
    n_shown = np.bincount(pair_index)
    n_selected = np.bincount(pair_index, weights=[vote["answer"] == "yes" for vote in votes])
    rows = frequencies_of(dataset).values_list("image__name", "label__index", "n_selected", "n_shown")
    ours = {f"{image} {label}": counts for image, label, *counts in rows}
    assert ours == {pair: [s, n] for pair, s, n in zip(pairs, n_selected.tolist(), n_shown.tolist(), strict=True)}
    assert not Form.objects.exists()
