"""`./manage import images|labels`: a dataset's images, or the classes of a label set, from files."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from annotation_site.imports import Outcome, import_images, wanted_images
from annotation_site.label_import import import_labels
from annotation_site.refusals import as_command_errors
from annotation_site.study import dataset_for_import, without_dataset_label
from annotation_site.tables import Refusal


class Command(BaseCommand):
    help = "Import images or labels. Running it again adds what is missing, and nothing twice."

    def add_arguments(self, parser: CommandParser) -> None:
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="images|labels")
        images = kinds.add_parser("images", help="JPEG, PNG and WebP files into a dataset")
        images.add_argument("path", type=Path, help="a folder, or a CSV with the columns file, name, label")
        images.add_argument("--dataset", required=True, metavar="NAME", help="made if there is none of that name")
        images.add_argument("--label-set", metavar="NAME", help="the classes of a new dataset (ImageNet)")
        labels = kinds.add_parser("labels", help="the classes of a new label set")
        labels.add_argument("path", type=Path, help="a CSV with the columns index, words and, if you like, others")
        labels.add_argument("--label-set", required=True, metavar="NAME")

    def handle(self, *args: Any, kind: str, path: Path, label_set: str | None, **options: Any) -> None:
        with as_command_errors():
            if kind == "labels":
                self.labels(path, label_set or "")
            else:
                self.images(path, options["dataset"], label_set)

    def labels(self, path: Path, name: str) -> None:
        label_set, new = import_labels(file=path, name=name)
        what = "imported" if new else "there already"
        self.stdout.write(f"Label set {label_set}: {label_set.labels.count():,} labels, {what}.")

    def images(self, path: Path, name: str, label_set: str | None) -> None:
        dataset = dataset_for_import(name, label_set)
        wanted, remarks = wanted_images(path, dataset)
        for remark in remarks:
            self.stderr.write(remark)
        # On a terminal only: in a log a moving bar is noise.
        with tqdm(total=len(wanted), unit=" images", disable=None) as bar:
            try:
                outcome = import_images(dataset=dataset, wanted=wanted, progress=bar.update)
            except KeyboardInterrupt:
                raise CommandError("Stopped. What is in stays; the same command goes on from there.") from None
        self.report(outcome, name)

    def report(self, outcome: Outcome, name: str) -> None:
        self.stdout.write(f"Dataset {name}: {outcome.added:,} images added, {outcome.known:,} there already.")
        if outcome.unlabelled:
            self.stderr.write(
                f"{without_dataset_label(outcome.unlabelled)} The column label of a manifest or sub-folders named by "
                "class give it, at the first import of an image."
            )
        self.list_refused(outcome.refused)

    def list_refused(self, refused: list[Refusal]) -> None:
        for refusal in refused:
            self.stderr.write(str(refusal))
        if refused:
            raise CommandError(
                f"{len(refused):,} not imported, listed above. Correct them and give the same command again."
            )
