"""Everything that writes datasets, images, labels and settings."""

import base64
import logging
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from catalog.bulk_load_sql import ADD_IMAGES, FIND_IMAGES, LABEL_IMAGES, OTHER_LABEL
from catalog.errors import UserError
from catalog.files import File, all_or_no_files
from catalog.label_data import LabelRecord, SynsetRecord, hierarchy, imagenet_labels
from catalog.models import WITHOUT_PICTURES, Dataset, Image, Label, LabelSet, SettingsVersion, Synset
from catalog.photographs.reads import MANY_PIXELS, BadPhotograph, Photograph, pictures_of
from catalog.reads import LockName, current_settings, dataset_named, wait_for_lock

log = logging.getLogger(__name__)

# What a setting may be; names of classifiers and of a dataset also as a person writes them.
Figure = int | str | list[str] | Dataset | None
LONGEST_PROBLEM = 500
# The file is gone or closed to us, which no second look changes.
UNREADABLE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)

IMAGENET = "ImageNet"
FIGURES = tuple(
    field.name
    for field in SettingsVersion._meta.concrete_fields
    if field.name not in ("id", "dataset", "version", "note", "created_at")
)


class StagedConflict(UserError):
    """A row of a file contradicts what is stored. `line` is its number in the file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


FIELDS = (*FIGURES, "note")
# What the constraints of SettingsVersion say, in words.
RULES = {
    "settings_counts_are_positive": "images_per_grid, contains_answers, classify_answers and min_shown must be 1 or "
    "more",
    "settings_grid_of_500_images_or_fewer": "images_per_grid must be at most 500",
    "settings_ratio_is_above_0_and_at_most_1": "ratio_numerator must be 1 or more and at most ratio_denominator",
    "settings_candidates_fit_a_form": "max_other_labels must be from 1 to 11",
    "settings_lease_of_30_seconds_or_more": "lease_seconds must be 30 or more",
    "settings_top_k_is_positive": "top_k must be 1 or more",
    "settings_grid_has_room_for_questions": "positive_controls and negative_controls must leave room in "
    "images_per_grid",
    "settings_negatives_are_known": "negatives_from must be hierarchy, confusion or list",
    "settings_wage_is_above_0_and_at_most_1000": "target_wage must be above 0 and at most 1000 dollars an hour",
}
LONGEST_NAME = 100
LONGEST_IMAGE_NAME = 500
PUBLIC_ID_SALT = "catalog.public_id"
PUBLIC_ID_BYTES = 16
PICTURES_AT_ONCE = 20
# One task of pictures: short, so that other work on its queue does not wait.
SECONDS_OF_PICTURES = 3.0


class UnknownFigure(UserError):
    """A setting of that name does not exist."""


class InvalidFigure(UserError):
    """A setting has a value that it cannot have."""


class NameTaken(UserError):
    """There is a dataset or label set of that name."""


class BadName(UserError):
    """A dataset, label set or image cannot be called that."""


@transaction.atomic
def add_label_set(*, name: str, labels: Iterable[LabelRecord]) -> LabelSet:
    _check_name("A label set", name)
    label_set, new = LabelSet.objects.get_or_create(name=name)
    if not new:
        raise NameTaken(f"There is a label set named {name!r} already. Give the new one another name.")
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
    """The 1,000 ImageNet classes with the WordNet hierarchy above them; loaded on first use."""
    known = LabelSet.objects.filter(name=IMAGENET).first()
    if known is not None:
        return known
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
    """A dataset with its first settings version; the ImageNet classes unless another label set is given."""
    _check_figures(figures)
    _check_dataset_name(name)
    dataset, new = Dataset.objects.get_or_create(name=name, defaults={"label_set": label_set or ensure_imagenet()})
    if not new:
        raise NameTaken(f"There is a dataset named {name!r} already. Give the new one another name.")
    _add_settings(dataset, 1, figures)
    transaction.on_commit(lambda: log.info("Created dataset %s.", name))
    return dataset


@transaction.atomic
def ensure_dataset(*, name: str) -> Dataset:
    known = Dataset.objects.filter(name=name).select_related("label_set").first()
    return known or create_dataset(name=name)


@transaction.atomic
def change_settings(*, dataset: Dataset, **changes: Figure) -> SettingsVersion:
    """A new settings version: the current figures with these changed. What was made under older ones keeps them."""
    _check_figures(changes)
    wait_for_lock(LockName.SETTINGS, dataset)
    current = current_settings(dataset)
    figures = {name: getattr(current, name) for name in FIGURES}
    return _add_settings(dataset, current.version + 1, {**figures, **changes})


def _add_settings(dataset: Dataset, version: int, figures: Mapping[str, Figure]) -> SettingsVersion:
    read = {name: _read_figure(name, value) for name, value in figures.items()}
    added = SettingsVersion(dataset=dataset, version=version, **read)
    try:
        added.full_clean()
    except ValidationError as error:
        raise InvalidFigure(_in_words(error)) from None
    added.save()
    return added


def _read_figure(name: str, value: object) -> object:
    """What a person wrote as names, as what they name; Django reads the numbers."""
    if name == "classifiers" and isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            raise InvalidFigure(f"classifiers: {error}. Write the names with blanks between.") from None
    if name == "control_pool" and isinstance(value, str):
        return dataset_named(value) if value else None
    return value


def _in_words(error: ValidationError) -> str:
    broken = [rule for name, rule in RULES.items() if any(name in message for message in error.messages)]
    named = {field: messages for field, messages in error.message_dict.items() if field in FIELDS}
    fields = [f"{field}: {' '.join(messages).rstrip('.')}" for field, messages in named.items()]
    return f"These settings cannot be: {'; '.join(fields + broken) or ' '.join(error.messages)}. Nothing was changed."


def _check_figures(figures: Iterable[str]) -> None:
    unknown = sorted(set(figures) - set(FIELDS))
    if unknown:
        raise UnknownFigure(f"There is no setting {', '.join(unknown)}. Settings: {', '.join(FIGURES)}.")


def _check_name(what: str, name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadName(f"{what}'s name has 1 to {LONGEST_NAME} printable characters; {name!r} does not.")


def _check_dataset_name(name: str) -> None:
    """A dataset's name is part of addresses, in which browsers and servers drop such parts and blanks."""
    _check_name("A dataset", name)
    if name != name.strip():
        raise BadName(f"A dataset's name begins and ends without a blank; {name!r} does not.")
    if {"", ".", ".."} & set(name.split("/")):
        raise BadName(
            f"{name!r} cannot be a dataset's name, as it would break the addresses of its pages: of what stands "
            "before, between and after slashes nothing is empty, “.” or “..”."
        )


