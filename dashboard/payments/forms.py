"""What a researcher may decide about a batch on the marketplace."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from mturk.costs.reads import preview_of
from mturk.models import Terms
from mturk.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS, new_token
from mturk.payments.actions import LONGEST_MESSAGE, LONGEST_REASON, LONGEST_SUBJECT
from mturk.pricing.reads import CENT, Preview, asks_for_masters, fee_of
from mturk.repeats.reads import Repeated
from mturk.requirements.reads import (
    NUMBER_APPROVED,
    PERCENT_APPROVED,
    BadRequirement,
    Requirement,
    at_least,
    check_together,
    custom,
    in_places,
)
from mturk.terms.reads import DAY, HOUR, KEYWORDS, MINUTE, MOST_LOSSES, OfferTerms
from mturk.wages.reads import proposed_reward
from workforce.kinds import offer_of
from workforce.models import Batch

CAP_OVER_COST = Decimal("1.1")
MOST_DAYS, MOST_MINUTES = 365, 7 * 24 * 60
MOST_DOLLARS = Decimal("10000")
MOST_APPROVED = 1_000_000
# A reward that is so many times the proposed one, or less or more, is asked about: a digit may be missing.
LEAST_TIMES, MOST_TIMES = Decimal("0.5"), 5
MOST_REVIEW_HOURS = LONGEST_AUTO_APPROVAL_SECONDS // HOUR - 1


def dollars(label: str, most: Decimal = MOST_DOLLARS, **options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "0.01", "min": "0.01", "inputmode": "decimal"})
    return forms.DecimalField(label=label, min_value=CENT, max_value=most, decimal_places=2, widget=widget, **options)


class PublishForm(forms.Form):
    """On what terms a batch is offered. `agreed` is the cost that was on the page when it was agreed to, `means_reward`
    the reward that somebody was asked about and does mean; `doubted` is the one to ask about, if it is far off."""

    title = forms.CharField(
        label="Title", max_length=Terms._meta.get_field("title").max_length, help_text="In the list of HITs."
    )
    description = forms.CharField(
        label="Description",
        max_length=Terms._meta.get_field("description").max_length,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Read before a HIT is looked at.",
    )
    keywords = forms.CharField(
        label="Keywords",
        required=False,
        max_length=Terms._meta.get_field("keywords").max_length,
        help_text="With commas between.",
    )
    reward = dollars("Reward in dollars", Decimal("1000"))
    means_reward = forms.CharField(label="Reward in dollars", required=False, max_length=20)
    minutes = forms.IntegerField(
        label="Minutes for one HIT",
        min_value=1,
        max_value=MOST_MINUTES,
        initial=60,
        help_text="Generous: who runs out of time was not paid for it.",
    )
    days = forms.IntegerField(
        label="Days on the marketplace", min_value=1, max_value=MOST_DAYS, initial=7, help_text="Can be extended."
    )
    review_hours = forms.IntegerField(
        label="Hours to look at answers",
        min_value=0,
        max_value=MOST_REVIEW_HOURS,
        initial=0,
        help_text="Before each is approved by itself. 0: at once, and nothing can be rejected.",
    )
    cap = dollars("Spending cap in dollars", Decimal("1000000"), required=False)
    percent_approved = forms.IntegerField(
        label="Percent of work approved, at least",
        min_value=0,
        max_value=100,
        required=False,
        help_text="By all requesters. 95 is usual. Empty: anybody.",
    )
    number_approved = forms.IntegerField(
        label="Number of HITs approved, at least",
        min_value=0,
        max_value=MOST_APPROVED,
        required=False,
        help_text="Keeps newcomers out. Empty: anybody.",
    )
    places = forms.CharField(
        label="Countries",
        max_length=400,
        required=False,
        help_text="Where workers live, by two letters, parts like US-NY: US, CA. Empty: anywhere.",
    )
    qualifications = forms.CharField(
        label="Other qualifications",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line, ours by name, others by id: “Ticking test” for who has it, “not Ticking test” for who "
        "does not, “Ticking test >= 80” by score.",
    )
    keeps_out_former = forms.BooleanField(
        label="Do not offer HITs again to people who answered their questions before", required=False, initial=True
    )
    agreed = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None, *, batch: Batch, repeated: Repeated | None = None) -> None:
        offer = offer_of(batch.kind)
        proposed = proposed_reward(batch)
        words = {"title": offer.title, "description": offer.description, "keywords": KEYWORDS}
        initial = words | {"reward": proposed.reward}
        super().__init__(data, initial=initial)
        self.batch = batch
        self.proposed = proposed.reward
        self.doubted: Decimal | None = None
        self.requirements: list[Requirement] = []
        if repeated is None:
            del self.fields["keeps_out_former"]
        self.fields["reward"].help_text = f"For one HIT. {proposed.why}"
        self.fields["cap"].help_text = "No more is spent on the batch. Empty: its cost and a tenth more."

    @property
    def cost(self) -> Preview | None:
        """What these terms cost; None while the reward is none."""
        reward = self.cleaned_data.get("reward") if self.is_bound else self.initial["reward"]
        return reward and preview_of(self.batch, reward, self.requirements)

    @property
    def _total(self) -> Decimal:
        """Return the cost of terms that have a reward."""
        cost = self.cost
        assert cost is not None, "nobody asks before there is a reward"
        return cost.total

    @property
    def fee(self) -> Decimal:
        """On one reward; HITs of ours have nine assignments at most."""
        reward = self.cleaned_data["reward"] if self.is_bound else self.initial["reward"]
        return fee_of(reward, masters=asks_for_masters(self.requirements))

    @property
    def spending_cap(self) -> Decimal:
        cap = self.cleaned_data.get("cap") if self.is_bound else None
        return cap or (self._total * CAP_OVER_COST).quantize(CENT)

    @property
    def is_agreed(self) -> bool:
        return bool(self.cleaned_data["agreed"] == str(self._total))

    @property
    def only_asks(self) -> bool:
        """Whether nothing is wrong but a reward that is still to be confirmed."""
        return set(self.errors) == {"means_reward"}

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        self._read_requirements(cleaned)
        self._ask_about_reward(cleaned)
        cost = self.cost
        if cost and cleaned.get("cap") and cleaned["cap"] < cost.total:
            self.add_error("cap", f"The batch costs ${cost.total}: a cap below that would offer only a part of it.")
        return cleaned

    def _ask_about_reward(self, cleaned: dict[str, Any]) -> None:
        reward = cleaned.get("reward")
        if reward is None or LEAST_TIMES * self.proposed <= reward <= MOST_TIMES * self.proposed:
            return
        self.doubted = reward.quantize(CENT)
        if cleaned.get("means_reward") != str(self.doubted):
            far = "less than half of" if reward < self.proposed else f"more than {MOST_TIMES} times"
            words = f"${self.doubted} is {far} the ${self.proposed} that the target wage comes to. Is that meant?"
            self.add_error("means_reward", f"{words} Tick that it is, or correct the reward.")

    def _read_requirements(self, cleaned: dict[str, Any]) -> None:
        read = (
            ("percent_approved", lambda least: [at_least(PERCENT_APPROVED, least)]),
            ("number_approved", lambda least: [at_least(NUMBER_APPROVED, least)]),
            ("places", lambda text: [in_places(text)]),
            ("qualifications", custom),
        )
        for name, requirements_of in read:
            if cleaned.get(name) in (None, ""):
                continue
            try:
                requirements = requirements_of(cleaned[name])
                check_together(self.requirements + requirements)
                self.requirements += requirements
            except BadRequirement as error:
                self.add_error(name, error.for_page)

    def offer(self) -> OfferTerms:
        """Return the terms that were filled in."""
        cleaned = self.cleaned_data
        return OfferTerms(
            title=cleaned["title"],
            description=cleaned["description"],
            keywords=cleaned["keywords"],
            reward=cleaned["reward"],
            spending_cap=self.spending_cap,
            assignment_seconds=cleaned["minutes"] * MINUTE,
            lifetime_seconds=cleaned["days"] * DAY,
            review_seconds=cleaned["review_hours"] * HOUR,
            requirements=self.requirements,
            keeps_out_former=cleaned.get("keeps_out_former", True),
        )


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button says it all."""


