"""Opening CONTAINS grids with controls and padding, from potential labels or a file of pairs."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction

from candidates.grids.actions import OpenedGrids, Pair, Pairs, open_grids_with_controls, potential_pairs
from catalog.actions import change_settings
from catalog.errors import Remark, UserError
from catalog.models import Dataset, Label, LabelSet, NegativesFrom
from catalog.reads import LockName, UnknownLabel, current_settings, label_lookup, wait_for_lock
from contains_task.reads import pairs_asked
from csv_files.tables import MOST_REFUSALS_SHOWN, BadTable, InputFile, Refusal, all_refused, read_table
from data_import.images.actions import without_dataset_label
from numerics.composition import PROFILES, Shortfall
from studies.opening.actions import Opened, Pay, open_contains, pairs_of
from workforce.actions import open_batch
from workforce.models import Batch

OWN = "own"
OPENS_AGAIN = {"shell": "--again opens them once more.", "page": "“Open pairs again” opens them once more."}
PROFILE_NAMES = (*PROFILES, OWN)
TELLS_EVERY_CELL = {
    "shell": "./manage export grids tells every cell.",
    "page": "The file of grids (the page Files) tells every cell.",
}
Chosen = dict[int, list[int]]


@dataclass(frozen=True)
class OpenedComposed(Opened):
    """What was opened, and what its grids lack."""

    shortfalls: tuple[tuple[Label, Shortfall], ...] = ()


@transaction.atomic
def open_composed(
    *,
    dataset: Dataset,
    profile: str,
    pay: Pay,
    pairs: InputFile | None = None,
    similar: InputFile | None = None,
    again: bool = False,
    seed: int | None = None,
    adaptive: Mapping[str, Any] | None = None,
) -> OpenedComposed:
    """Open grids with the controls of a profile: for the potential labels, or for the pairs of a CSV file.

    The profile's figures become those of the study (a new settings version if they differ); "own" leaves them as
    they are. Pairs opened before are left out unless `again`. Raises UserError, and then nothing is changed.
    """
    pay.check()
    # Two commands at once must not open the same pairs.
    wait_for_lock(LockName.ASKING, dataset)
    chosen = None if similar is None else similar_of(similar, dataset.label_set)
    wanted = _wanted(dataset, pairs)
    known: Mapping[Pair, int] = {} if again else pairs_asked(dataset)
    new = _without(wanted, known)
    n_unlabelled = _n_unlabelled(dataset, wanted)
    if not len(new):
        last = max(known[image, label] for image, label in wanted.tolist())
        return OpenedComposed(Batch.objects.get(pk=last), 0, 0, len(wanted), n_unlabelled)
    _set_figures(dataset, profile, chosen)
    batch = open_batch(dataset=dataset, kind="contains", **vars(pay), **(adaptive or {}))
    opened = _opened(batch, new, chosen, seed)
    n_known = len(wanted) - len(new)
    return OpenedComposed(batch, len(new), opened.n_grids, n_known, n_unlabelled, tuple(opened.shortfalls))


def open_as_asked(
    *,
    dataset: Dataset,
    profile: str | None,
    pairs: InputFile | None,
    similar: InputFile | None,
    pay: Pay,
    again: bool,
    adaptive: Mapping[str, Any] | None,
) -> Opened:
    """Open grids as a command or a page asks: with the controls of a profile, or the pairs of a file as they are."""
    if profile:
        return open_composed(
            dataset=dataset, profile=profile, pay=pay, pairs=pairs, similar=similar, again=again, adaptive=adaptive
        )
    if similar:
        raise UserError(
            "A file of similar labels tells where negative controls come from, and none are asked for.",
            shell="Say how many with --profile.",
            page="Choose control images, or leave the file out.",
        )
    if not pairs:
        raise UserError(
            "Say which grids to open.",
            shell=f"--profile {'|'.join(PROFILE_NAMES)} opens them for the potential labels, with controls; "
            "--pairs FILE for these pairs as they are.",
            page="Choose control images for the potential labels, or a file for its pairs as they are.",
        )
    return open_contains(dataset=dataset, pairs=pairs, pay=pay, again=again, adaptive=adaptive)


def told_opening(opened: Opened) -> list[Remark]:
    """Return what was opened and what it lacks, for people."""
    if not opened.n_pairs:
        return [_nothing_opened(opened)]
    lines = [Remark(f"{opened.n_known:,} pairs were opened before.", **OPENS_AGAIN)] if opened.n_known else []
    if opened.n_unlabelled:
        lines.append(Remark(without_dataset_label(opened.n_unlabelled)))
    lines.append(Remark(f"{opened.n_pairs:,} pairs opened, in {opened.n_grids:,} grids."))
    if isinstance(opened, OpenedComposed):
        lines += told_shortfalls(opened.shortfalls)
    return lines


def _nothing_opened(opened: Opened) -> Remark:
    closed = ", which is closed" if opened.batch.closed_at else ""
    return Remark(
        f"Nothing was opened: {opened.n_known:,} pairs were opened before, the last of them in batch "
        f"{opened.batch.pk}{closed}.",
        **OPENS_AGAIN,
    )


def _without(pairs: Pairs, known: Mapping[Pair, int]) -> Pairs:
    return pairs[[pair not in known for pair in zip(*pairs.T.tolist(), strict=True)]] if known else pairs


def _n_unlabelled(dataset: Dataset, pairs: Pairs) -> int:
    unlabelled = np.array(dataset.images.filter(dataset_label=None).values_list("pk", flat=True), np.int64)
    return np.intersect1d(unlabelled, pairs[:, 0]).size


def _opened(batch: Batch, pairs: Pairs, chosen: Chosen | None, seed: int | None) -> OpenedGrids:
    return open_grids_with_controls(batch, pairs, chosen=chosen, seed=seed)


def _wanted(dataset: Dataset, pairs: InputFile | None) -> Pairs:
    if pairs is not None:
        return np.array([(image.pk, label.pk) for image, label in pairs_of(pairs, dataset)], np.int64).reshape(-1, 2)
    found = potential_pairs(dataset)
    if not len(found):
        raise UserError(
            f"{dataset} has no potential labels yet.",
            shell=f"Compute them first (./manage potential_labels --dataset {dataset}), or name the pairs: "
            "--pairs FILE.",
            page="Work them out first (the page Potential labels), or choose a file of pairs.",
        )
    return found


def _set_figures(dataset: Dataset, profile: str, chosen: Chosen | None) -> None:
    figures: dict[str, int | str] = {}
    if profile != OWN:
        made_of = PROFILES[profile]
        figures = {"positive_controls": made_of.n_positive, "negative_controls": made_of.n_negative}
    if chosen is not None:
        figures["negatives_from"] = NegativesFrom.LIST
    current = current_settings(dataset)
    if any(getattr(current, name) != value for name, value in figures.items()):
        change_settings(dataset=dataset, **figures, note=f"Profile {profile}.")


def similar_of(file: InputFile, label_set: LabelSet) -> Chosen:
    """Label id to ids of similar labels, of a CSV file with a line label,similar for each, the most similar first.

    Raises UserError, naming the lines, if a label is unknown, its own, or stands twice.
    """
    find = label_lookup(label_set)
    chosen: Chosen = defaultdict(list)
    refused: list[Refusal] = []
    for row in read_table(file, ("label", "similar")):
        if isinstance(row, Refusal):
            refused.append(row)
            continue
        try:
            label, other = find(row.cells["label"]), find(row.cells["similar"])
        except UnknownLabel as error:
            refused.append(Refusal(row.where, str(error)))
            continue
        if other == label or other.pk in chosen[label.pk]:
            refused.append(Refusal(row.where, f"{other.name} is the label itself or stands there already: remove it"))
        chosen[label.pk].append(other.pk)
    if refused:
        raise all_refused(f"{file}: nothing was opened.", refused)
    if not chosen:
        raise BadTable(f"{file} holds no labels: write a line label,similar for each.")
    return dict(chosen)


def told_shortfalls(shortfalls: tuple[tuple[Label, Shortfall], ...]) -> list[Remark]:
    """Return of how many labels grids lack something, and what grids of the first of them lack, for people."""
    if not shortfalls:
        return []
    lacking: dict[Label, Counter[str]] = defaultdict(Counter)
    for label, shortfall in shortfalls:
        lacking[label][str(shortfall)] += 1
    lines = [f"{label.index} {label.name}: {_counted(found)}" for label, found in lacking.items()]
    head = f"For want of images, grids of {len(lines):,} labels have fewer cells than the profile says:"
    rest = len(lines) - MOST_REFUSALS_SHOWN
    more = [Remark(f"and {rest:,} more.", **TELLS_EVERY_CELL)] if rest > 0 else []
    return [*map(Remark, [head, *lines[:MOST_REFUSALS_SHOWN]]), *more]


def _counted(found: Counter[str]) -> str:
    return "; ".join(f"{words} in {n:,} grid{'s'[: n > 1]}" for words, n in found.items())