def check_image_name(name: str) -> None:
    """Raises BadName. Names go into files, tables and logs; a path's bytes need not be text."""
    if not name or len(name) > LONGEST_IMAGE_NAME:
        raise BadName(f"a name has 1 to {LONGEST_IMAGE_NAME} characters, this one {len(name)}: give it another")
    if not name.isprintable():
        raise BadName(f"the name {ascii(name)} has characters that cannot be printed: give it another")


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
    """Store images, all or none; one whose name is there already is left as it is. Returns how many are new.

    An image whose file is absent (a replayed one) or of no use gets it, and counts as new.
    """
    for new in images:
        check_image_name(new.name)
    # One import at a time decides about a dataset's names.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    known = {image.name: image for image in Image.objects.filter(dataset=dataset, name__in=[i.name for i in images])}
    wanted = [new for new in images if new.name not in known or lacks_a_file(known[new.name])]
    rows = [known.get(new.name) or _row(dataset, new) for new in wanted]
    files = [_original(row, new.photograph) for row, new in zip(rows, wanted, strict=True)]
    with all_or_no_files(files):
        _save_rows(rows, wanted)
    return len(rows)


def lacks_a_file(image: Image) -> bool:
    return not image.original or bool(image.pictures_problem)


def _row(dataset: Dataset, new: NewImage) -> Image:
    return Image(
        dataset=dataset, name=new.name, dataset_label=new.dataset_label, public_id=_public_id(dataset, new.name)
    )