class CompensationForm(forms.Form):
    returned = forms.BooleanField(
        label="This person returned the HIT on the marketplace, or cannot hand it in any more",
        required=False,
        help_text="Needed while their time runs, and while what was handed in in time may still be listed: until then "
        "they may be paid as usual. If their assignment is listed after all, it is paid too, beside the compensation.",
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=LONGEST_REASON, help_text="One line of plain words; the worker reads it."
    )


class BlockForm(forms.Form):
    reason = forms.CharField(
        label="Why their answers do not count either",
        max_length=500,
        required=False,
        help_text="Takes what they answered for this dataset out of all numbers; it stays paid, and the site "
        "administrator can take that back. Kept with the answers; the worker does not read it. Empty: their answers "
        "count.",
    )


class MessageForm(forms.Form):
    """`token` is made with the page: sent twice, it is one message."""

    subject = forms.CharField(label="Subject", max_length=LONGEST_SUBJECT)
    text = forms.CharField(label="Text", max_length=LONGEST_MESSAGE, widget=forms.Textarea(attrs={"rows": 8}))
    token = forms.RegexField(r"^[\w-]{20,64}\Z", widget=forms.HiddenInput, initial=new_token)

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


class BonusForm(ReasonForm):
    amount = dollars("Bonus in dollars", help_text="A fee of a fifth is added.")
    field_order = ("amount", "reason")


class ExtendForm(forms.Form):
    days = forms.IntegerField(
        label="Days longer",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text="Empty: the end stays where it is.",
    )
    cap = dollars(
        "New spending cap in dollars", Decimal("1000000"), required=False, help_text="Empty: it stays what it is."
    )
    losses = forms.IntegerField(
        label="Assignments a HIT may lose",
        min_value=1,
        max_value=MOST_LOSSES,
        required=False,
        help_text="A HIT of which so many were paid and came to nothing is not offered again. Empty: as before.",
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not self.errors and not any(cleaned[name] for name in ("days", "cap", "losses")):
            raise ValidationError("Write for how many days longer, or a new cap.")
        return cleaned


class PayRaiseForm(forms.Form):
    """The level that a top-up raises every assignment to, as the page proposed it."""

    level = forms.DecimalField(min_value=CENT, max_value=MOST_DOLLARS, decimal_places=2, widget=forms.HiddenInput)
