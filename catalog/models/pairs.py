"""The registry of pairs of classes that cannot be told apart, or hardly, with the source of each statement."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy

from catalog.models.studies import Label, LabelSet


class PairKind(models.TextChoices):
    """Relations between two classes of a label set."""

    EQUIVALENT = "equivalent", gettext_lazy("equivalent")
    CONFUSABLE = "confusable", gettext_lazy("confusable")
    SUBSET = "subset", gettext_lazy("a kind of the other")


class ClassPair(models.Model):
    """A statement of a source (`provenance`) that two classes are equivalent, confusable, or one a kind of the other.

    `first` has the lower index; a trigger holds this, and that both belong to the label set. `narrower` is the class
    that is a kind of the other, for `subset` alone. `added_by` is null for the site administrator at the shell.
    """

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="class_pairs")
    first = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, choices=PairKind)
    narrower = models.ForeignKey(Label, on_delete=models.PROTECT, null=True, related_name="+")
    provenance = models.CharField(max_length=300)
    note = models.CharField(max_length=500, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["first", "second", "kind", "provenance"],
                condition=Q(withdrawn_at=None),
                name="class_pair_once_per_kind_and_source",
            ),
            models.CheckConstraint(condition=Q(kind__in=PairKind.values), name="class_pair_is_of_a_kind"),
            models.CheckConstraint(condition=~Q(provenance=""), name="class_pair_has_a_source"),
            models.CheckConstraint(
                condition=(
                    Q(kind="subset", narrower__isnull=False) & (Q(narrower=F("first")) | Q(narrower=F("second")))
                )
                | (~Q(kind="subset") & Q(narrower=None)),
                name="class_pair_of_a_subset_has_a_narrower_class",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("created_at")),
                name="class_pair_is_withdrawn_after_its_creation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first.name} – {self.second.name}: {self.kind}"
