"""Requesters and their money, HITs and assignments, qualifications. Times are the marketplace's clock.

Names and states are those of the MTurk API (2017-01-17); amounts are whole cents.
"""

import secrets

from django.db import models
from django.db.models import F, Q

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def new_id(first: str = "3", length: int = 30) -> str:
    return first + "".join(secrets.choice(LETTERS) for _ in range(length - len(first)))


def new_person_id() -> str:
    return new_id("A", 14)


def new_key_id() -> str:
    return new_id("AKIA", 20)


class Requester(models.Model):
    """A person or lab that publishes HITs and pays. Money is in the ledger; this row is locked while it moves."""

    public_id = models.CharField(max_length=64, unique=True, default=new_person_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    contact = models.CharField(max_length=200, blank=True)
    # An AWS account that is not linked to a requester's account has keys but no access.
    is_linked = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class AccessKey(models.Model):
    """A requester's key. Its secret is not stored: it is derived from the id and SECRET_KEY."""

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="access_keys")
    key_id = models.CharField(max_length=32, unique=True, default=new_key_id, editable=False)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.key_id


class Worker(models.Model):
    public_id = models.CharField(max_length=64, unique=True, default=new_person_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    password = models.CharField(max_length=200)
    country = models.CharField(max_length=2, default="US")
    subdivision = models.CharField(max_length=2, blank=True)
    is_adult = models.BooleanField(default=False)
    is_master = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.public_id


class HITType(models.Model):
    """The common values of a group of HITs. `digest` is of all values: the same values are the same type."""

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="hit_types")
    public_id = models.CharField(max_length=64, unique=True, default=new_id, editable=False)
    group_id = models.CharField(max_length=64, unique=True, default=new_id, editable=False)
    title = models.CharField(max_length=128)
    description = models.CharField(max_length=2000)
    keywords = models.CharField(max_length=1000, blank=True)
    reward_cents = models.PositiveBigIntegerField()
    assignment_seconds = models.PositiveBigIntegerField()
    auto_approval_seconds = models.PositiveBigIntegerField()
    # A list of QualificationRequirement, as in the API.
    requirements = models.JSONField(default=list)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["requester", "digest"], name="hit_type_once_per_values"),
        ]

    def __str__(self) -> str:
        return self.title


class HIT(models.Model):
    """A HIT. `n_…` count its assignments by status; `promised_cents` is the cost of assignments in progress or pending
    review, `held_cents` the money set aside for the HIT. At `due_at` the HIT may change by itself."""

    class Status(models.TextChoices):
        ASSIGNABLE = "Assignable"
        UNASSIGNABLE = "Unassignable"
        REVIEWABLE = "Reviewable"
        REVIEWING = "Reviewing"
        DISPOSED = "Disposed"

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="hits")
    hit_type = models.ForeignKey(HITType, on_delete=models.PROTECT, related_name="hits")
    public_id = models.CharField(max_length=64, unique=True, default=new_id, editable=False)
    question = models.TextField()
    annotation = models.CharField(max_length=255, blank=True)
    max_assignments = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    visible_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.ASSIGNABLE)
    n_pending = models.PositiveBigIntegerField(default=0)
    n_submitted = models.PositiveBigIntegerField(default=0)
    n_approved = models.PositiveBigIntegerField(default=0)
    n_rejected = models.PositiveBigIntegerField(default=0)
    promised_cents = models.PositiveBigIntegerField(default=0)
    held_cents = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(max_assignments__gte=F("n_pending") + F("n_submitted") + F("n_approved") + F("n_rejected")),
                name="hit_never_has_too_many_assignments",
            ),
            models.CheckConstraint(condition=Q(max_assignments__gte=1), name="hit_wants_an_assignment"),
            models.CheckConstraint(condition=Q(held_cents__gte=F("promised_cents")), name="hit_keeps_its_promises"),
            models.CheckConstraint(
                condition=Q(status__in=["Assignable", "Unassignable", "Reviewable", "Reviewing", "Disposed"]),
                name="hit_status_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="hit_by_due_time"),
            models.Index(fields=["requester", "status"], name="hit_by_requester_status"),
            models.Index(fields=["hit_type", "id"], condition=Q(status="Assignable"), name="hit_assignable_by_type"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def n_available(self) -> int:
        return self.max_assignments - self.n_pending - self.n_submitted - self.n_approved - self.n_rejected

    @property
    def is_live(self) -> bool:
        return self.status in (self.Status.ASSIGNABLE, self.Status.UNASSIGNABLE)


class Assignment(models.Model):
    """A worker's assignment of a HIT. Once returned it is free; its id goes to the next worker, as on MTurk."""

    class Status(models.TextChoices):
        FREE = "Free"
        PENDING = "Pending"
        SUBMITTED = "Submitted"
        APPROVED = "Approved"
        REJECTED = "Rejected"

    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, related_name="assignments")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="assignments")
    public_id = models.CharField(max_length=64, unique=True, default=new_id, editable=False)
    status = models.CharField(max_length=20, choices=Status, default=Status.FREE)
    # Promised on accepting: a change of the HIT's type affects only later assignments.
    reward_cents = models.PositiveBigIntegerField()
    fee_cents = models.PositiveBigIntegerField()
    auto_approval_seconds = models.PositiveBigIntegerField()
    accepted_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    visible_at = models.DateTimeField(null=True)
    auto_approval_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    rejected_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    feedback = models.CharField(max_length=1024, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hit", "worker"], name="assignment_once_per_hit_and_worker"),
            models.CheckConstraint(
                condition=Q(status="Free", worker=None) | (~Q(status="Free") & Q(worker__isnull=False)),
                name="assignment_is_free_or_has_a_worker",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["Free", "Pending"], submitted_at=None)
                | Q(status__in=["Submitted", "Approved", "Rejected"], submitted_at__isnull=False),
                name="assignment_submitted_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(status="Approved", approved_at__isnull=False)
                | (~Q(status="Approved") & Q(approved_at=None)),
                name="assignment_approved_has_its_time",
            ),
        ]
        indexes = [models.Index(fields=["worker", "status"], name="assignment_by_worker_status")]

    def __str__(self) -> str:
        return self.public_id

    @property
    def holder(self) -> Worker:
        """Return the worker of an assignment that is not free."""
        assert self.worker is not None, "a free assignment has no worker"
        return self.worker


