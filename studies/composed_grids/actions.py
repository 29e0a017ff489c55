"""CONTAINS grids with controls and padding, opened for potential labels or a file of pairs."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
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
from workforce.openings.actions import note_opening

OWN = "own"

PROFILE_NAMES = (*PROFILES, OWN)

Chosen = dict[int, list[int]]
# The figure before and after, by name.
Changes = dict[str, tuple[int | str, int | str]]


@dataclass(frozen=True)
class OpenedComposed(Opened):
    """A result of opening grids with controls, with the cells that these grids lack."""

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

    The profile's figures become those of the study (a new settings version if they differ); "own" keeps the study's.
    Pairs opened before are left out unless `again`. Raises UserError, and then nothing is changed.
    """
    pay.check()
    # Two commands at once must not open the same pairs.
    wait_for_lock(LockName.ASKING, dataset)
    chosen = None if similar is None else similar_of(similar, dataset.label_set)
    requested = _requested_pairs(dataset, pairs)
    batches: Mapping[Pair, int] = {} if again else pairs_asked(dataset)
    new = _without(requested, batches)
    n_unlabelled = _n_unlabelled(dataset, requested)
    if not len(new):
        last = max(batches[image, label] for image, label in requested.tolist())
        return OpenedComposed(Batch.objects.get(pk=last), 0, 0, len(requested), n_unlabelled)
    changes = _set_figures(dataset, profile, chosen)
    batch = open_batch(dataset=dataset, kind="contains", **vars(pay), **(adaptive or {}))
    opened = _opened(batch, new, chosen, seed)
    _record_opening(batch, changes)
    n_before = len(requested) - len(new)
    return OpenedComposed(batch, len(new), opened.n_grids, n_before, n_unlabelled, tuple(opened.shortfalls))


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
    """Open grids for a command or a page: with the controls of a profile, or the pairs of a file without controls."""
    if profile:
        return open_composed(
            dataset=dataset, profile=profile, pay=pay, pairs=pairs, similar=similar, again=again, adaptive=adaptive
        )
    if similar:
        raise UserError(
            gettext("A file of similar labels is useful only with negative controls."),
            shell=gettext("Add --profile, or leave --similar out."),
            page=gettext("Choose control images, or remove the file."),
        )
    if not pairs:
        raise UserError(
            gettext("Choose which grids to open."),
            shell=gettext(
                "For the potential labels, with controls: --profile %(profiles)s. For pairs of a file, without "
                "controls: --pairs FILE."
            )
            % {"profiles": "|".join(PROFILE_NAMES)},
            page=gettext("Choose control images for the potential labels, or a file of pairs without controls."),
        )
    return open_contains(dataset=dataset, pairs=pairs, pay=pay, again=again, adaptive=adaptive)


def opening_remarks(opened: Opened) -> list[Remark]:
    """Return remarks for people on the grids that were opened, and on the cells that they lack."""
    if not opened.n_pairs:
        return [_nothing_opened(opened)]
    remarks = [_opened_before(opened.n_before)] if opened.n_before else []
    if opened.n_unlabelled:
        remarks.append(Remark(without_dataset_label(opened.n_unlabelled)))
    message = ngettext(
        "%(n_pairs)s pairs were opened in %(n)s grid.",
        "%(n_pairs)s pairs were opened in %(n)s grids.",
        opened.n_grids,
    )
    if opened.n_pairs == 1:
        message = gettext("1 pair was opened in %(n)s grid.")
    remarks.append(Remark(message % {"n_pairs": f"{opened.n_pairs:,}", "n": f"{opened.n_grids:,}"}))
    if isinstance(opened, OpenedComposed):
        remarks += shortfall_remarks(opened.shortfalls)
    return remarks


def _how_to_open_again() -> dict[str, str]:
    return {
        "shell": gettext("To open these pairs again, use --again."),
        "page": gettext("To open these pairs again, select “Open pairs again”."),
    }


def _list_of_cells() -> dict[str, str]:
    return {
        "shell": gettext("./manage export grids lists every cell."),
        "page": gettext("The file of grids (under Files) lists every cell."),
    }


def _opened_before(n_before: int) -> Remark:
    message = ngettext("%(n)s pair was opened before.", "%(n)s pairs were opened before.", n_before)
    return Remark(message % {"n": f"{n_before:,}"}, **_how_to_open_again())


def _nothing_opened(opened: Opened) -> Remark:
    message = ngettext(
        "No new grids: the %(n)s pair was opened before, in batch %(batch)s.",
        "No new grids: all %(n)s pairs were opened before, the last of them in batch %(batch)s.",
        opened.n_before,
    )
    if opened.batch.closed_at:
        message = ngettext(
            "No new grids: the %(n)s pair was opened before, in batch %(batch)s, which is closed.",
            "No new grids: all %(n)s pairs were opened before, the last of them in batch %(batch)s, which is closed.",
            opened.n_before,
        )
    return Remark(message % {"n": f"{opened.n_before:,}", "batch": opened.batch.pk}, **_how_to_open_again())


def _without(pairs: Pairs, batches: Mapping[Pair, int]) -> Pairs:
    """Return the pairs that no batch has."""
    return pairs[[pair not in batches for pair in zip(*pairs.T.tolist(), strict=True)]] if batches else pairs


