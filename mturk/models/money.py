"""Models of listed assignments, payments and rejections. The ledger only grows."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from mturk.models.publishing import Call, MarketplaceHIT
from workforce.models.answers import Submission
from workforce.models.people_and_work import Batch, Worker


class ListedAssignment(models.Model):
    """An assignment that the marketplace listed as submitted: the proof that this worker did this HIT.

    `finding` is its result: the submission was confirmed and filled a slot, or was surplus; the answer was recovered
    from the marketplace's copy; the worker had answered the HIT before; the answer was unreadable; or it compensates a
    worker who could not submit. All of them are paid.
    """

    class Finding(models.TextChoices):
        CONFIRMED = "confirmed"
        SURPLUS = "surplus"
        RECOVERED = "recovered"
        REPEATED = "repeated"
        UNREADABLE = "unreadable"
        COMPENSATION = "compensation"

    class Status(models.TextChoices):
        SUBMITTED = "submitted"
        APPROVED = "approved"
        REJECTED = "rejected"

    marketplace_hit = models.ForeignKey(MarketplaceHIT, on_delete=models.PROTECT, related_name="listed")
    external_id = models.CharField(max_length=64, unique=True)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="listed_assignments")
    submission = models.OneToOneField(Submission, on_delete=models.PROTECT, null=True, related_name="listed")
    finding = models.CharField(max_length=12, choices=Finding)
    status = models.CharField(max_length=10, choices=Status)
    accepted_at = models.DateTimeField()
    submitted_at = models.DateTimeField()
    listed_at = models.DateTimeField(db_default=Now())
    # The marketplace's copy, if we lack it: an answer to be recovered, or an unreadable one.
    answer = models.TextField(blank=True)

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_listedassignment"
        constraints = [
            models.CheckConstraint(
                condition=Q(finding__in=["repeated", "unreadable", "compensation"]) | Q(submission__isnull=False),
                name="what_was_read_is_a_submission",
            ),
            models.CheckConstraint(
                condition=Q(
                    finding__in=["confirmed", "surplus", "recovered", "repeated", "unreadable", "compensation"]
                ),
                name="finding_on_an_assignment_is_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["submitted", "approved", "rejected"]), name="assignment_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"assignment {self.external_id} ({self.status})"


class LedgerEntry(models.Model):
    """An amount that the marketplace took, in dollars. Rows are added and never changed: a trigger ensures that."""

    class Kind(models.TextChoices):
        REWARD = "reward"
        REWARD_FEE = "reward_fee"
        BONUS = "bonus"
        BONUS_FEE = "bonus_fee"

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="ledger")
    listed = models.ForeignKey(ListedAssignment, on_delete=models.PROTECT, related_name="ledger")
    # The call of a bonus; a reward may be paid without a call, when the marketplace approves by itself.
    call = models.ForeignKey(Call, on_delete=models.PROTECT, null=True, related_name="ledger")
    kind = models.CharField(max_length=10, choices=Kind)
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    booked_at = models.DateTimeField(db_default=Now())

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_ledgerentry"
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_amount_is_more_than_nothing"),
            models.CheckConstraint(
                condition=Q(kind__in=["reward", "reward_fee"], call=None)
                | Q(kind__in=["bonus", "bonus_fee"], call__isnull=False),
                name="a_bonus_is_booked_for_its_call",
            ),
            models.UniqueConstraint(
                fields=["listed", "kind"], condition=Q(call=None), name="one_reward_and_fee_per_assignment"
            ),
            models.UniqueConstraint(fields=["call", "kind"], name="one_bonus_and_fee_per_call"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of ${self.amount}"


class Rejection(models.Model):
    """A rejection of an assignment, its researchers and reason; reversible within 30 days. The record stays."""

    listed = models.ForeignKey(ListedAssignment, on_delete=models.PROTECT, related_name="rejections")
    reason = models.CharField(max_length=1024)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    seconded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(db_default=Now())
    overridden_at = models.DateTimeField(null=True)
    overridden_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    override_reason = models.CharField(max_length=1024, blank=True)

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_rejection"
        constraints = [
            models.UniqueConstraint(
                fields=["listed"], condition=Q(overridden_at=None), name="one_standing_rejection_per_assignment"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="rejection_has_a_reason"),
            models.CheckConstraint(
                condition=Q(seconded_by=None) | ~Q(seconded_by=F("decided_by")), name="who_seconds_is_somebody_else"
            ),
            models.CheckConstraint(
                condition=Q(overridden_at=None, overridden_by=None, override_reason="")
                | (Q(overridden_at__isnull=False, overridden_by__isnull=False) & ~Q(override_reason="")),
                name="an_override_says_who_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"rejection of {self.listed}"
