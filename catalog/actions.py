"""Writes of datasets, images, labels and settings."""

import base64
import logging
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, gettext_lazy

from catalog.bulk_load_sql import ADD_IMAGES, FIND_IMAGES, LABEL_IMAGES, OTHER_LABEL
from catalog.errors import StagedConflict, UserError
from catalog.files import File, all_or_no_files
from catalog.label_data import LabelRecord, SynsetRecord, hierarchy, imagenet_labels
from catalog.models import Dataset, Image, Label, LabelSet, SettingsVersion, Synset
from catalog.photographs.reads import Photograph, digest_of
from catalog.reads import LockName, current_settings, dataset_named, faults_of, wait_for_lock

log = logging.getLogger(__name__)

# The value of a setting; classifiers and a dataset may also be given by name, as people write them.
Figure = int | str | list[str] | Dataset | None

IMAGENET = "ImageNet"
FIGURES = tuple(
    field.name
    for field in SettingsVersion._meta.concrete_fields
    if field.name not in ("id", "dataset", "version", "note", "created_at")
)


FIELDS = (*FIGURES, "note")
# The constraints of SettingsVersion in words.
RULES = {
    "settings_counts_are_positive": gettext_lazy(
        "images_per_grid, contains_answers, classify_answers and min_shown must be 1 or more"
    ),
    "settings_grid_of_500_images_or_fewer": gettext_lazy("images_per_grid must be at most 500"),
    "settings_ratio_is_above_0_and_at_most_1": gettext_lazy(
        "ratio_numerator must be 1 or more and at most ratio_denominator"
    ),
    "settings_candidates_fit_a_form": gettext_lazy("max_other_labels must be from 1 to 11"),
    "settings_lease_of_30_seconds_or_more": gettext_lazy("lease_seconds must be 30 or more"),
    "settings_top_k_is_positive": gettext_lazy("top_k must be 1 or more"),
    "settings_grid_has_room_for_questions": gettext_lazy(
        "positive_controls and negative_controls must leave room in images_per_grid"
    ),
    "settings_maybe_counts_is_known": gettext_lazy("maybe_counts must be yes, no or nothing"),
    "settings_further_answers_are_at_most_100": gettext_lazy("most_further_answers must be at most 100"),
    "settings_replacements_are_at_most_1000": gettext_lazy("most_replacements must be at most 1000"),
    "settings_negatives_are_known": gettext_lazy("negatives_from must be hierarchy, confusion or list"),
    "settings_wage_is_above_0_and_at_most_1000": gettext_lazy(
        "target_wage must be above 0 and at most 1000 dollars an hour"
    ),
}
LONGEST_NAME = 100
LONGEST_IMAGE_NAME = 500
PUBLIC_ID_SALT = "catalog.public_id"
PUBLIC_ID_BYTES = 16


class UnknownFigure(UserError):
    """An error: no setting has that name."""


class InvalidFigure(UserError):
    """An error: a setting cannot have that value."""


class NameTaken(UserError):
    """An error: a dataset or label set of that name exists."""


class BadName(UserError):
    """An error: a dataset, label set or image cannot have that name."""


@transaction.atomic
def add_label_set(*, name: str, labels: Iterable[LabelRecord]) -> LabelSet:
    _check_name(name, gettext("The name of a label set has 1 to %(most)s printable characters; %(name)r does not."))
    label_set, new = LabelSet.objects.get_or_create(name=name)
    if not new:
        message = gettext("A label set named %(name)r exists already. Choose another name.")
        raise NameTaken(message % {"name": name})
    Label.objects.bulk_create(
        [
            Label(
                label_set=label_set,
                index=label.index,
                wnid=label.wnid,
                words=label.words,
                gloss=label.gloss,
                superclass=label.superclass,
                wikipedia_url=label.wikipedia_url,
            )
            for label in labels
        ]
    )
    return label_set


@transaction.atomic
def ensure_imagenet() -> LabelSet:
    """Return the 1,000 ImageNet classes with the WordNet hierarchy above them; load them on first use."""
    label_set = LabelSet.objects.filter(name=IMAGENET).first()
    if label_set is not None:
        return label_set
    add_hierarchy(synsets=hierarchy())
    return add_label_set(name=IMAGENET, labels=imagenet_labels())


@transaction.atomic
def add_hierarchy(*, synsets: Iterable[SynsetRecord]) -> None:
    records = list(synsets)
    Synset.objects.bulk_create(
        [Synset(wnid=record.wnid, words=record.words, gloss=record.gloss) for record in records], ignore_conflicts=True
    )
    edge = Synset.hypernyms.through
    edge.objects.bulk_create(
        [edge(from_synset_id=r.wnid, to_synset_id=hypernym) for r in records for hypernym in r.hypernyms],
        ignore_conflicts=True,
    )