def _n_unlabelled(dataset: Dataset, pairs: Pairs) -> int:
    """Return how many images of the pairs have no dataset label."""
    unlabelled = np.array(dataset.images.filter(dataset_label=None).values_list("pk", flat=True), np.int64)
    return np.intersect1d(unlabelled, pairs[:, 0]).size


def _opened(batch: Batch, pairs: Pairs, chosen: Chosen | None, seed: int | None) -> OpenedGrids:
    return open_grids_with_controls(batch, pairs, chosen=chosen, seed=seed)


def _requested_pairs(dataset: Dataset, pairs: InputFile | None) -> Pairs:
    """Return the pairs of the file, or those of the potential labels. Raises UserError if there are none."""
    if pairs is not None:
        return np.array([(image.pk, label.pk) for image, label in pairs_of(pairs, dataset)], np.int64).reshape(-1, 2)
    potential = potential_pairs(dataset)
    if not len(potential):
        raise UserError(
            gettext("Dataset “%(dataset)s” has no potential labels yet.") % {"dataset": dataset},
            shell=gettext(
                "Compute them first (./manage potential_labels --dataset %(dataset)s), or name the pairs: --pairs FILE."
            )
            % {"dataset": dataset},
            page=gettext("Compute them first under Potential labels, or choose a file of pairs."),
        )
    return potential


def _set_figures(dataset: Dataset, profile: str, chosen: Chosen | None) -> Changes:
    """Give the study the figures of the profile. Return (before, after) by figure; nothing if all are the same."""
    figures: dict[str, int | str] = {}
    if profile != OWN:
        controls = PROFILES[profile]
        figures = {"positive_controls": controls.n_positive, "negative_controls": controls.n_negative}
    if chosen is not None:
        figures["negatives_from"] = NegativesFrom.LIST
    current = current_settings(dataset)
    changes: Changes = {name: (getattr(current, name), value) for name, value in figures.items()}
    if all(before == after for before, after in changes.values()):
        return {}
    change_settings(dataset=dataset, **figures, note=f"Profile {profile}.")
    return changes


def _record_opening(batch: Batch, changes: Changes) -> None:
    """Record the change of figures and the new batch: last, after the hundreds of thousands of cells."""
    if changes:
        before, after = ({name: pair[n] for name, pair in changes.items()} for n in (0, 1))
        subject = f"dataset {batch.dataset}"
        record(area=Area.CONFIG, action="settings.change", subject=subject, before=before, after=after)
    note_opening(batch=batch)


def similar_of(file: InputFile, label_set: LabelSet) -> Chosen:
    """Return {label id: ids of similar labels} of a CSV file with a line label,similar for each, most similar first.

    Raises UserError, naming the lines, if a label is unknown, similar to itself, or appears twice.
    """
    find = label_lookup(label_set)
    chosen: Chosen = defaultdict(list)
    refusals: list[Refusal] = []
    for row in read_table(file, ("label", "similar")):
        if isinstance(row, Refusal):
            refusals.append(row)
            continue
        try:
            label, other = find(row.cells["label"]), find(row.cells["similar"])
        except UnknownLabel as error:
            refusals.append(Refusal(row.where, str(error)))
            continue
        if other == label or other.pk in chosen[label.pk]:
            reason = gettext("%(label)s is the label itself or is listed already: remove the line")
            refusals.append(Refusal(row.where, reason % {"label": other.name}))
        chosen[label.pk].append(other.pk)
    if refusals:
        raise all_refused(gettext("%(file)s: no grids were opened.") % {"file": file}, refusals)
    if not chosen:
        raise BadTable(gettext("%(file)s contains no labels: write a line label,similar for each.") % {"file": file})
    return dict(chosen)


def shortfall_remarks(shortfalls: tuple[tuple[Label, Shortfall], ...]) -> list[Remark]:
    """Return remarks for people on labels whose grids lack cells; the first labels are listed."""
    if not shortfalls:
        return []
    lacking: dict[Label, Counter[str]] = defaultdict(Counter)
    for label, shortfall in shortfalls:
        lacking[label][str(shortfall)] += 1
    lines = [f"{label.index} {label.name}: {_shortfalls_text(counts)}" for label, counts in lacking.items()]
    head = ngettext(
        "%(n)s label has too few images to fill its grids:",
        "%(n)s labels have too few images to fill their grids:",
        len(lines),
    )
    n_more = len(lines) - MOST_REFUSALS_SHOWN
    more = [Remark(gettext("and %(n)s more.") % {"n": f"{n_more:,}"}, **_list_of_cells())] if n_more > 0 else []
    return [Remark(head % {"n": f"{len(lines):,}"}), *map(Remark, lines[:MOST_REFUSALS_SHOWN]), *more]


def _shortfalls_text(counts: Counter[str]) -> str:
    texts = []
    for shortfall, n in counts.items():
        text = ngettext("%(shortfall)s in %(n)s grid", "%(shortfall)s in %(n)s grids", n)
        texts.append(text % {"shortfall": shortfall, "n": f"{n:,}"})
    return "; ".join(texts)
