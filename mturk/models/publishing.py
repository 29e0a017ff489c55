"""Models of a batch on a marketplace with the MTurk API: its terms, its HITs there, and the calls for them."""

import secrets
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from catalog.models import new_public_id
from workforce.models.people_and_work import HIT, Batch, Worker

# Ten assignments or more cost twice the fee.
MOST_ASSIGNMENTS = 9
# Workers must not wait longer for their pay, whatever happens here.
LONGEST_AUTO_APPROVAL_SECONDS = 3 * 24 * 3600
SHORTEST_SECONDS, LONGEST_SECONDS = 30, 31_536_000


def new_token() -> str:
    """Return a UniqueRequestToken: the marketplace carries out calls with the same token once."""
    return secrets.token_urlsafe(32)


class Qualification(models.Model):
    """A qualification type of ours on the marketplace; it keeps its holders from our HITs, or lets them in."""

    name = models.CharField(max_length=200, unique=True)
    description = models.CharField(max_length=500)
    type_id = models.CharField(max_length=64, blank=True)

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_qualification"
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="qualification_has_a_name")]

    def __str__(self) -> str:
        return self.name


class Terms(models.Model):
    """The terms of a batch on the marketplace. The reward is in dollars, exact to the cent."""

    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="terms")
    title = models.CharField(max_length=128)
    description = models.CharField(max_length=2000)
    keywords = models.CharField(max_length=1000, blank=True)
    reward = models.DecimalField(max_digits=8, decimal_places=2)
    assignment_seconds = models.PositiveIntegerField()
    lifetime_seconds = models.PositiveIntegerField()
    auto_approval_seconds = models.PositiveIntegerField()
    # The time for review before an answer is approved automatically.
    review_seconds = models.PositiveIntegerField(default=0, db_default=0)
    # In the format of the API; the exclusion of blocked workers is added.
    requirements = models.JSONField(default=list)
    # The limit on the sum of rewards, bonuses and fees of the batch.
    spending_cap = models.DecimalField(max_digits=12, decimal_places=2)
    # A HIT with this many paid but unusable assignments is not offered again.
    losses_per_hit = models.PositiveSmallIntegerField(default=5, db_default=5)
    hit_type_id = models.CharField(max_length=64, blank=True)
    # Whether repeated questions are not offered to workers who answered them before. Such workers get a qualification
    # that the HIT type excludes. Created when the first such HIT is offered.
    keeps_out_former = models.BooleanField(default=True, db_default=True)
    former_workers = models.OneToOneField(Qualification, on_delete=models.PROTECT, null=True, related_name="terms")
    guarded_type_id = models.CharField(max_length=64, blank=True)
    published_at = models.DateTimeField(db_default=Now())
    # The end of its HITs on the marketplace; in the past: they expired.
    expires_at = models.DateTimeField()

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_terms"
        verbose_name_plural = "terms"
        constraints = [
            models.CheckConstraint(condition=Q(reward__gt=0), name="reward_is_more_than_nothing"),
            models.CheckConstraint(condition=Q(spending_cap__gte=F("reward")), name="spending_cap_allows_one_reward"),
            models.CheckConstraint(
                condition=Q(auto_approval_seconds__lte=LONGEST_AUTO_APPROVAL_SECONDS),
                name="approved_after_three_days_at_the_latest",
            ),
            models.CheckConstraint(
                condition=Q(review_seconds__lt=F("auto_approval_seconds")), name="reviewed_before_it_is_approved"
            ),
            models.CheckConstraint(
                condition=Q(
                    assignment_seconds__range=(SHORTEST_SECONDS, LONGEST_SECONDS),
                    lifetime_seconds__range=(SHORTEST_SECONDS, LONGEST_SECONDS),
                ),
                name="marketplace_takes_these_durations",
            ),
        ]

    def __str__(self) -> str:
        return f"terms of {self.batch}"