@transaction.atomic
def create_dataset(*, name: str, label_set: LabelSet | None = None, **figures: Figure) -> Dataset:
    """Create a dataset with its first settings version; its labels are ImageNet's unless `label_set` says otherwise."""
    _check_figures(figures)
    _check_dataset_name(name)
    dataset, new = Dataset.objects.get_or_create(name=name, defaults={"label_set": label_set or ensure_imagenet()})
    if not new:
        message = gettext("A dataset named %(name)r exists already. Choose another name.")
        raise NameTaken(message % {"name": name})
    _add_settings(dataset, 1, figures)
    transaction.on_commit(lambda: log.info("Created dataset %s.", name))
    return dataset


@transaction.atomic
def ensure_dataset(*, name: str) -> Dataset:
    dataset = Dataset.objects.filter(name=name).select_related("label_set").first()
    return dataset or create_dataset(name=name)


@transaction.atomic
def change_settings(*, dataset: Dataset, **changes: Figure) -> SettingsVersion:
    """Store a new settings version: the current figures with these changed. Earlier work keeps its own version."""
    _check_figures(changes)
    wait_for_lock(LockName.SETTINGS, dataset)
    current = current_settings(dataset)
    figures = {name: getattr(current, name) for name in FIGURES}
    return _add_settings(dataset, current.version + 1, {**figures, **changes})


def _add_settings(dataset: Dataset, version: int, figures: Mapping[str, Figure]) -> SettingsVersion:
    read = {name: _read_figure(name, value) for name, value in figures.items()}
    added = SettingsVersion(dataset=dataset, version=version, **read)
    try:
        added.full_clean(validate_constraints=False)
        with transaction.atomic():
            added.save()
    except (ValidationError, IntegrityError):
        if faults := faults_of(added):
            raise InvalidFigure(_in_words(faults)) from None
        raise
    return added


def _read_figure(name: str, value: object) -> object:
    """Return the objects that a person gave by name; Django reads the numbers."""
    if name == "classifiers" and isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            message = gettext("classifiers: %(reason)s. Separate the names with blanks.")
            raise InvalidFigure(message % {"reason": error}) from None
    if name == "control_pool" and isinstance(value, str):
        return dataset_named(value) if value else None
    return value


def _in_words(error: ValidationError) -> str:
    broken = [str(rule) for name, rule in RULES.items() if any(name in message for message in error.messages)]
    by_field = {field: messages for field, messages in error.message_dict.items() if field in FIELDS}
    fields = [f"{field}: {' '.join(messages).rstrip('.')}" for field, messages in by_field.items()]
    reasons = "; ".join(fields + broken) or " ".join(error.messages)
    return gettext("These settings are not valid: %(reasons)s. Nothing was changed.") % {"reasons": reasons}


def _check_figures(figures: Iterable[str]) -> None:
    unknown = sorted(set(figures) - set(FIELDS))
    if unknown:
        message = gettext("There is no setting %(unknown)s. Settings: %(settings)s.")
        raise UnknownFigure(message % {"unknown": ", ".join(unknown), "settings": ", ".join(FIGURES)})


