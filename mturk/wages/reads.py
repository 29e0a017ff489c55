"""Queries for the target wage, the proposed reward, and pay below the target."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from statistics import median

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext

from catalog.models import Dataset
from catalog.reads import current_settings
from mturk.models import Call, ListedAssignment, Terms
from mturk.payments.reads import SECONDS_PER_HOUR, active_seconds_of
from mturk.pricing.reads import CENT, fee_of
from workforce.introductions.reads import introduction_of
from workforce.kinds import offer_of
from workforce.models import Batch, Submission
from workforce.reads import pause_of

# Assumed without any answers: the time to read the question, and for each photograph or label.
SECONDS_TO_READ, SECONDS_EACH = 10, 2
# The number of latest answers that show how long the work takes, and the fewest that are enough.
ANSWERS_LOOKED_AT, FEWEST_ANSWERS = 200, 5


def target_wage(dataset: Dataset) -> Decimal:
    """Return dollars per hour, by the study's current settings: pay of earlier batches can be raised to it as well."""
    return current_settings(dataset).target_wage


def pay_for(seconds: float, wage: Decimal) -> Decimal:
    """Return the pay for some seconds at an hourly wage in dollars, rounded up to the cent.

    >>> str(pay_for(30, Decimal(12))), str(pay_for(0.5, Decimal(12)))
    ('0.10', '0.01')
    """
    return (wage * Decimal(seconds) / SECONDS_PER_HOUR).quantize(CENT, ROUND_UP)


# Before a batch is published


@dataclass(frozen=True)
class NeededTime:
    """The seconds that a HIT takes, and a sentence about their source; `stated` is the time in the introduction."""

    seconds: float
    why: str
    stated: float | None = None

    @property
    def longest(self) -> float:
        """Return the time that everybody should have."""
        return max(self.seconds, self.stated or 0)


@dataclass(frozen=True)
class Proposed:
    """A proposed reward in dollars, with the sentence that explains it."""

    reward: Decimal
    why: str


def needed_time(batch: Batch) -> NeededTime:
    """Return the time that a HIT needs, by the answers so far, by the introduction, or by the number of items."""
    introduction = introduction_of(batch.dataset_id)
    minutes = introduction.minutes_needed if introduction else None
    stated = None if minutes is None else minutes * 60.0
    took = _seconds_taken(batch)
    if len(took) >= FEWEST_ANSWERS:
        seconds = median(took)
        words = gettext("The median time of %(n)s similar answers is %(seconds)s seconds.")
    elif stated is not None:
        return NeededTime(stated, stated_time(stated), stated)
    else:
        seconds = _seconds_expected(batch)
        words = gettext("Without similar answers so far, %(seconds)s seconds are assumed.")
    return NeededTime(seconds, words % {"n": len(took), "seconds": f"{seconds:.0f}"}, stated)


def proposed_reward(batch: Batch) -> Proposed:
    """Propose the reward that pays the target wage, by the time that a HIT needs."""
    needed, wage = needed_time(batch), target_wage(batch.dataset)
    reward = pay_for(needed.seconds, wage)
    words = gettext("At $%(wage)s per hour, that is $%(reward)s, rounded up.")
    return Proposed(reward, f"{needed.why} {words % {'wage': wage, 'reward': reward}}")


def wage_for(reward: Decimal, seconds: float) -> Decimal:
    """Return dollars per hour for a reward and the seconds that it pays.

    >>> str(wage_for(Decimal("0.10"), 120))
    '3.00'
    """
    return (reward * SECONDS_PER_HOUR / Decimal(seconds)).quantize(CENT)


def low_wage(batch: Batch, reward: Decimal) -> str:
    """Return the sentence about a reward below the target wage, with its figures; empty for any other reward."""
    needed, target = needed_time(batch), target_wage(batch.dataset)
    if reward >= pay_for(needed.seconds, target):
        return ""
    words = gettext("$%(reward)s is $%(wage)s per hour, below the target wage of $%(target)s.")
    named = {"reward": reward, "wage": wage_for(reward, needed.seconds), "target": target}
    return f"{needed.why} {words % named}"