def _public_id(dataset: Dataset, name: str) -> str:
    """As opaque as one by chance, but the same whenever this image is imported.

    A file that was stored when an import was killed has no row yet: the next one overwrites it, as it goes by the id.
    """
    digest = salted_hmac(PUBLIC_ID_SALT, f"{dataset.pk}/{name}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:PUBLIC_ID_BYTES]).decode().rstrip("=")


def _original(image: Image, photograph: Photograph) -> File:
    # Named by the public id: a name of the researcher's never becomes a path.
    return image.original, f"originals/{image.public_id}{photograph.suffix}", photograph.original


def _save_rows(rows: list[Image], wanted: list[NewImage]) -> None:
    for row, new in zip(rows, wanted, strict=True):
        row.width, row.height, row.pictures_problem = new.photograph.width, new.photograph.height, ""
    replayed = [row for row in rows if row.pk is not None]
    Image.objects.bulk_create([row for row in rows if row.pk is None])
    Image.objects.bulk_update(replayed, ["original", "width", "height", "pictures_problem"])


@transaction.atomic
def give_dataset_labels(*, dataset: Dataset, labels: Mapping[int, Label]) -> int:
    """Give images (by id) of a dataset that have no dataset label these; a label is never changed. Returns how many."""
    ids_by_label: dict[Label, list[int]] = defaultdict(list)
    for pk, label in labels.items():
        ids_by_label[label].append(pk)
    return sum(
        Image.objects.filter(dataset=dataset, pk__in=ids, dataset_label=None).update(dataset_label=label)
        for label, ids in ids_by_label.items()
    )


def make_pictures(*, seconds: float = SECONDS_OF_PICTURES) -> int:
    """Make the pictures of images that lack them, for about so long. Returns of how many images.

    Any number of callers may do so at once: what one has in work, the others pass over.
    """
    end = monotonic() + seconds
    n_made = last = 0
    while monotonic() < end:
        portion = _make_portion(after=last)
        if not portion:
            break
        last = portion[-1].pk
        n_made += sum(bool(image.display) for image in portion)
    return n_made


@transaction.atomic
def ensure_pictures(*, image: Image) -> Image:
    """The image with its pictures, made now if it has a file and the task has not got round to it."""
    found = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    if found.original and not found.pictures_problem and not (found.display and found.thumbnail):
        if (found.width or 0) * (found.height or 0) > MANY_PIXELS:
            # Of many pages that look at once, one decodes: each such image may take hundreds of megabytes.
            wait_for_lock(LockName.LARGE_IMAGE)
        _make([found])
    return found


@transaction.atomic
def _make_portion(*, after: int) -> list[Image]:
    # `after` goes past those whose file cannot be read: they would come first for ever.
    waiting = Image.objects.filter(WITHOUT_PICTURES, pk__gt=after).order_by("pk")
    portion = list(waiting.select_for_update(skip_locked=True, no_key=True)[:PICTURES_AT_ONCE])
    _make(portion)
    return portion


def _make(images: Sequence[Image]) -> None:
    files = {image: _pictures(image) for image in images}
    made = [image for image in images if files[image]]
    with all_or_no_files([file for image in made for file in files[image]]):
        Image.objects.bulk_update(images, ["display", "thumbnail", "pictures_problem"])


def _pictures(image: Image) -> list[File]:
    """The files to store. None if the original cannot be read: its row then says why, and nobody tries again."""
    try:
        with image.original.open() as original:
            pictures = pictures_of(original.read())
    except (BadPhotograph, *UNREADABLE) as error:
        image.pictures_problem = str(getattr(error, "strerror", None) or error)[:LONGEST_PROBLEM]
        log.error("No pictures of image %s: %s", image.pk, error)
        return []
    except OSError as error:
        # Of the host rather than of this file: it is tried again.
        log.error("No pictures of image %s for now: %s", image.pk, error)
        return []
    return [
        (image.display, f"display/{image.public_id}.jpg", pictures.display),
        (image.thumbnail, f"thumbnails/{image.public_id}.jpg", pictures.thumbnail),
    ]


@transaction.atomic
def load_staged_images(*, dataset: Dataset, staged: str) -> tuple[int, int]:
    """Bring the images of a staging table (catalog.bulk_load_sql tells its columns) into the dataset, without files.

    Images that are there are used, and get the table's dataset label if they have none. Returns how many images
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
            line, image, label, stored = other
            raise StagedConflict(
                line, f"dataset_label is {label}, but {image} has label {stored} in dataset {dataset.name}."
            )
        cursor.execute(FIND_IMAGES.format(staged=staged), key)
    return n_new, n_labelled