def _check_name(name: str, message: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadName(message % {"most": LONGEST_NAME, "name": name})


def _check_dataset_name(name: str) -> None:
    """Raise BadName: the name is part of addresses, in which browsers and servers drop such parts and blanks."""
    _check_name(name, gettext("Enter a name of 1 to %(most)s printable characters for the dataset."))
    if name != name.strip():
        message = gettext("The name of a dataset must not begin or end with a space: %(name)r.")
        raise BadName(message % {"name": name})
    if {"", ".", ".."} & set(name.split("/")):
        message = gettext(
            "%(name)r cannot be the name of a dataset: it would break the addresses of its pages. "
            "No part before, between or after slashes may be empty, “.” or “..”."
        )
        raise BadName(message % {"name": name})


def check_image_name(name: str) -> None:
    """Raise BadName where a name is no use in files, tables and logs; a path's bytes need not be text."""
    if not name or len(name) > LONGEST_IMAGE_NAME:
        message = gettext("a name has 1 to %(most)s characters, this one has %(n)s: choose another name")
        raise BadName(message % {"most": LONGEST_IMAGE_NAME, "n": len(name)})
    if not name.isprintable():
        message = gettext("the name %(name)s has characters that cannot be printed: choose another name")
        raise BadName(message % {"name": ascii(name)})


@dataclass(frozen=True)
class NewImage:
    """An image to store, under the researcher's name for it."""

    name: str
    dataset_label: Label | None
    photograph: Photograph


@transaction.atomic
def add_image(
    *, dataset: Dataset, name: str, dataset_label: Label | None, photograph: Photograph
) -> tuple[Image, bool]:
    """Store one image, as `add_images` does. Returns (the image of that name, whether it is new)."""
    n_new = add_images(dataset=dataset, images=[NewImage(name, dataset_label, photograph)])
    return Image.objects.get(dataset=dataset, name=name), n_new == 1


@transaction.atomic
def add_images(*, dataset: Dataset, images: Sequence[NewImage]) -> int:
    """Store images, all or none; an image whose name exists stays as it is. Returns how many are new.

    An existing image without a usable file (such as a replayed one) gets the file, and counts as new.
    """
    for new in images:
        check_image_name(new.name)
    # One import at a time decides about a dataset's names.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    names = [new.name for new in images]
    existing = {image.name: image for image in Image.objects.filter(dataset=dataset, name__in=names)}
    missing = [new for new in images if new.name not in existing or lacks_a_file(existing[new.name])]
    rows = [existing.get(new.name) or _row(dataset, new) for new in missing]
    files = [_original(row, new.photograph) for row, new in zip(rows, missing, strict=True)]
    with all_or_no_files(files):
        _save_rows(rows, missing)
    return len(rows)


def lacks_a_file(image: Image) -> bool:
    return not image.original or bool(image.pictures_problem)


def _row(dataset: Dataset, new: NewImage) -> Image:
    return Image(
        dataset=dataset, name=new.name, dataset_label=new.dataset_label, public_id=_public_id(dataset, new.name)
    )


def _public_id(dataset: Dataset, name: str) -> str:
    """Return an id as opaque as a random one, but the same whenever this image is imported.

    A file that was stored when an import was killed has no row yet: the next one overwrites it, as it goes by the id.
    """
    digest = salted_hmac(PUBLIC_ID_SALT, f"{dataset.pk}/{name}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:PUBLIC_ID_BYTES]).decode().rstrip("=")


def _original(image: Image, photograph: Photograph) -> File:
    # Named by the public id: a name of the researcher's never becomes a path.
    return image.original, f"originals/{image.public_id}{photograph.suffix}", photograph.original


def _save_rows(rows: list[Image], images: list[NewImage]) -> None:
    for row, new in zip(rows, images, strict=True):
        row.width, row.height, row.pictures_problem = new.photograph.width, new.photograph.height, ""
        row.digest = digest_of(new.photograph.original)
    replayed = [row for row in rows if row.pk is not None]
    Image.objects.bulk_create([row for row in rows if row.pk is None])
    Image.objects.bulk_update(replayed, ["original", "width", "height", "pictures_problem", "digest"])


@transaction.atomic
def give_dataset_labels(*, dataset: Dataset, labels: Mapping[int, Label]) -> int:
    """Give these labels to the images (by id) that have none; a label is never changed. Returns how many got one."""
    ids_by_label: dict[Label, list[int]] = defaultdict(list)
    for pk, label in labels.items():
        ids_by_label[label].append(pk)
    return sum(
        Image.objects.filter(dataset=dataset, pk__in=ids, dataset_label=None).update(dataset_label=label)
        for label, ids in ids_by_label.items()
    )


@transaction.atomic
def load_staged_images(*, dataset: Dataset, staged: str) -> tuple[int, int]:
    """Load the images of a staging table (its columns: catalog.bulk_load_sql) into the dataset, without files.

    Existing images are used, and get the table's dataset label if they have none. Returns how many images
    are new and how many old ones got a label. Raises StagedConflict where an image has another label.
    """
    key = {"dataset": dataset.pk, "label_set": dataset.label_set_id}
    with connection.cursor() as cursor:
        cursor.execute(ADD_IMAGES.format(staged=staged), key)
        n_new = cursor.rowcount
        cursor.execute(LABEL_IMAGES.format(staged=staged), key)
        n_labelled = cursor.rowcount
        cursor.execute(OTHER_LABEL.format(staged=staged), key)
        if other := cursor.fetchone():
            line, image, label, stored_label = other
            message = gettext("dataset_label is %(label)s, but %(image)s has label %(stored)s in dataset %(dataset)s.")
            values = {"label": label, "image": image, "stored": stored_label, "dataset": dataset.name}
            raise StagedConflict(line, message % values)
        cursor.execute(FIND_IMAGES.format(staged=staged), key)
    return n_new, n_labelled