class BonusPayment(models.Model):
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="bonuses")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="bonuses")
    cents = models.PositiveBigIntegerField()
    reason = models.TextField()
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(cents__gte=1), name="bonus_is_not_nothing")]

    def __str__(self) -> str:
        return f"bonus for {self.assignment}"


class LedgerEntry(models.Model):
    """One movement of a requester's money; a trigger prevents changing or deleting it.

    `available` and `held` are changes, `…_after` the balances they lead to: another trigger refuses a row that does
    not go on from the row before it. The sum of the rows is therefore the balance, always.
    """

    class Kind(models.TextChoices):
        DEPOSIT = "deposit"
        HOLD = "hold"
        RELEASE = "release"
        REWARD = "reward"
        REWARD_FEE = "reward fee"
        BONUS = "bonus"
        BONUS_FEE = "bonus fee"

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="entries")
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    available = models.BigIntegerField()
    held = models.BigIntegerField()
    available_after = models.PositiveBigIntegerField()
    held_after = models.PositiveBigIntegerField()
    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, null=True, related_name="entries")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, null=True, related_name="entries")
    bonus = models.ForeignKey(BonusPayment, on_delete=models.PROTECT, null=True, related_name="entries")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(fields=["requester", "number"], name="entry_number_once_per_requester"),
            models.UniqueConstraint(
                fields=["assignment", "kind"],
                condition=Q(kind__in=["reward", "reward fee"]),
                name="reward_paid_once_per_assignment",
            ),
            models.UniqueConstraint(fields=["bonus", "kind"], name="bonus_paid_once_each"),
            models.CheckConstraint(
                condition=~Q(kind__in=["reward", "reward fee"]) | Q(assignment__isnull=False),
                name="reward_is_for_an_assignment",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["bonus", "bonus fee"]) | Q(bonus__isnull=False), name="bonus_entry_has_its_bonus"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["hold", "release"]) | Q(available=-F("held")), name="holding_moves_money_only"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.requester}"


class RequestToken(models.Model):
    """A UniqueRequestToken that was used: for a HIT, for further assignments or for a bonus."""

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=10)
    token = models.CharField(max_length=64)
    request_id = models.CharField(max_length=36)
    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, null=True, related_name="+")
    used_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["requester", "purpose", "token"], name="token_once_per_purpose"),
        ]

    def __str__(self) -> str:
        return self.token


class QualificationType(models.Model):
    """A type of qualifications. A type without a requester is the marketplace's own, and its values are computed."""

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, null=True, related_name="qualification_types")
    public_id = models.CharField(max_length=64, unique=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField()
    keywords = models.CharField(max_length=1000, blank=True)
    is_active = models.BooleanField(default=True)
    test = models.TextField(blank=True)
    answer_key = models.TextField(blank=True)
    test_seconds = models.PositiveBigIntegerField(null=True)
    retry_seconds = models.PositiveBigIntegerField(null=True)
    auto_granted = models.BooleanField(default=False)
    auto_granted_value = models.IntegerField(null=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["requester", "name"], condition=Q(deleted_at=None), name="qualification_name_once_per_requester"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Qualification(models.Model):
    qualification_type = models.ForeignKey(QualificationType, on_delete=models.PROTECT, related_name="qualifications")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="qualifications")
    value = models.IntegerField()
    granted_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["qualification_type", "worker"], name="qualification_once_per_worker"),
        ]

    def __str__(self) -> str:
        return f"{self.qualification_type} of {self.worker}"


class QualificationRequest(models.Model):
    qualification_type = models.ForeignKey(QualificationType, on_delete=models.PROTECT, related_name="requests")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="qualification_requests")
    public_id = models.CharField(max_length=64, unique=True, default=new_id, editable=False)
    answer = models.TextField(blank=True)
    submitted_at = models.DateTimeField()
    granted_at = models.DateTimeField(null=True)
    rejected_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["qualification_type", "worker"],
                condition=Q(granted_at=None, rejected_at=None),
                name="one_open_request_per_worker",
            ),
        ]

    def __str__(self) -> str:
        return self.public_id


class WorkerBlock(models.Model):
    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="blocks")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="blocks")
    reason = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["requester", "worker"], name="block_once_per_worker")]

    def __str__(self) -> str:
        return f"block of {self.worker}"


class Message(models.Model):
    """A message to a worker by a requester, or by the marketplace in their name."""

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT, related_name="messages")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="messages")
    subject = models.CharField(max_length=200)
    text = models.TextField()
    sent_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.subject


class SignInAttempt(models.Model):
    """A failed or current attempt to sign in. Name and address are stored as keyed digests, for a short time."""

    name = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    tried_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"attempt of {self.tried_at}"
