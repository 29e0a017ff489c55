"""Label sets from elsewhere, in the keys of the release of Shankar et al. 2020 or as rows, as a review by one reviewer.

The first labels (`initial_annots`) become the reviewer's verdicts, and the final ones (`image_labels`), where they
differ, what a consensus settled. So the same label sets come out again, beside the study's own and named by their
source.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.models import Dataset, Label
from catalog.reads import label_lookup, now
from review_task.files.reads import (
    BETWEEN_REASONS,
    ConsensusRow,
    ItemRow,
    PageRow,
    ProblemRow,
    ReviewerRow,
    ReviewLog,
    ReviewRow,
    VerdictRow,
)

STATES = ("correct", "wrong", "unclear")
KEYS = ("image_labels", "initial_annots", "image_map", "wnid_map")
# Of the own export, and not read.
OTHER_COLUMNS = ("review", "title", "stage", "n_models", "n_correct", "n_wrong", "n_unclear", "n_dont_know", "settled")
IMPORTED = "imported"
# The release says that an image is problematic, and not why.
NOT_SAID = "not stated"
# JSON can write it, and nothing else can hold it.
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
YES, NO = ("True", "true", "1", "yes"), ("False", "false", "0", "no", "")


class BadLabelSets(UserError):
    """Label sets with a fault; the message names its place and the reason."""


class Said(NamedTuple):
    """A label of an image, with its first and its final state; "" where it has none."""

    image: str
    label: int
    initial: str
    final: str


def log_of_document(document: Any, dataset: Dataset, title: str) -> ReviewLog:
    """Return the review that a JSON document with the release's keys says. Raises BadLabelSets."""
    if not isinstance(document, dict) or not isinstance(document.get("image_labels"), dict):
        message = gettext("the document has no object “image_labels”, which names the labels of each image by state.")
        raise BadLabelSets(message)
    unknown = sorted(set(document) - {*KEYS, "review"})
    if unknown:
        message = gettext("unknown key “%(key)s”. The keys are: %(keys)s.")
        raise BadLabelSets(message % {"key": unknown[0][:50], "keys": ", ".join(KEYS)})
    index_of = _indexes(dataset)
    final = dict(_states(document["image_labels"], "image_labels", index_of))
    initial = dict(_states(document.get("initial_annots", {}), "initial_annots", index_of))
    problems, dataset_labels = _image_facts(document, index_of)
    unreviewed = _unreviewed(document, index_of)
    keys = dict.fromkeys((*final, *initial))
    first = initial if "initial_annots" in document else final
    said = [Said(*key, first.get(key, ""), final.get(key, "")) for key in keys]
    said += _problems_without_labels(problems.keys() - {row.image for row in said}, dataset_labels | unreviewed)
    return _log(dataset, title, said, problems, dataset_labels)


def _unreviewed(document: dict[str, Any], index_of: Callable[[Any, str], int]) -> dict[str, int]:
    """Return a label, not reviewed, of images that have no other."""
    facts = document.get("image_map", {})
    return {
        image: index_of(row["unreviewed"], f"image_map, {str(image)[:80]}")
        for image, row in facts.items()
        if "unreviewed" in row
    }


def _problems_without_labels(images: Iterable[str], dataset_labels: Mapping[str, int]) -> Iterator[Said]:
    """Yield the dataset label, not reviewed, of problematic images that have no other: there is no image without."""
    for image in sorted(images):
        if image not in dataset_labels:
            message = gettext("image_map, %(image)s: a problematic image needs a label, or its class in “wnid_map”.")
            raise BadLabelSets(message % {"image": image[:80]})
        yield Said(image, dataset_labels[image], "", "")


def log_of_rows(rows: Iterable[tuple[str, Mapping[str, Any]]], dataset: Dataset, title: str) -> ReviewLog:
    """Return the review that rows of label sets, each with its place in the file, say. Raises BadLabelSets."""
    index_of = _indexes(dataset)
    said: dict[tuple[str, int], Said] = {}
    problems: dict[str, list[str]] = {}
    dataset_labels: dict[str, int] = {}
    for place, row in rows:
        image = _name(row.get("image"), place)
        key = image, index_of(row.get("label"), place)
        if key in said:
            message = gettext("%(place)s: image and label stand twice.")
            raise BadLabelSets(message % {"place": place})
        final = _state(row.get("state", ""), place)
        said[key] = Said(*key, _state(row.get("initial_state", final), place), final)
        if _yes_or_no(row.get("problematic", ""), place):
            problems[image] = _reasons(row.get("reasons", ""), place)
        if row.get("dataset_label") not in (None, ""):
            _note_dataset_label(dataset_labels, image, index_of(row["dataset_label"], place), place)
    return _log(dataset, title, list(said.values()), problems, dataset_labels)


def _note_dataset_label(dataset_labels: dict[str, int], image: str, label: int, place: str) -> None:
    first = dataset_labels.setdefault(image, label)
    if first != label:
        message = gettext("%(place)s: %(image)s has two dataset labels: %(first)s and %(second)s.")
        values = {"place": place, "image": image, "first": first, "second": label}
        raise BadLabelSets(message % values)


