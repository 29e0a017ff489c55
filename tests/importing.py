"""`./manage import` from a caller's view."""

import io
import re

from django.core.management import CommandError, call_command

from tests.pictures import write

NOTES = re.compile(r"The names? of|To label images|\d images? (have no dataset|has no dataset|got its|got their)")


class Result:
    def __init__(self, *words):
        out, err = io.StringIO(), io.StringIO()
        self.error = ""
        try:
            call_command("import", *map(str, words), stdout=out, stderr=err)
        except CommandError as error:
            self.error = str(error)
        lines = err.getvalue().splitlines()
        self.out, self.notes = out.getvalue(), [line for line in lines if NOTES.match(line)]
        self.refused = [line for line in lines if not NOTES.match(line)]


def import_into(dataset, path, *words):
    return Result("images", path, "--dataset", getattr(dataset, "name", dataset), *words)


def labels_by_name(dataset) -> dict[str, int | None]:
    return dict(dataset.images.values_list("name", "dataset_label__index"))


def manifest(folder, text: str):
    return write(folder / "manifest.csv", text.encode())


def import_labels(folder, text: str, name: str = "birds"):
    return Result("labels", write(folder / "labels.csv", text.encode()), "--label-set", name)
