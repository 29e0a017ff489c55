"""Storage of example images of classes."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.files import all_or_no_files
from catalog.models import LARGEST_SEED, MOST_EXAMPLES_OF_A_CLASS, ClassExample, Dataset, ExampleDraw, Label
from catalog.reads import now


class OtherDraw(UserError):
    """An error: the study has examples of a draw with another seed or number."""


class NewExample(NamedTuple):
    """An example to store: its file's name and digest, and the pictures that people see."""

    name: str
    digest: str
    display: bytes
    thumbnail: bytes


@transaction.atomic
def begin_draw(*, dataset: Dataset, seed: int, per_class: int, replace: bool) -> ExampleDraw:
    """Return the study's draw with this seed and number, a new one or one to go on with.

    Raises OtherDraw if there is another one, unless `replace` takes that away with its examples.
    """
    if not 1 <= per_class <= MOST_EXAMPLES_OF_A_CLASS:
        message = gettext("A class can have 1 to %(most)s examples.")
        raise UserError(message % {"most": f"{MOST_EXAMPLES_OF_A_CLASS:,}"})
    if not -LARGEST_SEED <= seed <= LARGEST_SEED:
        message = gettext("A seed is a whole number from -%(most)s to %(most)s.")
        raise UserError(message % {"most": f"{LARGEST_SEED:,}"})
    # One draw at a time begins.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    draw = ExampleDraw.objects.filter(dataset=dataset).first()
    if draw is not None and (draw.seed, draw.per_class) != (seed, per_class):
        if not replace:
            message = gettext("Examples of “%(dataset)s” were drawn before, %(n)s a class with seed %(seed)s.")
            values = {"dataset": dataset, "n": draw.per_class, "seed": draw.seed}
            raise OtherDraw(message % values, shell=gettext("--replace draws others in their place."))
        _remove(draw)
        draw = None
    return draw or ExampleDraw.objects.create(dataset=dataset, seed=seed, per_class=per_class, started_at=now())


@transaction.atomic
def add_examples(*, draw: ExampleDraw, label: Label, examples: Sequence[NewExample]) -> int:
    """Store examples of a class behind those that it has, all or none. Returns how many are new.

    What is stored already, as by the same draw started twice, stays. Raises OtherDraw if the draw was replaced.
    """
    if not ExampleDraw.objects.select_for_update(no_key=True).filter(pk=draw.pk).exists():
        message = gettext("Another draw has replaced this one meanwhile.")
        raise OtherDraw(message)
    stored = set(draw.examples.filter(label=label).values_list("digest", flat=True))
    fresh = [new for new in examples if new.digest not in stored]
    rows = [
        ClassExample(draw=draw, label=label, place=place, name=new.name, digest=new.digest)
        for place, new in enumerate(fresh, start=len(stored))
    ]
    files = []
    for row, new in zip(rows, fresh, strict=True):
        # Below the study, under names that reveal nothing.
        folder = f"class_examples/{draw.dataset_id}"
        files.append((row.display, f"{folder}/{row.public_id}.jpg", new.display))
        files.append((row.thumbnail, f"{folder}/{row.public_id}_small.jpg", new.thumbnail))
    with all_or_no_files(files):
        ClassExample.objects.bulk_create(rows)
    return len(rows)


@transaction.atomic
def finish_draw(*, draw: ExampleDraw) -> None:
    """Note that all classes have their examples."""
    ExampleDraw.objects.filter(pk=draw.pk, finished_at=None).update(finished_at=now())


def _remove(draw: ExampleDraw) -> None:
    paths = [path for row in draw.examples.values_list("display", "thumbnail") for path in row]
    draw.examples.all().delete()
    draw.delete()
    transaction.on_commit(partial(_delete_files, paths))


def _delete_files(paths: list[str]) -> None:
    for path in paths:
        default_storage.delete(path)
