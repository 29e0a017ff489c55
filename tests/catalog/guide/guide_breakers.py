"""Each constraint of the guide broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable
from datetime import timedelta

from django.db.models import F

from catalog.guide.actions import ensure_guide, save_entry
from catalog.guide.reads import Content
from catalog.models import Guide, GuideEntry, GuidePicture, GuideVersion
from catalog.reads import now
from tests.factories import make_dataset


def entry() -> GuideEntry:
    """Return an entry of one version about the classes 0 and 1."""
    content = Content("Terriers", (0, 1), "Short ears.")
    return save_entry(dataset=make_dataset(), content=content, by=None)[0].entry


def another(number: int = 2, **changed: object) -> Callable[[], object]:
    """Return what stores another version of an entry."""

    def store() -> None:
        fields = {"title": "Terriers", "labels": [0], "created_at": now()} | changed
        GuideVersion.objects.create(entry=entry(), number=number, **fields)

    return store


def entry_with(**changed: object) -> Callable[[], object]:
    return lambda: GuideEntry.objects.filter(pk=entry().pk).update(**changed)


def second_of_the_same_group() -> None:
    row = entry()
    row.pk = None
    row.save(force_insert=True)


def withdrawn_too_early() -> None:
    row = entry()
    GuideEntry.objects.filter(pk=row.pk).update(withdrawn_at=F("created_at") - timedelta(days=1))


def picture(guide: Guide | None = None, **changed: object) -> GuidePicture:
    fields = {"digest": "5" * 64, "picture": "guide/x.jpg", "created_at": now()} | changed
    return GuidePicture.objects.create(guide=guide or ensure_guide(dataset=make_dataset()), **fields)


def picture_twice() -> None:
    picture(picture().guide)


BREAKERS: dict[str, Callable[[], object]] = {
    "one_guide_entry_per_group_of_classes": second_of_the_same_group,
    "guide_entry_has_a_version": entry_with(version=0),
    "guide_entry_has_a_title": entry_with(title=""),
    "guide_entry_is_about_a_class": entry_with(labels=[]),
    "guide_entry_is_withdrawn_after_its_creation": withdrawn_too_early,
    "guide_version_once_per_entry": another(1),
    "guide_version_numbers_begin_with_one": another(0),
    "guide_version_has_a_title": another(title=""),
    "guide_version_is_about_a_class": another(labels=[]),
    "guide_version_restores_an_earlier_one": another(restored_from=2),
    "guide_picture_once_per_guide": picture_twice,
    "guide_picture_has_a_digest": lambda: picture(digest=""),
    "guide_picture_has_a_file": lambda: picture(picture=""),
}
