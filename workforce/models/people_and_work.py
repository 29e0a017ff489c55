"""Workers, batches of HITs, and a slot for every answer that a HIT needs."""

from django.db import models
from django.db.models import F, Q

from catalog.models import Dataset, SettingsVersion, new_public_id

# Deng et al. 2009, section 3.2: an image of the initial subset gets at least this many votes.
FEWEST_INITIAL_VOTES = 10


class Worker(models.Model):
    """A person without identifying data: the marketplace's ID is stored apart, in WorkerIdentity."""

    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"worker {self.pk}"


class WorkerIdentity(models.Model):
    """A marketplace's ID of a worker, which can lead to a name. No other table stores it."""

    worker = models.OneToOneField(Worker, on_delete=models.PROTECT, related_name="identity")
    marketplace = models.CharField(max_length=60)
    external_id = models.CharField(max_length=200)

    class Meta:
        verbose_name_plural = "worker identities"
        constraints = [
            models.UniqueConstraint(fields=["marketplace", "external_id"], name="identity_once_per_marketplace"),
            models.CheckConstraint(condition=~Q(external_id=""), name="identity_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.marketplace} identity of {self.worker}"


class Batch(models.Model):
    """HITs of the same kind and settings version, opened and closed together. Their study link: /join/<public_id>.

    With the fields from `initial_images` to `max_votes` the batch is adaptive: the number of votes depends on the votes
    (Deng et al. 2009, section 3.2). All of these fields are set, or none.
    """

    class Marketplace(models.TextChoices):
        LINK = "link"
        MTURK = "mturk"
        REPLAY = "replay"
        ACCOUNTS = "accounts"  # members of the study, signed in on the staff origin

    class Admission(models.TextChoices):
        ANYONE = "anyone"  # whoever has the link, under any ID
        LISTED = "listed"  # IDs on the batch's list
        SIGNED = "signed"  # links that this site signed, each for one ID

    class Networks(models.TextChoices):
        SHARED = "shared"  # many participants behind one address, as in a lab
        OWN = "own"  # each participant at home, as on Prolific

    class Answers(models.TextChoices):
        TWO = "two"  # selected or not
        THREE = "three"  # yes, maybe or no, as in ReaL (Beyer et al. 2020)

    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="batches")
    settings = models.ForeignKey(SettingsVersion, on_delete=models.PROTECT, related_name="batches")
    # A kind in TASK_KINDS, which `open_batch` checks.
    kind = models.CharField(max_length=20)
    marketplace = models.CharField(max_length=20, choices=Marketplace)
    hits_per_worker = models.PositiveIntegerField(null=True)
    completion_code = models.CharField(max_length=60, blank=True)
    completion_url = models.URLField(max_length=500, blank=True)
    # For people who do not take part, on sites that want a code from them too.
    decline_code = models.CharField(max_length=60, blank=True, default="", db_default="")
    decline_url = models.URLField(max_length=500, blank=True, default="", db_default="")
    # Who may work by the study link, and how many of them share a network: workforce.links.
    admission = models.CharField(max_length=10, choices=Admission, default=Admission.ANYONE, db_default="anyone")
    networks = models.CharField(max_length=10, choices=Networks, default=Networks.SHARED, db_default="shared")
    # The answers that a cell of a grid offers.
    answers = models.CharField(max_length=10, choices=Answers, default=Answers.TWO, db_default="two")
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)
    # Images of each class from which the confidence of a few votes is learnt. Other images get min_votes to max_votes
    # votes, until they are positive with probability `accept` or more, or `reject` or less.
    initial_images = models.PositiveIntegerField(null=True)
    accept = models.FloatField(null=True)
    reject = models.FloatField(null=True)
    min_votes = models.PositiveSmallIntegerField(null=True)
    max_votes = models.PositiveSmallIntegerField(null=True)

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(initial_images=None, accept=None, reject=None, min_votes=None, max_votes=None)
                | Q(
                    initial_images__isnull=False,
                    accept__isnull=False,
                    reject__isnull=False,
                    min_votes__isnull=False,
                    max_votes__isnull=False,
                ),
                name="adaptive_figures_are_all_set_or_none",
            ),
            models.CheckConstraint(
                condition=Q(max_votes=None)
                | Q(
                    kind="contains",
                    initial_images__gte=1,
                    reject__gte=0,
                    reject__lt=F("accept"),
                    accept__lte=1,
                    min_votes__gte=1,
                    min_votes__lte=F("max_votes"),
                ),
                name="adaptive_figures_make_a_stopping_rule",
            ),
            # The aggregation finds or creates it whenever an image is ready: two would split the forms.
            models.UniqueConstraint(
                fields=["dataset", "settings"],
                condition=Q(closed_at=None, kind="classify", marketplace__in=["link", "mturk"]),
                name="one_open_classify_batch_per_settings",
            ),
            models.CheckConstraint(
                condition=Q(marketplace__in=["link", "mturk", "replay", "accounts"]), name="batch_marketplace_is_known"
            ),
            models.CheckConstraint(
                condition=Q(admission__in=["anyone", "listed", "signed"]), name="batch_admission_is_known"
            ),
            models.CheckConstraint(condition=Q(networks__in=["shared", "own"]), name="batch_networks_are_known"),
            models.CheckConstraint(
                condition=Q(answers="two") | Q(answers="three", kind="contains"), name="batch_answers_are_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.dataset} on {self.marketplace}"

    @property
    def is_adaptive(self) -> bool:
        return self.max_votes is not None

    @property
    def initial_votes(self) -> int:
        """Return the votes for an image of the initial subset: enough for every cell of the learnt table."""
        assert self.max_votes is not None, "only adaptive batches have an initial subset"
        return max(FEWEST_INITIAL_VOTES, self.max_votes)


class ListedID(models.Model):
    """An ID on the list of a batch whose admission is `listed`: a keyed digest, since WorkerIdentity alone has IDs."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="listed_ids", db_index=False)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "digest"], name="listed_once_per_batch")]

    def __str__(self) -> str:
        return f"listed ID of {self.batch}"


class HIT(models.Model):
    """A grid or form, answered by as many people as it has slots."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="hits")
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    closed_at = models.DateTimeField(null=True)
    # Of an adaptive batch: whether its images belong to the initial subset.
    initial = models.BooleanField(default=False, db_default=False)
    # Answers that it asks for in place of answers without a vote: all of a further grid, some of a form.
    n_further = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Answers that it asks for in place of excluded ones, beside all others.
    n_replacements = models.PositiveSmallIntegerField(default=0, db_default=0)
    # HITs that asked the same before: their workers do not get this one.
    asked_before = models.ManyToManyField("self", symmetrical=False, related_name="+")

    class Meta:
        indexes = [
            # Only where more was asked than wanted can an answer be surplus.
            models.Index(
                fields=["batch"], condition=Q(n_further__gt=0) | Q(n_replacements__gt=0), name="hits_that_ask_more"
            ),
        ]

    def __str__(self) -> str:
        return f"HIT {self.pk}"


class Slot(models.Model):
    """An answer that a HIT needs, or needed (withdrawn). `batch` is its HIT's: one index finds the next free slot."""

    class State(models.TextChoices):
        FREE = "free"
        LEASED = "leased"
        FILLED = "filled"
        WITHDRAWN = "withdrawn"

    hit = models.ForeignKey(HIT, on_delete=models.PROTECT, related_name="slots", db_index=False)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.FREE)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hit", "number"], name="slot_number_once_per_hit"),
            models.CheckConstraint(
                condition=Q(state__in=["free", "leased", "filled", "withdrawn"]), name="slot_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "hit", "number"], condition=Q(state="free"), name="free_slots"),
            models.Index(fields=["hit"], condition=~Q(state="filled"), name="open_slots_of_a_hit"),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} of {self.hit}"
