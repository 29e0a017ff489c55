"""The record of what people decided. Rows are only added; the database refuses anything else."""

from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """A decision: who made it, what about, how it was before and after, and why.

    Subjects are named as researchers name them: no ID of a marketplace, no network, no key.
    """

    class Area(models.TextChoices):
        CONFIG = "config"
        MONEY = "money"
        REVIEW = "review"
        EXPORT = "export"
        PERMISSION = "permission"

    at = models.DateTimeField(db_default=Now())
    # The name and the account, if a person was signed in; otherwise the user of the shell, or the site itself.
    actor = models.CharField(max_length=200)
    account = models.IntegerField(null=True)
    area = models.CharField(max_length=20, choices=Area)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=300)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["at"], name="audit_entries_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(area__in=["config", "money", "review", "export", "permission"]),
                name="audit_area_is_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(actor="") & ~models.Q(action=""), name="audit_names_actor_and_action"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.subject}"


class AuditLink(models.Model):
    """The place of an entry in the chain: its digest covers the digest before it. The database writes it at commit."""

    entry = models.OneToOneField(AuditEntry, on_delete=models.PROTECT, primary_key=True, related_name="link")
    number = models.BigIntegerField(unique=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"
