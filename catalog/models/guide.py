"""The labelling guide: entries about classes, their versions, and the pictures that these show."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q

from catalog.models.studies import Dataset, Image, LabelSet, new_public_id


class Guide(models.Model):
    """A labelling guide for the classes of a label set, which one study or several use."""

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="guides")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"guide {self.pk} of {self.label_set}"


class GuideUse(models.Model):
    """The guide of a study. A trigger holds that both have the same label set."""

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="guide_use")
    guide = models.ForeignKey(Guide, on_delete=models.PROTECT, related_name="uses")

    def __str__(self) -> str:
        return f"{self.guide}, used by {self.dataset}"


class GuideEntry(models.Model):
    """An entry about one class, or about a group of two or more that are confused.

    Title, labels (class indexes in order) and `search` are those of the latest version, whose number is `version`.
    """

    guide = models.ForeignKey(Guide, on_delete=models.PROTECT, related_name="entries")
    version = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    labels = ArrayField(models.PositiveIntegerField())
    search = SearchVectorField()
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["guide", "labels"], condition=Q(withdrawn_at=None), name="one_guide_entry_per_group_of_classes"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="guide_entry_has_a_version"),
            models.CheckConstraint(condition=~Q(title=""), name="guide_entry_has_a_title"),
            models.CheckConstraint(condition=Q(labels__len__gte=1), name="guide_entry_is_about_a_class"),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("created_at")),
                name="guide_entry_is_withdrawn_after_its_creation",
            ),
        ]
        indexes = [
            GinIndex(fields=["search"], name="guide_entries_by_word"),
            GinIndex(fields=["labels"], name="guide_entries_by_label"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_group(self) -> bool:
        return len(self.labels) > 1


class GuideVersion(models.Model):
    """A version of an entry, as somebody saved it; the database refuses to change or remove it.

    `traits`, `links` and `pictures` are lists as catalog.guide.reads.Content reads and writes them. `written_by` is
    null for a version that came from a file at the shell.
    """

    entry = models.ForeignKey(GuideEntry, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    labels = ArrayField(models.PositiveIntegerField())
    body = models.TextField(blank=True)
    traits = models.JSONField(default=list)
    links = models.JSONField(default=list)
    pictures = models.JSONField(default=list)
    note = models.CharField(max_length=300, blank=True)
    restored_from = models.PositiveIntegerField(null=True)
    written_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "number"], name="guide_version_once_per_entry"),
            models.CheckConstraint(condition=Q(number__gte=1), name="guide_version_numbers_begin_with_one"),
            models.CheckConstraint(condition=~Q(title=""), name="guide_version_has_a_title"),
            models.CheckConstraint(condition=Q(labels__len__gte=1), name="guide_version_is_about_a_class"),
            models.CheckConstraint(
                condition=Q(restored_from=None) | Q(restored_from__gte=1, restored_from__lt=F("number")),
                name="guide_version_restores_an_earlier_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title}, version {self.number}"


class GuidePicture(models.Model):
    """A picture of a guide: uploaded, or made from an image of a study (`source`). It stays, as versions name it.

    `digest` is the SHA-256 of the file that it was made from.
    """

    guide = models.ForeignKey(Guide, on_delete=models.PROTECT, related_name="pictures")
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    picture = models.FileField(max_length=300)
    digest = models.CharField(max_length=64)
    source = models.ForeignKey(Image, on_delete=models.PROTECT, null=True, related_name="+")
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["guide", "digest"], name="guide_picture_once_per_guide"),
            models.CheckConstraint(condition=~Q(digest=""), name="guide_picture_has_a_digest"),
            models.CheckConstraint(condition=~Q(picture=""), name="guide_picture_has_a_file"),
        ]

    def __str__(self) -> str:
        return f"picture {self.public_id} of {self.guide}"
