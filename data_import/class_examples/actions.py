"""Example images of classes, drawn from a training set (`./manage draw_examples`).

A file's place in the draw follows from the seed, its class and its path alone: the same seed gives the same images,
whatever the order of a listing, and a stopped draw goes on where it was. Files that cannot be read are named and give
way to the next; images of the study itself are left out.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from django.utils.translation import gettext, ngettext

from audit.actions import Area, record
from catalog.class_examples.actions import NewExample, add_examples, begin_draw, finish_draw
from catalog.class_examples.reads import n_drawn
from catalog.decoding.reads import Content, Verdict, read_files
from catalog.examples.actions import fill_digests
from catalog.examples.reads import images_among
from catalog.models import Dataset, ExampleDraw, Label
from catalog.photographs.reads import BadPhotograph, digest_of, display_and_thumbnail
from catalog.reads import UnknownLabel, current_settings, label_lookup
from csv_files.tables import Refusal, read_table
from data_import.sources.folder import file_in, names_under
from data_import.sources.manifest import not_inside
from data_import.sources.requests import ImageRequest, NothingToImport, first_folder, printable

COLUMNS = ("path", "label")
LONGEST_NAME = 500


class Listed(NamedTuple):
    """The files of a training set below `root`, by label, and what was refused of the listing."""

    root: Path
    files: dict[Label, list[str]]
    refusals: list[Refusal]


@dataclass
class Drawn:
    """The outcome of a draw: examples that are new and of before, classes with fewer than wanted, and refusals."""

    n_new: int = 0
    n_existing: int = 0
    n_of_study: int = 0
    short: list[Label] = field(default_factory=list)
    without: list[Label] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


@dataclass
class Share:
    """The draw of one class: its files in the order of the draw, those before `next` read; what is stored of it, and
    what is still to be."""

    label: Label
    order: list[str]
    digests: set[str]
    chosen: list[NewExample] = field(default_factory=list)
    next: int = 0

    def take(self, per_class: int) -> list[str]:
        """Return the names of the next files to read, as many as are missing."""
        names = self.order[self.next : self.next + per_class - len(self.digests)]
        self.next += len(names)
        return names


def draw_examples(
    *,
    dataset: Dataset,
    source: Path,
    per_class: int = 100,
    seed: int = 0,
    replace: bool = False,
    progress: Callable[[int, int], object] = lambda n, n_all: None,
) -> Drawn:
    """Draw up to `per_class` images of each class from a folder or a CSV (path, label) and store them for the study.

    `progress` gets the classes that are done and their number. Raises UserError for a source without images of a
    class, and for examples of another draw unless `replace` takes them away.
    """
    listed = _listed(source, dataset)
    draw = begin_draw(dataset=dataset, seed=seed, per_class=per_class, replace=replace)
    before = n_drawn(draw)
    drawn = Drawn(n_existing=before.total(), refusals=listed.refusals)
    drawn.without = [label for label in dataset.label_set.labels.order_by("index") if label not in listed.files]
    datasets = _datasets_of(dataset)
    fill_digests(datasets=datasets)
    labels = sorted(listed.files, key=lambda label: label.index)
    shares = [_share(draw, label, listed.files[label]) for label in labels if before[label.pk] < per_class]
    progress(len(labels) - len(shares), len(labels))
    while shares:
        shares = _round(draw, shares, listed.root, datasets, drawn)
        progress(len(labels) - len(shares), len(labels))
    drawn.short.sort(key=lambda label: label.index)
    finish_draw(draw=draw)
    after = {"seed": seed, "per_class": per_class, "new": drawn.n_new}
    record(area=Area.CONFIG, action="class_examples.draw", subject=f"dataset {dataset}", after=after)
    return drawn


def drawing_order(names: Iterable[str], label: Label, seed: int) -> list[str]:
    """Return the names in the order of the draw: by a digest of each with the seed, so that no file moves another."""

    def digest(name: str) -> bytes:
        # Names of files may have bytes that are no characters.
        return hashlib.sha256(f"{seed}/{label.index}/{name}".encode(errors="surrogateescape")).digest()

    return sorted(names, key=digest)


def _datasets_of(dataset: Dataset) -> list[Dataset]:
    pool = current_settings(dataset).control_pool
    return [dataset] if pool is None else [dataset, pool]


# The files of a source


def _listed(source: Path, dataset: Dataset) -> Listed:
    find = label_lookup(dataset.label_set)
    if not source.exists():
        raise NothingToImport(gettext("There is no %(source)s. Name a folder or a CSV file.") % {"source": source})
    listed = _of_folder(source, find) if source.is_dir() else _of_manifest(source, find)
    if not listed.files:
        message = gettext(
            "%(source)s has no images of a class: name its folders by wnid, index or word of a class of "
            "%(label_set)s, or list its files in a CSV with the columns path and label."
        )
        raise NothingToImport(message % {"source": source, "label_set": dataset.label_set})
    return listed


def _of_folder(folder: Path, find: Callable[[str], Label]) -> Listed:
    files: dict[Label, list[str]] = defaultdict(list)
    labels: dict[str, Label | None] = {}
    refusals: list[Refusal] = []
    root = folder.resolve()
    for name in names_under(root):
        top = first_folder(name)
        if top not in labels:
            labels[top] = _label_of_folder(top, find, refusals)
        label = labels[top]
        if label is not None:
            files[label].append(name)
    return Listed(root, dict(files), refusals)


def _label_of_folder(name: str, find: Callable[[str], Label], refusals: list[Refusal]) -> Label | None:
    if not name:
        refusals.append(Refusal(gettext("files of no folder"), gettext("put them into folders named by class")))
        return None
    try:
        return find(name)
    except UnknownLabel as error:
        refusals.append(Refusal(printable(name), str(error)))
        return None


def _of_manifest(manifest: Path, find: Callable[[str], Label]) -> Listed:
    files: dict[Label, list[str]] = defaultdict(list)
    refusals: list[Refusal] = []
    for row in read_table(manifest, COLUMNS, ()):
        if isinstance(row, Refusal):
            refusals.append(row)
            continue
        path = row.cells["path"]
        try:
            label = find(row.cells["label"])
        except UnknownLabel as error:
            refusals.append(Refusal(row.where, str(error)))
            continue
        if reason := not_inside(path, "path"):
            refusals.append(Refusal(f"{row.where} ({printable(path)})", reason))
        else:
            files[label].append(path)
    return Listed(
        manifest.resolve().parent, {label: [*dict.fromkeys(names)] for label, names in files.items()}, refusals
    )


# The draw


def _share(draw: ExampleDraw, label: Label, names: list[str]) -> Share:
    """Return the draw of a class: what a draw that stopped has stored of it is not read again."""
    stored = dict(draw.examples.filter(label=label).values_list("name", "digest"))
    order = [name for name in drawing_order(names, label, draw.seed) if _shown_name(name) not in stored]
    return Share(label, order, set(stored.values()))


def _round(draw: ExampleDraw, shares: list[Share], root: Path, datasets: list[Dataset], drawn: Drawn) -> list[Share]:
    """Read as many files of each class as it lacks, and store the good ones. Returns the classes that need another
    round, as files of theirs were bad."""
    batches = [(share, share.take(draw.per_class)) for share in shares]
    verdicts = read_files(_contents(root, batches))
    again: list[Share] = []
    for share, names in batches:
        for name in names:
            _judge(share, name, next(verdicts), datasets, drawn)
        drawn.n_new += add_examples(draw=draw, label=share.label, examples=share.chosen)
        share.chosen.clear()
        if len(share.digests) < draw.per_class:
            if share.next < len(share.order):
                again.append(share)
            else:
                drawn.short.append(share.label)
    return again


def _contents(root: Path, batches: Iterable[tuple[Share, list[str]]]) -> Iterator[Content]:
    find = partial(file_in, root)
    for share, names in batches:
        for name in names:
            request = find(printable(name), name, name, share.label)
            yield request.place if isinstance(request, ImageRequest) else BadPhotograph(request.reason)


def _judge(share: Share, name: str, verdict: Verdict, datasets: list[Dataset], drawn: Drawn) -> None:
    """Add a file to its share, unless it cannot be read, is there twice, or is an image of the study."""
    if isinstance(verdict, BadPhotograph):
        drawn.refusals.append(Refusal(printable(name), str(verdict), verdict.shell, verdict.page))
        return
    digest = digest_of(verdict.original)
    if images_among([digest], datasets):
        drawn.n_of_study += 1
    elif digest not in share.digests:
        share.digests.add(digest)
        share.chosen.append(NewExample(_shown_name(name), digest, *display_and_thumbnail(verdict.original)))


def _shown_name(name: str) -> str:
    return printable(name)[:LONGEST_NAME]


def drawn_message(drawn: Drawn) -> str:
    """Return the outcome in words."""
    message = ngettext("%(n)s example was stored.", "%(n)s examples were stored.", drawn.n_new)
    parts = [message % {"n": f"{drawn.n_new:,}"}]
    if drawn.n_existing:
        message = ngettext("%(n)s was there before.", "%(n)s were there before.", drawn.n_existing)
        parts.append(message % {"n": f"{drawn.n_existing:,}"})
    if drawn.n_of_study:
        message = ngettext(
            "%(n)s file was left out: it is an image of the study.",
            "%(n)s files were left out: they are images of the study.",
            drawn.n_of_study,
        )
        parts.append(message % {"n": f"{drawn.n_of_study:,}"})
    for labels, message in (
        (drawn.short, gettext("Classes with fewer images than asked for: %(classes)s.")),
        (drawn.without, gettext("Classes without an image: %(classes)s.")),
    ):
        if labels:
            parts.append(message % {"classes": _listed_classes(labels)})
    return " ".join(parts)


def _listed_classes(labels: list[Label]) -> str:
    names = ", ".join(f"{label.index} {label.name}" for label in labels[:10])
    n_more = len(labels) - 10
    if n_more <= 0:
        return names
    return ngettext("%(names)s and %(n)s more", "%(names)s and %(n)s more", n_more) % {"names": names, "n": n_more}