class MarketplaceHIT(models.Model):
    """A HIT on the marketplace, for some answers to a HIT of ours. `public_id` is its RequesterAnnotation."""

    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, related_name="marketplace_hits")
    terms = models.ForeignKey(Terms, on_delete=models.PROTECT, related_name="marketplace_hits")
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    # The marketplace's id; null until it confirmed the creation.
    external_id = models.CharField(max_length=64, null=True, unique=True)
    n_assignments = models.PositiveSmallIntegerField()
    # Set for a HIT that asks nothing and pays this worker alone, who could not submit.
    compensates = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="compensations")
    qualification = models.ForeignKey(Qualification, on_delete=models.PROTECT, null=True, related_name="+")
    # Submitted, approved and rejected assignments, as the marketplace last counted them.
    n_handed_in = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    polled_at = models.DateTimeField(null=True)
    # The number of failed polls in a row, and the time until which other HITs go first.
    n_failed_polls = models.PositiveSmallIntegerField(default=0, db_default=0)
    not_before = models.DateTimeField(null=True)
    # No more submissions can come, and all are paid or rejected.
    finished_at = models.DateTimeField(null=True)

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_marketplacehit"
        constraints = [
            models.CheckConstraint(
                condition=Q(n_assignments__range=(1, MOST_ASSIGNMENTS)), name="few_enough_assignments_for_the_lower_fee"
            ),
            models.CheckConstraint(
                condition=Q(n_handed_in__lte=F("n_assignments")), name="no_more_handed_in_than_were_offered"
            ),
            models.CheckConstraint(condition=~Q(external_id=""), name="marketplace_id_is_not_empty"),
            models.CheckConstraint(
                condition=Q(compensates=None, qualification=None)
                | Q(compensates__isnull=False, qualification__isnull=False, n_assignments=1),
                name="a_compensation_is_for_one_person",
            ),
            models.UniqueConstraint(fields=["hit", "compensates"], name="compensated_once_for_a_hit"),
        ]
        indexes = [
            models.Index(fields=["polled_at"], condition=Q(finished_at=None), name="marketplace_hits_to_poll"),
        ]

    def __str__(self) -> str:
        return f"{self.n_assignments} assignments of {self.hit}"

    @property
    def confirmed_id(self) -> str:
        """Return the marketplace's own id of a HIT whose creation it has confirmed."""
        assert self.external_id is not None, "the marketplace has not confirmed this HIT yet"
        return self.external_id


class Call(models.Model):
    """A call that changes something on the marketplace, stored with its decision and sent afterwards: the outbox.

    Unsure: a try began, and its outcome is unknown. Its token was stored before, so it can be retried; once the
    marketplace has forgotten the token, a look-up comes first. Failed: the marketplace refused it. Withdrawn: a later
    decision came before it was sent.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        UNSURE = "unsure"
        DONE = "done"
        FAILED = "failed"
        WITHDRAWN = "withdrawn"

    op = models.CharField(max_length=60)
    # The decision, which is stored once however often it is made.
    purpose = models.CharField(max_length=200, unique=True)
    # The parameters without ids of workers: those stay in their own table and are added on sending.
    payload = models.JSONField()
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, related_name="calls")
    unique_token = models.CharField(max_length=64, unique=True, default=new_token)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    next_try = models.DateTimeField(db_default=Now())
    # The first try under this token that may have been carried out.
    first_tried_at = models.DateTimeField(null=True)
    # The last such try; null if surely none was carried out. A refusal says nothing about the tries before it.
    doubtful_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=1000, blank=True)
    # No columns. For a claimed call, from the row before: whether an earlier try may have been carried out, and the
    # time of the last such try.
    was_unsure: bool = False
    doubted_before: datetime | None = None

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_call"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "unsure", "done", "failed", "withdrawn"]),
                name="call_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="done", done_at__isnull=False) | (~Q(state="done") & Q(done_at=None)),
                name="a_call_is_done_at_some_time",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["unsure", "done"]) | Q(attempts__gte=1, first_tried_at__isnull=False),
                name="only_a_tried_call_has_an_outcome",
            ),
            # A later move of the end corrects this one; nothing else that may have been carried out can be corrected.
            models.CheckConstraint(
                condition=Q(state__in=["done", "failed"])
                | Q(state="unsure", doubtful_at__isnull=False)
                | Q(state__in=["waiting", "withdrawn"], doubtful_at=None)
                | Q(state="withdrawn", op="UpdateExpirationForHIT"),
                name="what_may_be_carried_out_is_not_withdrawn",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "next_try", "id"], condition=Q(state__in=["waiting", "unsure"]), name="calls_to_send"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.op} ({self.state})"


class RateLimit(models.Model):
    """A bucket of tokens shared by all processes: a call takes one, and below zero it has to wait for its turn."""

    name = models.CharField(max_length=40, primary_key=True)
    tokens = models.FloatField()
    filled_at = models.DateTimeField()

    class Meta:
        # Its name from before this room was.
        db_table = "workforce_ratelimit"

    def __str__(self) -> str:
        return f"rate of {self.name}"