def _reasons(cell: Any, place: str) -> list[str]:
    """Return the reasons of a cell: a list, as csv has it too, or words between semicolons."""
    if isinstance(cell, str) and cell.startswith("["):
        try:
            with suppress(ValueError):
                cell = json.loads(cell)
        except RecursionError as error:
            raise BadLabelSets(gettext("%(place)s: the reasons cannot be read.") % {"place": place}) from error
    words = cell if isinstance(cell, list) else str(cell).split(BETWEEN_REASONS)
    reasons = [str(word) for word in words if word] or [NOT_SAID]
    if "\0" in "".join(reasons) or HALF_A_CHARACTER.search("".join(reasons)):
        message = gettext("%(place)s: a reason has a character that cannot be stored.")
        raise BadLabelSets(message % {"place": place})
    return reasons


def _state(value: Any, place: str) -> str:
    if value in ("", None, "unreviewed", "dontknow"):
        return ""
    # Of the own export: reviewers who have not settled it yet.
    value = "unclear" if value == "disputed" else value
    if value not in STATES:
        message = gettext("%(place)s: the state “%(state)s” is none of: %(states)s.")
        raise BadLabelSets(message % {"place": place, "state": str(value)[:50], "states": ", ".join(STATES)})
    return str(value)


def _yes_or_no(value: Any, place: str) -> bool:
    if value in (True, *YES):
        return True
    if value in (False, None, *NO):
        return False
    message = gettext("%(place)s: problematic is “%(value)s”. It must be true or false.")
    raise BadLabelSets(message % {"place": place, "value": str(value)[:50]})


def _name(value: Any, place: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 500 or not value.isprintable():
        message = gettext("%(place)s: an image’s name must have 1 to 500 printable characters.")
        raise BadLabelSets(message % {"place": place})
    return value


def _indexes(dataset: Dataset) -> Callable[[Any, str], int]:
    """Return the function from a class as written (wnid or index), and its place, to the index of the class."""
    lookup = label_lookup(dataset.label_set)
    kept: dict[str, Label] = {}

    def index_of(value: Any, place: str) -> int:
        text = "" if isinstance(value, bool) or value is None else str(value)
        try:
            if text not in kept:
                kept[text] = lookup(text)
        except UserError as error:
            message = gettext("%(place)s: %(reason)s")
            raise BadLabelSets(message % {"place": place, "reason": error}, shell=error.shell) from error
        return kept[text].index

    return index_of


def _states(images: Any, key: str, index_of: Callable[[Any, str], int]) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield image and label with the state, of an object that names wnids by image and state."""
    met: dict[tuple[str, int], str] = {}
    for image, by_state in _object(images, key).items():
        place = f"{key}, {str(image)[:80]}"
        _name(image, place)
        for state, wnids in _object(by_state, place).items():
            if state not in STATES or not isinstance(wnids, list):
                message = gettext("%(place)s: “%(state)s” must be one of %(states)s, with a list of classes.")
                values = {"place": place, "state": str(state)[:50], "states": ", ".join(STATES)}
                raise BadLabelSets(message % values)
            for wnid in wnids:
                label = index_of(wnid, place)
                if met.setdefault((image, label), state) != state:
                    message = gettext("%(place)s: %(label)s is in two states.")
                    raise BadLabelSets(message % {"place": place, "label": wnid})
    yield from met.items()


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadLabelSets(gettext("%(place)s: this must be an object.") % {"place": place})
    return value


def _image_facts(
    document: dict[str, Any], index_of: Callable[[Any, str], int]
) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Return the reasons of the problematic images, and the dataset labels, as far as the document says."""
    problems, labels = {}, {}
    for image, facts in _object(document.get("image_map", {}), "image_map").items():
        place = f"image_map, {str(image)[:80]}"
        _name(image, place)
        if _yes_or_no(_object(facts, place).get("problematic", False), place):
            problems[image] = _reasons(facts.get("reasons", []), place)
    for image, wnid in _object(document.get("wnid_map", {}), "wnid_map").items():
        labels[image] = index_of(wnid, f"wnid_map, {str(image)[:80]}")
    return problems, labels


def _log(
    dataset: Dataset, title: str, said: list[Said], problems: dict[str, list[str]], dataset_labels: dict[str, int]
) -> ReviewLog:
    stored = dict(
        dataset.images.filter(dataset_label__isnull=False).values_list("name", "dataset_label__index").iterator()
    )
    target: dict[str, int | None] = {row.image: dataset_labels.get(row.image, stored.get(row.image)) for row in said}
    unlabelled = sorted({label for label in target.values() if label is not None})
    numbers: dict[int | None, int] = {label: number for number, label in enumerate(unlabelled)}
    numbers.setdefault(None, len(unlabelled))
    log = ReviewLog(ReviewRow(title, "first", 1, 0, None, None, []))
    log.pages += [PageRow(number, label) for label, number in numbers.items() if label in target.values()]
    moment = now().isoformat()
    for row in sorted(said, key=lambda row: (numbers[target[row.image]], row.image, row.label)):
        page = numbers[target[row.image]]
        log.items.append(ItemRow(page, row.image, target[row.image], row.label, 0, "people"))
        if row.initial:
            opinion = (row.image, row.label, IMPORTED, row.initial, "", "", moment)
            log.verdicts.append(VerdictRow(page, *opinion))
        if row.final != row.initial:
            opinion = (row.image, row.label, IMPORTED, row.final or "unreviewed", "", "", moment)
            log.consensus.append(ConsensusRow(page, *opinion))
    log.reviewers += [ReviewerRow(page.page, IMPORTED, "confirmed", moment) for page in log.pages]
    for image in sorted(problems.keys() & target.keys()):
        # All of these are one reviewer's.
        reason = BETWEEN_REASONS.join(problems[image])[:100]
        log.problems.append(ProblemRow(numbers[target[image]], image, IMPORTED, reason, True, moment))
    return log
