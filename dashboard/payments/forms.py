"""Forms for decisions about batches and assignments on the marketplace."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from mturk.costs.reads import preview_of
from mturk.models import Terms
from mturk.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS, new_token
from mturk.payments.actions import LONGEST_MESSAGE, LONGEST_SUBJECT
from mturk.pricing.reads import CENT, Preview, asks_for_masters, fee_of
from mturk.rejections.actions import LONGEST_REASON
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
from mturk.terms.reads import DAY, HOUR, KEYWORDS, MINUTE, MOST_LOSSES, OfferTerms, description_of
from mturk.wages.reads import low_wage, proposed_reward, short_time
from workforce.kinds import offer_of
from workforce.models import Batch

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CAP_OVER_COST = Decimal("1.1")
MOST_DAYS, MOST_MINUTES = 365, 7 * 24 * 60
MOST_DOLLARS = Decimal("10000")
MOST_APPROVED = 1_000_000
# A reward below the target wage, or above this multiple of the proposed one, has to be confirmed.
MOST_TIMES = 5
MOST_REVIEW_HOURS = LONGEST_AUTO_APPROVAL_SECONDS // HOUR - 1


def dollars(label: "StrOrPromise", most: Decimal = MOST_DOLLARS, **options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "0.01", "min": "0.01", "inputmode": "decimal"})
    return forms.DecimalField(label=label, min_value=CENT, max_value=most, decimal_places=2, widget=widget, **options)


class PublishForm(forms.Form):
    """The terms of a batch on the marketplace. `agreed` is the cost on the page when the researcher agreed.

    `doubted` is a reward below the target wage or far above the proposed one, `doubted_minutes` a time that is too
    short. `means_reward` and `means_minutes` are those that the researcher confirmed.
    """

    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=Terms._meta.get_field("title").max_length,
        help_text=gettext_lazy("Workers see it in the list of HITs."),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=Terms._meta.get_field("description").max_length,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Workers read it before they open a HIT."),
    )
    keywords = forms.CharField(
        label=gettext_lazy("Keywords"),
        required=False,
        max_length=Terms._meta.get_field("keywords").max_length,
        help_text=gettext_lazy("Separated by commas."),
    )
    reward = dollars(gettext_lazy("Reward in dollars"), Decimal("1000"))
    means_reward = forms.CharField(label=gettext_lazy("Reward in dollars"), required=False, max_length=20)
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes per HIT"),
        min_value=1,
        max_value=MOST_MINUTES,
        initial=60,
        help_text=gettext_lazy("Be generous: workers who time out are not paid."),
    )
    means_minutes = forms.CharField(label=gettext_lazy("Minutes per HIT"), required=False, max_length=20)
    days = forms.IntegerField(
        label=gettext_lazy("Days on the marketplace"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=7,
        help_text=gettext_lazy("You can extend this later."),
    )
    review_hours = forms.IntegerField(
        label=gettext_lazy("Hours for review"),
        min_value=0,
        max_value=MOST_REVIEW_HOURS,
        initial=0,
        help_text=gettext_lazy(
            "Afterwards, answers are approved automatically. 0: at once, so nothing can be rejected."
        ),
    )
    cap = dollars(
        gettext_lazy("Spending cap in dollars"),
        Decimal("1000000"),
        required=False,
        help_text=gettext_lazy("Never spend more on this batch. Empty: its cost plus 10 percent."),
    )
    percent_approved = forms.IntegerField(
        label=gettext_lazy("Minimum approval rate in percent"),
        min_value=0,
        max_value=100,
        required=False,
        help_text=gettext_lazy("Across all requesters. 95 is usual. Empty: no minimum."),
    )
    number_approved = forms.IntegerField(
        label=gettext_lazy("Minimum number of approved HITs"),
        min_value=0,
        max_value=MOST_APPROVED,
        required=False,
        help_text=gettext_lazy("Keeps newcomers out. Empty: no minimum."),
    )
    places = forms.CharField(
        label=gettext_lazy("Countries"),
        max_length=400,
        required=False,
        help_text=gettext_lazy(
            "Two-letter codes of the countries where workers live, such as US, CA. Regions: US-NY. Empty: anywhere."
        ),
    )
    qualifications = forms.CharField(
        label=gettext_lazy("Other qualifications"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "One per line: our own by name, others by id. “Practice test” requires it, “not Practice test” excludes "
            "it, “Practice test >= 80” requires a score."
        ),
    )
    keeps_out_former = forms.BooleanField(
        label=gettext_lazy("Do not offer repeated questions to workers who answered them before"),
        required=False,
        initial=True,
    )
    agreed = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, data: Mapping[str, Any] | None, *, batch: Batch, repeated: Repeated | None = None) -> None:
        offer = offer_of(batch.kind)
        proposed = proposed_reward(batch)
        words = {"title": str(offer.title), "description": description_of(batch), "keywords": KEYWORDS}
        initial = words | {"reward": proposed.reward}
        super().__init__(data, initial=initial)
        self.batch = batch
        self.proposed = proposed.reward
        self.doubted: Decimal | None = None
        self.doubted_minutes: int | None = None
        self.requirements: list[Requirement] = []
        if repeated is None:
            del self.fields["keeps_out_former"]
        self.fields["reward"].help_text = f"{gettext('Paid for each HIT.')} {proposed.why}"

    @property
    def cost(self) -> Preview | None:
        """Return the cost of these terms; None without a reward."""
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
        """Return the fee on one reward; our HITs have at most nine assignments."""
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
        """Return whether the reward or the time still have to be confirmed, and all other fields are valid."""
        return bool(self.errors) and set(self.errors) <= {"means_reward", "means_minutes"}

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        self._read_requirements(cleaned)
        self._ask_about_reward(cleaned)
        self._ask_about_minutes(cleaned)
        cost = self.cost
        if cost and cleaned.get("cap") and cleaned["cap"] < cost.total:
            words = gettext("The batch costs $%(cost)s. A lower cap would offer only part of it.")
            self.add_error("cap", words % {"cost": cost.total})
        return cleaned

    def _ask_about_reward(self, cleaned: dict[str, Any]) -> None:
        reward = cleaned.get("reward")
        if reward is None or self.proposed <= reward <= MOST_TIMES * self.proposed:
            return
        self.doubted = reward.quantize(CENT)
        if cleaned.get("means_reward") == str(self.doubted):
            return
        if reward < self.proposed:
            self.add_error("means_reward", f"{low_wage(self.batch, reward)} {gettext('Confirm it or correct it.')}")
            return
        words = gettext(
            "$%(reward)s is more than %(times)s times $%(proposed)s, the reward for the target wage. Confirm "
            "it or correct it."
        )
        named = {"reward": self.doubted, "times": MOST_TIMES, "proposed": self.proposed}
        self.add_error("means_reward", words % named)

    def _ask_about_minutes(self, cleaned: dict[str, Any]) -> None:
        minutes = cleaned.get("minutes")
        problem = short_time(self.batch, minutes * MINUTE) if minutes else ""
        if not problem:
            return
        self.doubted_minutes = minutes
        if cleaned.get("means_minutes") != str(minutes):
            self.add_error("means_minutes", f"{problem} {gettext('Confirm it or correct it.')}")

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
        """Return the terms of the form."""
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
    """A form without fields: its button confirms the decision."""


class CompensationForm(forms.Form):
    returned = forms.BooleanField(
        label=gettext_lazy("The worker returned the HIT on the marketplace, or can no longer submit it"),
        required=False,
        help_text=gettext_lazy(
            "Required while the worker may still be paid as usual: until the time is over and the marketplace can no "
            "longer list a submission. If the assignment is listed after all, it is paid as well."
        ),
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        help_text=gettext_lazy("One line in plain words. The worker reads it."),
    )


class BlockForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason to exclude existing answers"),
        max_length=500,
        required=False,
        help_text=gettext_lazy(
            "Excludes all answers of this worker for this dataset; they stay paid. The site administrator can undo "
            "it. The worker does not see the reason. Empty: the answers count."
        ),
    )


class MessageForm(forms.Form):
    """A message to workers. `token` comes with the page: posted twice, it is one message."""

    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=LONGEST_SUBJECT)
    text = forms.CharField(
        label=gettext_lazy("Text"), max_length=LONGEST_MESSAGE, widget=forms.Textarea(attrs={"rows": 8})
    )
    token = forms.RegexField(r"^[\w-]{20,64}\Z", widget=forms.HiddenInput, initial=new_token)

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


class BonusForm(ReasonForm):
    amount = dollars(gettext_lazy("Bonus in dollars"), help_text=gettext_lazy("A fee of 20 percent is added."))
    field_order = ("amount", "reason")


class ExtendForm(forms.Form):
    days = forms.IntegerField(
        label=gettext_lazy("Additional days"),
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text=gettext_lazy("Empty: the end stays the same."),
    )
    cap = dollars(
        gettext_lazy("New spending cap in dollars"),
        Decimal("1000000"),
        required=False,
        help_text=gettext_lazy("Empty: the cap stays the same."),
    )
    losses = forms.IntegerField(
        label=gettext_lazy("Unusable assignments per HIT"),
        min_value=1,
        max_value=MOST_LOSSES,
        required=False,
        help_text=gettext_lazy(
            "A HIT with this many paid but unusable assignments is no longer offered. Empty: the limit stays the same."
        ),
    )

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if not self.errors and not any(cleaned[name] for name in ("days", "cap", "losses")):
            raise ValidationError(gettext("Enter additional days, a new cap or a new limit of unusable assignments."))
        return cleaned


class PayRaiseForm(forms.Form):
    """The pay per assignment that the page proposed."""

    level = forms.DecimalField(min_value=CENT, max_value=MOST_DOLLARS, decimal_places=2, widget=forms.HiddenInput)
