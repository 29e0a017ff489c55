"""Who holds what, and what they handed in. A submission is stored first and raw; task rooms read votes from it."""

from django.db import models
from django.db.models import Q

from catalog.models import SettingsVersion, new_public_id
from workforce.models.people_and_work import HIT, Batch, Slot, Worker


class Lease(models.Model):
    """A worker's hold on a slot of a HIT until `expires_at`. One row per (HIT, worker): coming back renews it.

    Where the marketplace hands out the work, and browsers only say so, a lease takes no slot: whoever invents ids
    would hold them all. There a confirmed submission fills one.
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
    expires_at = models.DateTimeField()
    # Under which of its assignments a page is shown or sent, for as long as that takes; no column.
    assignment: "Assignment | None" = None

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["worker", "hit"], name="one_lease_per_worker_and_hit"),
            models.UniqueConstraint(fields=["slot"], condition=Q(state="active"), name="one_active_lease_per_slot"),
            # Elsewhere a person may have accepted several pieces of work at once.
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
                fields=["hit"], condition=Q(state="active", takes_slot=False), name="slotless_leases_of_a_hit"
            ),
            models.Index(
                fields=["worker"], condition=Q(state="active", takes_slot=False), name="slotless_leases_of_a_worker"
            ),
        ]

    def __str__(self) -> str:
        return f"lease {self.pk} ({self.state})"


class Assignment(models.Model):
    """What a marketplace calls one person's turn at one of its HITs, as a browser told us: proof of nothing.

    A marketplace gives the id of a returned assignment to the next worker, so it names a turn together with the
    worker only; and whoever tells us both with another HIT than the marketplace's makes a row of its own, which is in
    nobody's way. `outcome` stays empty until the marketplace lists the assignment, or nobody waits for that any more.
    """

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed"  # our receipt came back: the answer fills a slot
        SURPLUS = "surplus"  # it did, and no slot was free: paid, not counted
        RECOVERED = "recovered"  # the answer came through the marketplace alone; a task reads it
        REPEATED = "repeated"  # this person answered the HIT in another of its assignments already: paid, asked again
        UNREADABLE = "unreadable"  # handed in there with nothing that proves or holds an answer: paid, asked again
        ORPHANED = "orphaned"  # the marketplace gave the id to somebody else, or never listed it

    external_id = models.CharField(max_length=64)
    external_hit_id = models.CharField(max_length=64)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="assignments")
    lease = models.ForeignKey(Lease, on_delete=models.PROTECT, related_name="assignments")
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    created_at = models.DateTimeField()

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
        """The marketplace has not listed it, so that an answer to it may still be sent and handed over."""
        return self.outcome in ("", self.Outcome.ORPHANED)


class Submission(models.Model):
    """What a person sent, raw. Its id is the order of submission; ties in the aggregation go by it.

    A replayed submission has no lease: it was handed out elsewhere. What came from a marketplace's frame belongs to the
    assignment that it was sent under: whoever knows a worker's id can write in that worker's name, so there may be
    several that wait for proof. At most one of them is ever proven.
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
    # Null until the aggregation has recounted what this submission touches; set back to null by an exclusion.
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
            # With slot being unique: never more counted answers than slots.
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
        ]

    def __str__(self) -> str:
        return f"submission {self.pk} ({self.state})"


class Exclusion(models.Model):
    """Why a submission does not count although it was paid. Reversible: lifting it keeps the record."""

    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="exclusions")
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission"], condition=Q(lifted_at=None), name="one_standing_exclusion_per_submission"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="exclusion_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"exclusion of {self.submission}"
