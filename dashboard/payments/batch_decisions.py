"""Decisions about a batch on the marketplace: their texts, forms and actions."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, gettext_lazy, ngettext

from catalog.errors import UserError
from catalog.reads import now
from dashboard.payments.forms import ConfirmForm, ExtendForm, MessageForm, PayRaiseForm
from mturk.closing.actions import close_published
from mturk.models import Terms
from mturk.payments.actions import notify
from mturk.publishing.actions import allow_losses, move_end, raise_cap
from mturk.publishing.reads import committed
from mturk.wages.actions import MOST_AT_ONCE, raise_pay

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

FormValues = dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """A decision that a page asks for. `do` takes the request, the subject and the form's values.

    `do` returns the message to show, or the response to send.
    """

    title: "StrOrPromise"
    words: "StrOrPromise"
    button: "StrOrPromise"
    form: type[forms.Form]
    do: Callable[[HttpRequest, Any, FormValues], str | HttpResponse]


def _extend(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    if terms.batch.closed_at is not None:
        raise UserError(gettext("Batch %(batch)s is closed: it no longer accepts answers.") % {"batch": terms.batch_id})
    texts = []
    if values["cap"] and values["cap"] < (promised := committed(terms)):
        words = gettext("The cap cannot be below $%(amount)s: that much is already spent or committed.")
        raise UserError(words % {"amount": promised})
    if values["cap"]:
        raise_cap(terms=terms, spending_cap=values["cap"])
        texts.append(gettext("The spending cap is now $%(cap)s.") % {"cap": values["cap"]})
    if values["losses"]:
        allow_losses(terms=terms, per_hit=values["losses"])
        words = ngettext(
            "Each HIT may now have %(n)s unusable assignment.",
            "Each HIT may now have %(n)s unusable assignments.",
            values["losses"],
        )
        texts.append(words % {"n": values["losses"]})
    if values["days"]:
        end = max(terms.expires_at, now()) + timedelta(days=values["days"])
        move_end(terms=terms, expires_at=end)
        words = gettext("Batch %(batch)s now expires on %(end)s UTC.")
        texts.append(words % {"batch": terms.batch_id, "end": f"{end:%Y-%m-%d %H:%M}"})
    return " ".join(texts)


def _expire(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    n = move_end(terms=terms, expires_at=now())
    words = ngettext(
        "Batch %(batch)s is being taken off the marketplace (%(n)s HIT).",
        "Batch %(batch)s is being taken off the marketplace (%(n)s HITs).",
        n,
    )
    return words % {"batch": terms.batch_id, "n": f"{n:,}"}


def _close(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    if terms.batch.closed_at is not None:
        raise UserError(gettext("Batch %(batch)s is already closed.") % {"batch": terms.batch_id})
    n = close_published(terms=terms)
    words = ngettext(
        "Batch %(batch)s is closed and is being taken off the marketplace (%(n)s HIT).",
        "Batch %(batch)s is closed and is being taken off the marketplace (%(n)s HITs).",
        n,
    )
    return words % {"batch": terms.batch_id, "n": f"{n:,}"}


def _notify(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    n = notify(terms=terms, **values)
    words = ngettext("The message is being sent to %(n)s worker.", "The message is being sent to %(n)s workers.", n)
    return words % {"n": f"{n:,}"}


def _raise_pay(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    n = raise_pay(terms=terms, level=values["level"])
    words = ngettext("%(n)s bonus is being paid.", "%(n)s bonuses are being paid.", n) % {"n": f"{n:,}"}
    if n < MOST_AT_ONCE:
        return words
    return f"{words} {gettext('Further assignments need a bonus: they are proposed next.')}"


OF_BATCH = {
    "extend": Decision(
        gettext_lazy("Extend batch"),
        gettext_lazy("Expired HITs are offered again. The number of answers per HIT does not change."),
        gettext_lazy("Extend batch"),
        ExtendForm,
        _extend,
    ),
    "expire": Decision(
        gettext_lazy("Expire batch"),
        gettext_lazy(
            "The HITs leave the marketplace: nobody else can accept them. Work in progress can still be submitted, "
            "counts and is paid. You can extend the batch later."
        ),
        gettext_lazy("Expire batch"),
        ConfirmForm,
        _expire,
    ),
    "close": Decision(
        gettext_lazy("Close batch for good"),
        gettext_lazy(
            "The HITs leave the marketplace and no further answers are requested, not even to "
            "replace unusable ones. Work in progress can still be submitted, counts and is paid. "
            "Results use the answers collected so far. A closed batch cannot be reopened or "
            "extended. To pause a batch, expire it instead."
        ),
        gettext_lazy("Close batch"),
        ConfirmForm,
        _close,
    ),
    "notify": Decision(
        gettext_lazy("Message the workers"),
        gettext_lazy(
            "All workers with an approved or rejected assignment of this batch get the message. The "
            "marketplace delivers to nobody else. The page of the batch shows the delivery and any "
            "workers it did not reach."
        ),
        gettext_lazy("Send message"),
        MessageForm,
        _notify,
    ),
    "top_up": Decision(
        gettext_lazy("Raise pay to the target wage"),
        gettext_lazy("Every approved assignment that earned less gets the difference as a bonus."),
        gettext_lazy("Pay bonuses"),
        PayRaiseForm,
        _raise_pay,
    ),
}
