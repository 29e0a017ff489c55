"""Writes of the labelling guide. Nothing that somebody saved is ever overwritten: each save is a version.

studies.guide.actions calls these, and records them among the decisions.
"""

from collections.abc import Sequence
from functools import reduce

from django.contrib.auth.models import User
from django.contrib.postgres.search import SearchVector
from django.db import transaction
from django.db.models import F, Value
from django.db.models.expressions import Combinable
from django.utils.translation import gettext

from catalog.errors import UserError
from catalog.files import all_or_no_files
from catalog.guide.checks.reads import checked_content
from catalog.guide.reads import LANGUAGE, Content, content_of, guide_of, stored_content
from catalog.models import Dataset, Guide, GuideEntry, GuidePicture, GuideUse, GuideVersion, Image, Label
from catalog.photographs.reads import Pictures
from catalog.reads import LockName, now, wait_for_lock


class EditedMeanwhile(UserError):
    """An error: somebody else has saved a version since the text was opened. `version` is theirs."""

    def __init__(self, version: GuideVersion) -> None:
        super().__init__(
            gettext("%(person)s has saved version %(number)s meanwhile. Nothing is lost: both texts are below.")
            % {"person": version.written_by or gettext("Somebody"), "number": version.number}
        )
        self.version = version


class NoSharing(UserError):
    """An error: two studies that cannot use the same guide."""


@transaction.atomic
def ensure_guide(*, dataset: Dataset) -> Guide:
    """Return the study's guide, locked until the end of the transaction; an empty one is made if it has none."""
    wait_for_lock(LockName.GUIDE, dataset)
    guide = guide_of(dataset)
    if guide is None:
        guide = Guide.objects.create(label_set_id=dataset.label_set_id, created_at=now())
        GuideUse.objects.create(dataset=dataset, guide=guide)
    # Another study may write to the same guide under a lock of its own.
    return Guide.objects.select_for_update(no_key=True).get(pk=guide.pk)


@transaction.atomic
def share_guide(*, dataset: Dataset, other: Dataset) -> Guide:
    """Let a study use the guide of another one from now on. Raises NoSharing."""
    if dataset.label_set_id != other.label_set_id:
        raise NoSharing(gettext("The two studies have different label sets, so they cannot share a guide."))
    guide = ensure_guide(dataset=other)
    wait_for_lock(LockName.GUIDE, dataset)
    if GuideEntry.objects.filter(guide__uses__dataset=dataset).exclude(guide=guide).exists():
        message = gettext("“%(dataset)s” has a guide with entries already. It cannot be given up for another one.")
        raise NoSharing(message % {"dataset": dataset.name})
    GuideUse.objects.update_or_create(dataset=dataset, defaults={"guide": guide})
    return guide


@transaction.atomic
def save_entry(
    *,
    dataset: Dataset,
    content: Content,
    by: User | None,
    entry: GuideEntry | None = None,
    based_on: int = 0,
    note: str = "",
    restored_from: int | None = None,
) -> tuple[GuideVersion, bool]:
    """Save a new version of an entry, or a new entry. Returns (the version, whether it is new).

    `based_on` is the version that the person has seen. Raises EditedMeanwhile if there is a later one, or, for a new
    entry, if these classes have an entry; and BadContent. The same content again makes no version.
    """
    guide = ensure_guide(dataset=dataset)
    content = checked_content(dataset, guide, content, note)
    entry = _locked(guide, content, entry)
    latest = entry and entry.versions.get(number=entry.version)
    if latest and content_of(latest) == content:
        return latest, False
    if latest and latest.number != based_on:
        raise EditedMeanwhile(latest)
    return _store(guide, entry, content, by, note.strip(), restored_from), True


@transaction.atomic
def restore_version(
    *, dataset: Dataset, entry: GuideEntry, number: int, by: User | None, based_on: int
) -> tuple[GuideVersion, bool]:
    """Save the content of an older version as a new one. Raises EditedMeanwhile, and BadContent."""
    older = entry.versions.get(number=number)
    note = gettext("Version %(number)s restored") % {"number": number}
    return save_entry(
        dataset=dataset,
        content=content_of(older),
        by=by,
        entry=entry,
        based_on=based_on,
        note=note,
        restored_from=number,
    )


