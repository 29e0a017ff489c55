"""Queries on the catalog that several rooms need, and the clock of the whole site."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext

from catalog.cached_queries import CachedQuery as CachedQuery
from catalog.cached_queries import Clock as Clock
from catalog.cached_queries import Given as Given
from catalog.errors import UserError
from catalog.models import Dataset, Label, LabelSet, SettingsVersion

# Other rooms import it from here.
from catalog.prepared_statements import PreparedStatement as PreparedStatement

# Tests put a time here; everywhere else the database's clock is the only one, so that no two hosts disagree.
fixed_now: datetime | None = None
# The same within a statement of SQL, which takes `now_given()` among its values.
NOW = "coalesce(%(now)s::timestamptz, clock_timestamp())"


class UnknownDataset(UserError):
    """An error: no dataset has that name. The message lists the existing ones."""


class UnknownLabelSet(UserError):
    """An error: no label set has that name. The message lists the existing ones."""


class UnknownLabel(UserError):
    """An error: a label set has no such class index, wnid or word, or several classes share the word."""


def now() -> datetime:
    if fixed_now is not None:
        return fixed_now
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def now_given() -> dict[str, datetime | None]:
    return {"now": fixed_now}


class LockName(StrEnum):
    """Names of locks: work that one transaction at a time does, for a dataset or for the whole site."""

    ASKING = "asking"
    SETTINGS = "settings"
    LARGE_IMAGE = "large image"
    MEMBERS = "members"
    ACCOUNTS = "accounts"
    GUIDE = "guide"


def wait_for_lock(name: LockName, dataset: Dataset | None = None) -> None:
    """Wait for a lock and hold it until the end of the transaction.

    ASKING is taken before SETTINGS, and MEMBERS before ACCOUNTS.

    Opening the grids of a large study takes most of a minute. A lock on the dataset's row for so long would keep
    images from coming in, forms from being opened, and with them the aggregation of all datasets.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [name, dataset.pk if dataset else 0])


def dataset_named(name: str) -> Dataset:
    try:
        return Dataset.objects.select_related("label_set").get(name=name)
    except Dataset.DoesNotExist:
        names = ", ".join(Dataset.objects.order_by("name").values_list("name", flat=True)) or gettext("none yet")
        raise UnknownDataset(
            gettext("There is no dataset named %(name)r. Datasets: %(names)s.") % {"name": name, "names": names}
        ) from None


def label_set_named(name: str) -> LabelSet:
    try:
        return LabelSet.objects.get(name=name)
    except LabelSet.DoesNotExist:
        names = ", ".join(LabelSet.objects.order_by("name").values_list("name", flat=True)) or gettext("none yet")
        raise UnknownLabelSet(
            gettext("There is no label set named %(name)r. Label sets: %(names)s.") % {"name": name, "names": names},
            shell=gettext("Import one with ./manage import labels."),
            page=gettext("The site administrator can import one."),
        ) from None


def current_settings(dataset: Dataset) -> SettingsVersion:
    return dataset.settings_versions.latest("version")


def faults_of(settings: SettingsVersion) -> ValidationError | None:
    """Return everything that is wrong with settings that are to be stored.

    It asks the database about each of its rules: where nothing is wrong, storing them takes a fifth of the time.
    """
    try:
        settings.full_clean()
    except ValidationError as error:
        return error
    return None


def name_cells(column: str, index: int | None, labels: Mapping[int, Label]) -> dict[str, str | None]:
    """Return the two columns that name the label of `column` for people; null where there is no label."""
    label = None if index is None else labels[index]
    return {f"{column}_wnid": label.wnid if label else None, f"{column}_words": label.words if label else None}


def labels_by_index(dataset: Dataset) -> dict[int, Label]:
    return {label.index: label for label in dataset.label_set.labels.all()}


def label_lookup(label_set: LabelSet) -> Callable[[str], Label]:
    """Return a function from a class index, wnid or word of a class, as text, to the label; it raises UnknownLabel.

    A word, whatever its case, names a class if no other has it.
    """
    labels = list(label_set.labels.order_by("index"))
    by_text = {label.wnid: label for label in labels if label.wnid} | {str(label.index): label for label in labels}
    by_word: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        for word in {label.words.casefold(), *(word.strip().casefold() for word in label.words.split(","))}:
            by_word[word].append(label)

    def find(text: str) -> Label:
        # An index may have leading zeros, as the names of files and folders often do.
        key = text.lstrip("0") or "0" if text.isascii() and text.isdecimal() else text
        if key in by_text:
            return by_text[key]
        matches = by_word.get(text.casefold(), [])
        if len(matches) == 1:
            return matches[0]
        values = {"text": text, "label_set": label_set, "indexes": ", ".join(str(label.index) for label in matches)}
        if matches:
            raise UnknownLabel(
                gettext("%(text)r is a word of several classes of %(label_set)s: write the index, %(indexes)s") % values
            )
        raise UnknownLabel(
            gettext("%(text)r is no class of %(label_set)s: write a class index, wnid or word of the class") % values
        )

    return find
