"""What a researcher may decide about a batch on the marketplace."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from annotation_site.management.commands.publish import DAY, HOUR, KEYWORDS, MINUTE, WORDS
from annotation_site.paying.reads import proposed_reward
from workforce.marketplaces.costs import CENT, Preview, fee_of
from workforce.models import Batch, Terms
from workforce.models.publishing import LONGEST_AUTO_APPROVAL_SECONDS
from workforce.offers.publishing import preview_of
from workforce.pay.actions import LONGEST_REASON

CAP_OVER_COST = Decimal("1.1")
MOST_DAYS, MOST_MINUTES = 365, 7 * 24 * 60
MOST_DOLLARS = Decimal("10000")
MOST_REVIEW_HOURS = LONGEST_AUTO_APPROVAL_SECONDS // HOUR - 1


def dollars(label: str, most: Decimal = MOST_DOLLARS, **options: Any) -> forms.DecimalField:
    widget = forms.NumberInput(attrs={"step": "0.01", "min": "0.01", "inputmode": "decimal"})
    return forms.DecimalField(
        label=label, min_value=CENT, max_value=most, decimal_places=2, widget=widget, **options
    )


class PublishForm(forms.Form):
    """On what terms a batch is offered. `agreed` is the cost that was on the page when it was agreed to."""

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
        label="Keywords", required=False, max_length=Terms._meta.get_field("keywords").max_length,
        help_text="With commas between.",
    )  # fmt: skip
    reward = dollars("Reward in dollars", Decimal("1000"))
    minutes = forms.IntegerField(
        label="Minutes for one HIT", min_value=1, max_value=MOST_MINUTES, initial=60,
        help_text="Generous: who runs out of time was not paid for it.",
    )  # fmt: skip
    days = forms.IntegerField(
        label="Days on the marketplace", min_value=1, max_value=MOST_DAYS, initial=7, help_text="Can be extended."
    )
    review_hours = forms.IntegerField(
        label="Hours to look at answers", min_value=0, max_value=MOST_REVIEW_HOURS, initial=0,
        help_text="Before each is approved by itself. 0: at once, and nothing can be rejected.",
    )  # fmt: skip
    cap = dollars("Spending cap in dollars", Decimal("1000000"), required=False)
    agreed = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def __init__(self, *args: Any, batch: Batch, **options: Any) -> None:
        title, description = WORDS[batch.kind]
        proposed = proposed_reward(batch)
        initial = {"title": title, "description": description, "keywords": KEYWORDS, "reward": proposed.reward}
        super().__init__(*args, initial=initial, **options)
        self.batch = batch
        self.fields["reward"].help_text = f"For one HIT. {proposed.why}"
        self.fields["cap"].help_text = "No more is spent on the batch. Empty: its cost and a tenth more."

    @property
    def cost(self) -> Preview | None:
        """What these terms cost; None while the reward is none."""
        reward = self.cleaned_data.get("reward") if self.is_bound else self.initial["reward"]
        return reward and preview_of(self.batch, reward)

    @property
    def fee(self) -> Decimal:
        """On one reward; HITs of ours have nine assignments at most."""
        return fee_of(self.cleaned_data["reward"] if self.is_bound else self.initial["reward"])

    @property
    def spending_cap(self) -> Decimal:
        cap = self.cleaned_data.get("cap") if self.is_bound else None
        return cap or (self.cost.total * CAP_OVER_COST).quantize(CENT)

    @property
    def is_agreed(self) -> bool:
        return self.cleaned_data["agreed"] == str(self.cost.total)

    def clean_description(self) -> str:
        return self.cleaned_data["description"].replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cost = self.cost
        if cost and cleaned.get("cap") and cleaned["cap"] < cost.total:
            self.add_error("cap", f"The batch costs ${cost.total}: a cap below that would offer only a part of it.")
        return cleaned

    def terms(self) -> dict[str, Any]:
        """As publish_paid takes them."""
        asked = self.cleaned_data
        return {name: asked[name] for name in ("title", "description", "keywords", "reward")} | {
            "assignment_seconds": asked["minutes"] * MINUTE,
            "lifetime_seconds": asked["days"] * DAY,
            "auto_approval_seconds": LONGEST_AUTO_APPROVAL_SECONDS,
            "review_seconds": asked["review_hours"] * HOUR,
            "spending_cap": self.spending_cap,
        }


class ConfirmForm(forms.Form):
    """Nothing to fill in: the button says it all."""


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=LONGEST_REASON, help_text="One line of plain words; the worker reads it."
    )


class BonusForm(ReasonForm):
    amount = dollars("Bonus in dollars", help_text="A fee of a fifth is added.")
    field_order = ("amount", "reason")


class ExtendForm(forms.Form):
    days = forms.IntegerField(
        label="Days longer", min_value=1, max_value=MOST_DAYS, required=False,
        help_text="Empty: the end stays where it is.",
    )  # fmt: skip
    cap = dollars(
        "New spending cap in dollars", Decimal("1000000"), required=False, help_text="Empty: it stays what it is."
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.errors and not cleaned["days"] and not cleaned["cap"]:
            raise ValidationError("Write for how many days longer, or a new cap.")
        return cleaned


class TopUpForm(forms.Form):
    """The level that a top-up raises every assignment to, as the page proposed it."""

    level = forms.DecimalField(min_value=CENT, max_value=MOST_DOLLARS, decimal_places=2, widget=forms.HiddenInput)