def short_time(batch: Batch, seconds: float) -> str:
    """Return the sentence about a time allowed that is below the time needed, with its figures; empty otherwise."""
    needed = needed_time(batch)
    if seconds >= needed.longest:
        return ""
    why = needed.why if needed.longest == needed.seconds else stated_time(needed.longest)
    words = gettext("The %(allowed)s seconds allowed are too short for that: workers who time out are not paid.")
    return f"{why} {words % {'allowed': f'{seconds:.0f}'}}"


def stated_time(seconds: float) -> str:
    return gettext("Workers are told that it takes about %(seconds)s seconds.") % {"seconds": f"{seconds:.0f}"}


def _seconds_taken(batch: Batch) -> list[float]:
    # Unconfirmed answers may be forged.
    sure = [Submission.State.CONFIRMED, Submission.State.SURPLUS]
    submissions = Submission.objects.filter(
        hit__batch__dataset=batch.dataset_id, hit__batch__kind=batch.kind, state__in=sure
    )
    opened = Coalesce("assignment__opened_at", "lease__opened_at")
    rows = submissions.exclude(lease=None).order_by("-id").values_list("submitted_at", opened, "answer")
    return [
        max(1.0, (end - begin).total_seconds() - pause_of(answer)) for end, begin, answer in rows[:ANSWERS_LOOKED_AT]
    ]


def _seconds_expected(batch: Batch) -> float:
    offer = offer_of(batch.kind)
    return SECONDS_TO_READ + SECONDS_EACH * offer.n_items(batch.settings)


# Pay below the target


@dataclass(frozen=True)
class PayRaise:
    """The bonuses that raise `n` paid assignments to `level` dollars; `total` includes fees."""

    level: Decimal
    n: int
    bonuses: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        return self.bonuses + self.fees


def level_of(terms: Terms) -> Decimal | None:
    """Return the pay at which half of the assignments earn the target wage; None without paid ones."""
    paid = ListedAssignment.objects.filter(
        marketplace_hit__terms=terms, status="approved", submission__lease__isnull=False
    )
    seconds = active_seconds_of(paid.select_related("submission__lease", "submission__assignment")).values()
    return pay_for(median(seconds), target_wage(terms.batch.dataset)) if seconds else None


def below(terms: Terms, level: Decimal) -> list[tuple[ListedAssignment, Decimal]]:
    """Return the approved assignments that earned less than `level`, pending bonuses included, and the difference."""
    coming: defaultdict[str, Decimal] = defaultdict(Decimal)
    for call in Call.objects.filter(batch=terms.batch_id, op="SendBonus", state__in=["waiting", "unsure"]):
        coming[call.payload["AssignmentId"]] += Decimal(call.payload["BonusAmount"])
    paid = ListedAssignment.objects.filter(marketplace_hit__terms=terms, status="approved")
    paid = paid.filter(marketplace_hit__compensates=None).annotate(
        earned=Sum("ledger__amount", filter=Q(ledger__kind__in=["reward", "bonus"]))
    )
    shortfalls = ((listed, level - (listed.earned or 0) - coming[listed.external_id]) for listed in paid.order_by("pk"))
    return [(listed, lacking) for listed, lacking in shortfalls if lacking >= CENT]


def pay_raise_of(terms: Terms) -> PayRaise | None:
    """Return the proposed bonuses if half of the assignments earn less than the target wage, otherwise None."""
    level = level_of(terms)
    lacking = [amount for _, amount in below(terms, level)] if level else []
    if level is None or not lacking:
        return None
    return PayRaise(level, len(lacking), sum(lacking, Decimal(0)), sum(map(fee_of, lacking), Decimal(0)))
