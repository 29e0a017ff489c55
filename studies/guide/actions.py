"""Changes of a study's labelling guide, each with a line in the record of decisions."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.decoding.reads import read_files
from catalog.guide import actions as guide
from catalog.guide.reads import Content
from catalog.models import Dataset, GuideEntry, GuidePicture, GuideVersion, Image
from catalog.photographs.reads import BadPhotograph, digest_of, pictures_of


@transaction.atomic
def write_entry(
    *, dataset: Dataset, content: Content, by: User, entry: GuideEntry | None, based_on: int, note: str = ""
) -> tuple[GuideVersion, bool]:
    """Save what a person wrote, as catalog.guide.actions.save_entry does. Returns (the version, whether it is new)."""
    version, is_new = guide.save_entry(
        dataset=dataset, content=content, by=by, entry=entry, based_on=based_on, note=note
    )
    if is_new:
        _note(dataset, "guide.write", version, {"version": version.number, "classes": version.labels}, note)
    return version, is_new


@transaction.atomic
def restore(*, dataset: Dataset, entry: GuideEntry, number: int, by: User, based_on: int) -> tuple[GuideVersion, bool]:
    """Save an older version as a new one. Returns (the version, whether it is new)."""
    version, is_new = guide.restore_version(dataset=dataset, entry=entry, number=number, by=by, based_on=based_on)
    if is_new:
        _note(dataset, "guide.restore", version, {"version": version.number, "restored": number})
    return version, is_new


@transaction.atomic
def withdraw(*, dataset: Dataset, entry: GuideEntry, reason: str = "") -> str:
    """Take an entry out of the guide. Returns a message for people."""
    if not guide.withdraw_entry(entry=entry):
        return gettext("“%(title)s” was withdrawn before.") % {"title": entry.title}
    _note(dataset, "guide.withdraw", entry, {"version": entry.version}, reason)
    return gettext("“%(title)s” is withdrawn. Its versions stay, and it can be put back.") % {"title": entry.title}


@transaction.atomic
def reinstate(*, dataset: Dataset, entry: GuideEntry) -> str:
    """Put a withdrawn entry back into the guide. Returns a message for people."""
    if guide.reinstate_entry(dataset=dataset, entry=entry):
        _note(dataset, "guide.reinstate", entry, {"version": entry.version})
    return gettext("“%(title)s” is in the guide again.") % {"title": entry.title}


@transaction.atomic
def use_guide_of(*, dataset: Dataset, other: Dataset) -> str:
    """Let a study use the guide of another one. Returns a message for people. Raises NoSharing."""
    guide.share_guide(dataset=dataset, other=other)
    record(area=Area.CONFIG, action="guide.share", subject=f"dataset {dataset}", after={"guide of": other.name})
    return gettext("“%(dataset)s” uses the guide of “%(other)s”.") % {"dataset": dataset.name, "other": other.name}


def add_picture(*, dataset: Dataset, content: bytes, by: User) -> GuidePicture:
    """Store an uploaded picture. Raises BadPhotograph.

    It is decoded in a process with limits, so that a file which breaks its decoder costs this file alone.
    """
    (verdict,) = read_files([content], 1)
    if isinstance(verdict, BadPhotograph):
        raise verdict
    return guide.add_picture(dataset=dataset, pictures=pictures_of(content), digest=digest_of(content), by=by)


def add_image(*, dataset: Dataset, image: Image, by: User) -> GuidePicture:
    """Store the picture of an image of the study. Raises BadPhotograph."""
    try:
        with image.original.open() as original:
            content = original.read()
    except (OSError, ValueError):
        raise BadPhotograph(gettext("The image has no file.")) from None
    pictures = pictures_of(content)
    return guide.add_picture(dataset=dataset, pictures=pictures, digest=digest_of(content), by=by, source=image)


def _note(dataset: Dataset, action: str, subject: object, after: dict[str, object], reason: str = "") -> None:
    record(area=Area.CONFIG, action=action, subject=f"guide of {dataset}: {subject}", after=after, reason=reason)
