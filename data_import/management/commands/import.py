"""`./manage import images|labels|predictions|references|examples|class-pairs`: import what a study needs from files."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext
from tqdm import tqdm

from candidates.prediction_files.actions import import_predictions
from catalog.errors import as_command_errors
from catalog.reads import dataset_named, label_set_named
from csv_files.tables import Refusal
from data_import.actions import dataset_for_import, label_set_for_import
from data_import.class_pairs import actions as class_pairs
from data_import.examples import actions as examples
from data_import.images.actions import (
    SOURCES,
    Outcome,
    added_message,
    find_images,
    import_images,
    labelled_message,
    without_dataset_label,
)
from data_import.labels.actions import import_labels
from data_import.references import actions as references


class Command(BaseCommand):
    help = (
        "Import images, labels, predictions, reference pages, examples or class pairs. Safe to repeat: nothing is "
        "added twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(
            dest="kind", required=True, metavar="images|labels|predictions|references|examples|class-pairs"
        )
        images = kinds.add_parser("images", help="import JPEG, PNG and WebP files into a dataset")
        images.add_argument("source", help=f"{SOURCES} A manifest has the columns file, name, label.")
        images.add_argument("--dataset", required=True, metavar="NAME", help="created if it does not exist")
        images.add_argument("--label-set", metavar="NAME", help="label set of a new dataset (ImageNet)")
        labels = kinds.add_parser("labels", help="import the classes of a new label set")
        labels.add_argument("path", type=Path, help="a CSV with the columns index, words and optional ones")
        labels.add_argument("--label-set", required=True, metavar="NAME")
        pages = kinds.add_parser("references", help="set the pages that explain labels to workers")
        pages.add_argument("path", type=Path, help="a CSV with the columns label, url and, optionally, title")
        pages.add_argument("--dataset", required=True, metavar="NAME")
        folder = kinds.add_parser("examples", help="set the example photographs that workers can look at")
        folder.add_argument(
            "path", type=Path, help="a folder with a folder for each label, and in it one for each look-alike"
        )
        folder.add_argument("--dataset", required=True, metavar="NAME")
        pairs = kinds.add_parser("class-pairs", help="add equivalent, confusable or nested classes of a label set")
        pairs.add_argument(
            "path", type=Path, help="a CSV with first, second, kind, provenance and, optionally, narrower and note"
        )
        pairs.add_argument("--label-set", required=True, metavar="NAME")
        add_prediction_arguments(kinds.add_parser("predictions", help="import the top labels of a classifier"))

    def handle(self, *args: Any, kind: str, label_set: str | None = None, **options: Any) -> None:
        with as_command_errors():
            if kind == "labels":
                self.labels(options["path"], label_set or "")
            elif kind == "predictions":
                self.predictions(options["path"], options)
            elif kind == "references":
                self.references(options["path"], options["dataset"])
            elif kind == "examples":
                self.examples(options["path"], options["dataset"])
            elif kind == "class-pairs":
                self.class_pairs(options["path"], label_set or "")
            else:
                self.images(options["source"], options["dataset"], label_set)

    def labels(self, path: Path, name: str) -> None:
        label_set, new = import_labels(file=path, name=name)
        n_labels = label_set.labels.count()
        message = ngettext(
            "Label set “%(label_set)s”: %(n)s label was already imported.",
            "Label set “%(label_set)s”: %(n)s labels were already imported.",
            n_labels,
        )
        if new:
            message = ngettext(
                "Label set “%(label_set)s”: %(n)s label was imported.",
                "Label set “%(label_set)s”: %(n)s labels were imported.",
                n_labels,
            )
        self.stdout.write(message % {"label_set": label_set, "n": f"{n_labels:,}"})

    def predictions(self, path: Path, options: dict[str, Any]) -> None:
        fields = {name: options[name] for name in ("classifier", "network", "view", "weights")}
        n_added, n_existing = import_predictions(dataset=dataset_named(options["dataset"]), file=path, **fields)
        message = ngettext(
            "%(classifier)s: %(n)s prediction was added; %(n_existing)s existed already.",
            "%(classifier)s: %(n)s predictions were added; %(n_existing)s existed already.",
            n_added,
        )
        numbers = {"n": f"{n_added:,}", "n_existing": f"{n_existing:,}"}
        self.stdout.write(message % {"classifier": options["classifier"], **numbers})

    def references(self, path: Path, name: str) -> None:
        outcome = references.import_references(dataset=dataset_named(name), file=path)
        self.stdout.write(references.imported_message(outcome))

    def examples(self, folder: Path, name: str) -> None:
        outcome = examples.import_examples(dataset=dataset_named(name), folder=folder)
        self.stdout.write(examples.imported_message(outcome))

    def class_pairs(self, path: Path, name: str) -> None:
        outcome = class_pairs.import_class_pairs(label_set=label_set_named(name), file=path)
        self.stdout.write(class_pairs.imported_pairs_message(outcome))

    def images(self, source: str, name: str, label_set: str | None) -> None:
        # The dataset is created after the images are found: a wrong path leaves no empty one behind.
        classes = label_set_for_import(name, label_set)
        # Bars on a terminal only: in a log they are noise.
        with tqdm(desc="Listing", unit=" entries", leave=False, disable=None) as bar:
            listing = find_images(source, classes, bar.update)
        dataset = dataset_for_import(name, label_set)
        for remark in listing.remarks:
            self.stderr.write(remark)
        with tqdm(total=len(listing.requests), unit=" images", disable=None) as bar:
            try:
                outcome = import_images(dataset=dataset, listing=listing, progress=bar.update)
            except KeyboardInterrupt:
                raise CommandError(
                    gettext("Stopped. The images imported so far are kept; the same command resumes the import.")
                ) from None
        self.report(outcome, name)

    def report(self, outcome: Outcome, name: str) -> None:
        message = gettext("Dataset “%(dataset)s”: %(message)s")
        self.stdout.write(message % {"dataset": name, "message": added_message(outcome)})
        if outcome.labelled:
            self.stderr.write(labelled_message(outcome.labelled))
        if outcome.unlabelled:
            self.stderr.write(without_dataset_label(outcome.unlabelled))
            self.stderr.write(
                gettext(
                    "To label images that nobody has answered about, import a manifest with the column label, or "
                    "sub-folders named by class."
                )
            )
        self.list_refusals(outcome.refusals)

    def list_refusals(self, refusals: list[Refusal]) -> None:
        for refusal in refusals:
            self.stderr.write(str(refusal))
        if refusals:
            message = ngettext(
                "%(n)s file was not imported; the reason is above. Correct it and run the same command again.",
                "%(n)s files were not imported; the reasons are above. Correct them and run the same command again.",
                len(refusals),
            )
            raise CommandError(message % {"n": f"{len(refusals):,}"})


def add_prediction_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "path",
        type=Path,
        help=".npz with arrays images (N,), labels (N, k) and, if known, scores (N, k), "
        "or .csv or .parquet with columns image, label_1 ..., score_1 ...; labels are class indexes from 0, best first",
    )
    parser.add_argument("--dataset", required=True, metavar="NAME")
    parser.add_argument("--classifier", required=True, metavar="NAME", help="its name on this site")
    parser.add_argument("--network", default="", metavar="NAME", help="the network of which it is a view (itself)")
    parser.add_argument("--view", default="", metavar="WORDS", help="description of the view, such as flip")
    parser.add_argument("--weights", default="", metavar="SHA256", help="checksum of the weights file, if known")
