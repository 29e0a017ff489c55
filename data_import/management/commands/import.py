"""`./manage import images|labels|predictions`: a dataset's images, the classes of a label set, or what classifiers said
of the images, from files."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from candidates.prediction_files.actions import import_predictions
from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from csv_files.tables import Refusal
from data_import.actions import dataset_for_import
from data_import.images.actions import (
    SOURCES,
    Outcome,
    find_images,
    import_images,
    labelled_words,
    without_dataset_label,
)
from data_import.labels.actions import import_labels


class Command(BaseCommand):
    help = "Import images, labels or predictions. Running it again adds what is missing, and nothing twice."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="images|labels|predictions")
        images = kinds.add_parser("images", help="JPEG, PNG and WebP files into a dataset")
        images.add_argument("source", help=f"{SOURCES} A manifest has the columns file, name, label.")
        images.add_argument("--dataset", required=True, metavar="NAME", help="made if there is none of that name")
        images.add_argument("--label-set", metavar="NAME", help="the classes of a new dataset (ImageNet)")
        labels = kinds.add_parser("labels", help="the classes of a new label set")
        labels.add_argument("path", type=Path, help="a CSV with the columns index, words and, if you like, others")
        labels.add_argument("--label-set", required=True, metavar="NAME")
        add_prediction_arguments(kinds.add_parser("predictions", help="labels that a classifier ranks highest"))

    def handle(self, *args: Any, kind: str, label_set: str | None = None, **options: Any) -> None:
        with as_command_errors():
            if kind == "labels":
                self.labels(options["path"], label_set or "")
            elif kind == "predictions":
                self.predictions(options["path"], options)
            else:
                self.images(options["source"], options["dataset"], label_set)

    def labels(self, path: Path, name: str) -> None:
        label_set, new = import_labels(file=path, name=name)
        what = "imported" if new else "there already"
        self.stdout.write(f"Label set {label_set}: {label_set.labels.count():,} labels, {what}.")

    def predictions(self, path: Path, options: dict[str, Any]) -> None:
        of_classifier = {name: options[name] for name in ("classifier", "network", "view", "weights")}
        n_added, n_known = import_predictions(dataset=dataset_named(options["dataset"]), file=path, **of_classifier)
        self.stdout.write(f"{options['classifier']}: {n_added:,} predictions added, {n_known:,} there already.")

    def images(self, source: str, name: str, label_set: str | None) -> None:
        dataset = dataset_for_import(name, label_set)
        # Bars on a terminal only: in a log they are noise.
        with tqdm(desc="Listing", unit=" entries", leave=False, disable=None) as bar:
            found = find_images(source, dataset, bar.update)
        for remark in found.remarks:
            self.stderr.write(remark)
        with tqdm(total=len(found.wanted), unit=" images", disable=None) as bar:
            try:
                outcome = import_images(dataset=dataset, found=found, progress=bar.update)
            except KeyboardInterrupt:
                raise CommandError("Stopped. What is in stays; the same command goes on from there.") from None
        self.report(outcome, name)

    def report(self, outcome: Outcome, name: str) -> None:
        self.stdout.write(f"Dataset {name}: {outcome.added:,} images added, {outcome.known:,} there already.")
        if outcome.labelled:
            self.stderr.write(labelled_words(outcome.labelled))
        if outcome.unlabelled:
            self.stderr.write(
                f"{without_dataset_label(outcome.unlabelled)} The column label of a manifest or sub-folders named by "
                "class give it, until somebody has answered about an image."
            )
        self.list_refused(outcome.refused)

    def list_refused(self, refused: list[Refusal]) -> None:
        for refusal in refused:
            self.stderr.write(str(refusal))
        if refused:
            raise CommandError(
                f"{len(refused):,} not imported, listed above. Correct them and give the same command again."
            )


def add_prediction_arguments(parser: CommandParser) -> None:
    parser.add_argument(
        "path",
        type=Path,
        help=".npz with arrays images (N,), labels (N, k) and, if known, scores (N, k), "
        "or .csv or .parquet with columns image, label_1 ..., score_1 ...; labels are class indexes from 0, best first",
    )
    parser.add_argument("--dataset", required=True, metavar="NAME")
    parser.add_argument("--classifier", required=True, metavar="NAME", help="what to call it here")
    parser.add_argument("--network", default="", metavar="NAME", help="the network that it is a view of (itself)")
    parser.add_argument("--view", default="", metavar="WORDS", help="what that view does, such as flip")
    parser.add_argument("--weights", default="", metavar="SHA256", help="of the file of weights, if known")
