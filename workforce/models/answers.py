"""Leases, assignments and submissions. A submission is stored raw; task rooms cast votes from it."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import SettingsVersion, new_public_id
from workforce.models.people_and_work import HIT, Batch, Slot, Worker


class Lease(models.Model):
    """A worker's hold on a slot of a HIT until `expires_at`. One row per (HIT, worker): coming back renews it.

    If a marketplace assigns the work, a lease takes no slot: a browser's word proves nothing, and invented IDs could
    hold all slots. There a confirmed submission fills a slot.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        EXPIRED = "expired"
        SUBMITTED = "submitted"

    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, related_name="leases")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", db_index=False)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="leases", db_index=False)
    takes_slot = models.BooleanField(default=True, db_default=True)
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField()
    # The beginning of the present hold: a renewal after the time was over begins another one.
    opened_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    # Keyed mark of the network that last took this lease, on links; empty once it is forgotten. Never shown.
    network_mark = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
    # The assignment under which a page is shown or submitted, during the request; no column.
    assignment: "Assignment | None" = None
    # The consent that the address of a page in a frame names, during the request; no column.
    consent_id: int | None = None
    # What its worker decided before the work, if it was read already, during the request; no column.
    standing: Any = None
    # The key under which a submitted page was made, if not SECRET_KEY, during the request; no column.
    page_key = ""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["worker", "hit"], name="one_lease_per_worker_and_hit"),
            models.UniqueConstraint(fields=["slot"], condition=Q(state="active"), name="one_active_lease_per_slot"),
            # On a marketplace a worker can accept several HITs at once.
            models.UniqueConstraint(
                fields=["worker", "batch"],
                condition=Q(state="active", takes_slot=True),
                name="one_active_lease_per_worker_and_batch",
            ),
            models.CheckConstraint(
                condition=Q(state="active", takes_slot=True, slot__isnull=False)
                | (~Q(state="active", takes_slot=True) & Q(slot__isnull=True)),
                name="only_an_active_lease_holds_a_slot",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "expired", "submitted"]), name="lease_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["worker", "batch", "created_at"], name="leases_of_a_worker"),
            models.Index(fields=["expires_at"], condition=Q(state="active"), name="active_leases_by_expiry"),
            models.Index(
                fields=["batch", "network_mark"],
                condition=Q(state="active") & ~Q(network_mark=""),
                name="active_leases_of_a_network",
            ),
            models.Index(
                fields=["hit"], condition=Q(state="active", takes_slot=False), name="slotless_leases_of_a_hit"
            ),
            models.Index(
                fields=["worker"], condition=Q(state="active", takes_slot=False), name="slotless_leases_of_a_worker"
            ),
        ]

    def __str__(self) -> str:
        return f"lease {self.pk} ({self.state})"


class Assignment(models.Model):
    """A worker's assignment on a marketplace, as a browser named it: unproven.

    A marketplace gives the id of a returned assignment to the next worker, so only id and worker together identify it.
    A forged combination with another HIT gets a row of its own, which affects nobody. `outcome` stays empty until the
    marketplace lists the assignment, or it is orphaned.
    """

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed"  # the receipt came back: the answer fills a slot
        SURPLUS = "surplus"  # the receipt came back, but no slot was free: paid, not counted
        RECOVERED = "recovered"  # the answer came through the marketplace alone; a Celery task reads it
        REPEATED = "repeated"  # the worker answered the HIT in another assignment: paid, asked again
        UNREADABLE = "unreadable"  # submitted there without receipt or copy of an answer: paid, asked again
        ORPHANED = "orphaned"  # not confirmed by the marketplace, or given to another worker: not counted

    external_id = models.CharField(max_length=64)
    external_hit_id = models.CharField(max_length=64)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="assignments")
    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="assignments")
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    created_at = models.DateTimeField()
    # When its page was first opened since it was last accepted, as far as the time allowed shows.
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["external_id", "worker", "external_hit_id"], name="assignment_once_per_worker_and_hit_there"
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="assignment_has_an_id"),
            models.CheckConstraint(
                condition=Q(
                    outcome__in=["", "confirmed", "surplus", "recovered", "repeated", "unreadable", "orphaned"]
                ),
                name="assignment_outcome_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"assignment of {self.lease}"

    @property
    def is_waited_for(self) -> bool:
        """Return whether the marketplace has not listed it, so that an answer can still be submitted."""
        return self.outcome in ("", self.Outcome.ORPHANED)


class Submission(models.Model):
    """A raw answer. The order of ids is the order of submission, and breaks ties in the aggregation.

    A replayed submission has no lease: it was given elsewhere. A submission from a marketplace's frame belongs to an
    assignment: anybody with a worker's ID can write in their name, so several may wait for proof. At most one of them
    is ever proven.
    """

    class State(models.TextChoices):
        PROVISIONAL = "provisional"
        CONFIRMED = "confirmed"
        ORPHANED = "orphaned"
        SURPLUS = "surplus"

    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, related_name="submissions")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="submissions")
    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, null=True, related_name="submissions", db_index=False)
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, null=True, related_name="submissions", db_index=False
    )
    slot = models.OneToOneField(Slot, on_delete=models.PROTECT, null=True, related_name="submission")
    settings = models.ForeignKey(SettingsVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=12, choices=State)
    answer = models.JSONField()
    idempotency_key = models.CharField(max_length=100, unique=True)
    submitted_at = models.DateTimeField()
    # Null until the aggregation has counted this submission; an exclusion sets it to null again.
    aggregated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["worker", "hit"],
                condition=Q(assignment=None) | Q(state__in=["confirmed", "surplus"]),
                name="one_submission_per_worker_and_hit",
            ),
            models.UniqueConstraint(fields=["lease"], condition=Q(assignment=None), name="one_submission_per_lease"),
            models.CheckConstraint(
                condition=~Q(state="provisional") | Q(assignment__isnull=False),
                name="what_waits_for_proof_names_its_assignment",
            ),
            models.CheckConstraint(
                condition=Q(assignment=None) | Q(lease__isnull=False), name="under_an_assignment_there_is_a_lease"
            ),
            # Since slot is unique, there are never more counted answers than slots.
            models.CheckConstraint(
                condition=Q(state="confirmed", slot__isnull=False) | (~Q(state="confirmed") & Q(slot__isnull=True)),
                name="a_submission_is_confirmed_iff_it_fills_a_slot",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["provisional", "confirmed", "orphaned", "surplus"]),
                name="submission_state_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(aggregated_at=None), name="submissions_to_aggregate"),
            models.Index(fields=["hit"], condition=Q(state="provisional"), name="provisional_submissions"),
            models.Index(fields=["lease"], condition=Q(assignment__isnull=False), name="submissions_of_assignments"),
            models.Index(fields=["hit"], condition=Q(answer__has_key="unseen"), name="submissions_with_unseen"),
        ]

    def __str__(self) -> str:
        return f"submission {self.pk} ({self.state})"


class Exclusion(models.Model):
    """The reason why a paid submission does not count. Reversible: lifting it keeps the record.

    `step` is common to the exclusions that were decided at once, and are lifted at once; empty for a single one.
    """

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="exclusions")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)
    step = models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)

    class Meta:
        indexes = [models.Index(fields=["step"], condition=~Q(step=""), name="exclusions_of_a_step")]
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=Q(lifted_at=None), name="one_standing_exclusion_per_submission"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="exclusion_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"exclusion of {self.submission}"