@transaction.atomic
def withdraw_entry(*, entry: GuideEntry) -> bool:
    """Take an entry out of the guide; it stays with its versions. Returns whether it was in the guide."""
    return bool(GuideEntry.objects.filter(pk=entry.pk, withdrawn_at=None).update(withdrawn_at=now()))


@transaction.atomic
def reinstate_entry(*, dataset: Dataset, entry: GuideEntry) -> bool:
    """Put a withdrawn entry back. Raises EditedMeanwhile if its classes have another entry by now."""
    guide = ensure_guide(dataset=dataset)
    entry = GuideEntry.objects.select_for_update().get(pk=entry.pk, guide=guide)
    if other := _entry_about(guide, entry.labels):
        if other.pk == entry.pk:
            return False
        raise EditedMeanwhile(other.versions.get(number=other.version))
    return bool(GuideEntry.objects.filter(pk=entry.pk).update(withdrawn_at=None))


@transaction.atomic
def add_picture(
    *, dataset: Dataset, pictures: Pictures, digest: str, by: User | None, source: Image | None = None
) -> GuidePicture:
    """Store a picture for entries to show, once for each file. Only pixels are stored, and nothing of the file."""
    guide = ensure_guide(dataset=dataset)
    stored = guide.pictures.filter(digest=digest).first()
    if stored is not None:
        return stored
    row = GuidePicture(guide=guide, digest=digest, source=source, added_by=by, created_at=now())
    with all_or_no_files([(row.picture, f"guide/{row.public_id}.jpg", pictures.display)]):
        row.save()
    return row


def _locked(guide: Guide, content: Content, entry: GuideEntry | None) -> GuideEntry | None:
    """Return the entry to write to, locked: the one that was opened, or the one that these classes have already."""
    if entry is not None:
        entry = GuideEntry.objects.select_for_update().get(pk=entry.pk, guide=guide)
    other = _entry_about(guide, content.labels)
    if other is not None and (entry is None or other.pk != entry.pk):
        if entry is not None:
            raise EditedMeanwhile(other.versions.get(number=other.version))
        return other
    return entry


def _entry_about(guide: Guide, labels: Sequence[int]) -> GuideEntry | None:
    """Return the entry in force about exactly these classes, locked."""
    entries = GuideEntry.objects.select_for_update().filter(guide=guide, labels=list(labels), withdrawn_at=None)
    return entries.first()


def _store(
    guide: Guide, entry: GuideEntry | None, content: Content, by: User | None, note: str, restored_from: int | None
) -> GuideVersion:
    moment = now()
    current = {"title": content.title, "labels": list(content.labels), "search": _search(guide, content)}
    if entry is None:
        entry = GuideEntry.objects.create(guide=guide, version=1, created_at=moment, **current)
    else:
        # To write about a withdrawn entry puts it back into the guide.
        GuideEntry.objects.filter(pk=entry.pk).update(version=F("version") + 1, withdrawn_at=None, **current)
        entry.refresh_from_db()
    fields = stored_content(content) | {"note": note, "restored_from": restored_from}
    return GuideVersion.objects.create(entry=entry, number=entry.version, written_by=by, created_at=moment, **fields)


def _search(guide: Guide, content: Content) -> Combinable:
    labels = Label.objects.filter(label_set=guide.label_set_id, index__in=content.labels)
    names = " ".join(f"{label.words} {label.wnid} {label.index}" for label in labels)
    traits = " ".join(" ".join([trait.name, *trait.values.values()]) for trait in content.traits)
    others = [link.title for link in content.links] + [picture.caption for picture in content.pictures]
    texts = {"A": content.title, "B": names, "C": f"{content.body} {traits}", "D": " ".join(others)}
    vectors: list[Combinable] = [
        SearchVector(Value(text), weight=weight, config=LANGUAGE) for weight, text in texts.items()
    ]
    return reduce(lambda first, second: first + second, vectors)
