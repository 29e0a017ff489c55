"""Decisions about a batch, an assignment or a person, each on a page of its own that says what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from catalog.errors import UserError
from catalog.reads import now
from dashboard.pages import researcher, staff_page
from dashboard.payments.forms import (
    BlockForm,
    BonusForm,
    CompensationForm,
    ConfirmForm,
    ExtendForm,
    MessageForm,
    PayRaiseForm,
    ReasonForm,
)
from dashboard.payments.views import terms_or_404, wake_outbox
from mturk.answers.reads import answer_of
from mturk.closing.actions import close_published
from mturk.compensation.actions import compensate
from mturk.compensation.reads import unpaid_turns
from mturk.models import Call, ListedAssignment, Terms
from mturk.payments.actions import REJECTIONS_ALONE, give_bonus, notify, override_rejection, reject
from mturk.payments.reads import n_more_rejections, n_rejected, reviewed_workers
from mturk.publishing.actions import allow_losses, move_end, raise_cap
from mturk.publishing.reads import committed
from mturk.qualifications.actions import block_softly, let_in_again
from mturk.wages.actions import MOST_AT_ONCE, raise_pay
from mturk.wages.reads import pay_raise_of
from studies.exclusions.actions import exclude_person
from workforce.models import HIT, Worker
from workforce.reads import pseudonym

SECOND_SALT = "paying.second"
SECONDED_WITHIN = timedelta(days=3)
# Servers take so long an address.
LONGEST_TOKEN = 3000
# Of a bonus, by the state of its call.
SO_FAR = {
    "waiting": "is on its way",
    "unsure": "is on its way",
    "done": "is paid",
    "withdrawn": "was taken back",
    "failed": "was refused by the marketplace",
}
FURTHER = "Nothing more is sent: a further bonus needs another amount, or a reason of its own."
# With another amount or reason it would be paid twice, once the refused call is sent again.
REFUSED = "Nothing is sent now. When the reason is gone, pay it by “Send refused calls again” below."

FormValues = dict[str, Any]


@dataclass(frozen=True)
class Decision:
    """What may be decided: `do` takes the request, the subject and the form's answers, and returns what to say of it,
    or where to go on."""

    title: str
    words: str
    button: str
    form: type[forms.Form]
    do: Callable[[HttpRequest, Any, FormValues], str | HttpResponse]


# Of a batch


def _extend(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    if terms.batch.closed_at is not None:
        raise UserError(f"Batch {terms.batch_id} is closed: it takes no more answers.")
    said = []
    if values["cap"] and values["cap"] < (promised := committed(terms)):
        raise UserError(f"${promised} are spent or promised already: the cap cannot be below that.")
    if values["cap"]:
        raise_cap(terms=terms, spending_cap=values["cap"])
        said.append(f"The spending cap is ${values['cap']}.")
    if values["losses"]:
        allow_losses(terms=terms, per_hit=values["losses"])
        said.append(f"A HIT is offered again until {values['losses']} of its assignments came to nothing.")
    if values["days"]:
        end = max(terms.expires_at, now()) + timedelta(days=values["days"])
        move_end(terms=terms, expires_at=end)
        said.append(f"Batch {terms.batch_id} stays until {end:%Y-%m-%d %H:%M} UTC.")
    return " ".join(said)


def _expire(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    n = move_end(terms=terms, expires_at=now())
    return f"Batch {terms.batch_id} is being taken off the marketplace ({n:,} HITs)."


def _close(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    if terms.batch.closed_at is not None:
        raise UserError(f"Batch {terms.batch_id} is closed already.")
    n = close_published(terms=terms)
    return f"Batch {terms.batch_id} is closed, and being taken off the marketplace ({n:,} HITs)."


def _notify(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    n = notify(terms=terms, **values)
    return f"{n:,} {'worker is' if n == 1 else 'workers are'} being written to."


def _raise_pay(request: HttpRequest, terms: Terms, values: FormValues) -> str:
    n = raise_pay(terms=terms, level=values["level"])
    more = " There are more: they are proposed again." if n == MOST_AT_ONCE else ""
    return f"{n:,} bonus{'' if n == 1 else 'es'} on the way.{more}"


OF_BATCH = {
    "extend": Decision(
        "Keep it longer, or raise its cap",
        "HITs that ended come back to the list. More answers than before are not asked for.",
        "Change it",
        ExtendForm,
        _extend,
    ),
    "expire": Decision(
        "Take it off the marketplace",
        "Nobody new can accept its HITs. What people hold now may still be handed in, counts, and is paid. It can be "
        "extended again.",
        "Take it off the marketplace",
        ConfirmForm,
        _expire,
    ),
    "close": Decision(
        "Close it for good",
        "Nobody new can accept its HITs, and it asks for no further answers, whatever was lost. What people hold now "
        "may still be handed in, counts, and is paid; images are settled with the answers they got. A closed batch "
        "cannot be opened or extended again: to pause it, take it off the marketplace instead.",
        "Close it",
        ConfirmForm,
        _close,
    ),
    "notify": Decision(
        "Write to its workers",
        "All whose work on this batch was approved or rejected get the message, in parcels of a hundred. The "
        "marketplace delivers to nobody else. What becomes of it stands on the page of the batch, with those whom it "
        "did not reach.",
        "Send it",
        MessageForm,
        _notify,
    ),
    "top_up": Decision(
        "Bring the pay up to the target",
        "Every approved assignment that earned less is given a bonus of what is lacking.",
        "Pay the bonuses",
        PayRaiseForm,
        _raise_pay,
    ),
}


# Of an assignment


def _reject(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str | HttpResponse:
    if _takes_two(listed):
        token = signing.dumps(
            {"listed": listed.pk, "reason": values["reason"], "by": request.user.pk}, salt=SECOND_SALT, compress=True
        )
        if len(token) > LONGEST_TOKEN:
            raise UserError("Make the reason shorter: it has to fit into the address that a second person opens.")
        return redirect("setup-second", token)
    reject(listed=listed, reason=values["reason"], decided_by=researcher(request))
    return f"{listed.external_id} is rejected. For 30 days it can be paid after all."


def _takes_two(listed: ListedAssignment) -> bool:
    """Whether a second person has to agree, and nothing else is in the way."""
    terms = listed.marketplace_hit.terms
    is_open = listed.status == "submitted" and not listed.rejections.filter(overridden_at=None).exists()
    return is_open and n_more_rejections(terms) >= 1 and n_rejected(terms) >= REJECTIONS_ALONE


def _override(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
    standing = listed.rejections.filter(overridden_at=None).first()
    if standing is None:
        raise UserError(f"No rejection of {listed.external_id} stands.")
    override_rejection(rejection=standing, reason=values["reason"], overridden_by=researcher(request))
    return f"The rejection of {listed.external_id} is taken back: it is paid, and its answer counts."


@transaction.atomic
def _bonus(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str | HttpResponse:
    # Locked as giving one does: of two at once, the second finds what the first decided.
    terms = Terms.objects.select_for_update().get(marketplace_hits=listed.marketplace_hit)
    before = set(Call.objects.filter(op="SendBonus", batch=terms.batch_id).values_list("pk", flat=True))
    call = give_bonus(listed=listed, amount=values["amount"], reason=values["reason"])
    bonus = f"bonus of ${values['amount']} for {listed.external_id}"
    if call.pk not in before:
        return f"A {bonus} is on its way."
    words = f"This {bonus} was decided already, for the same reason, and {SO_FAR[call.state]}."
    messages.warning(request, f"{words} {REFUSED if call.state == 'failed' else FURTHER}")
    return redirect("setup-published", terms.batch_id)


@transaction.atomic
def _block(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
    block_softly(workers=[listed.worker])
    said = f"{name_of(listed)} is offered no more HITs. What they did stays paid"
    if not values["reason"].strip():
        return f"{said} and counts."
    dataset = listed.marketplace_hit.terms.batch.dataset
    n_all, _ = exclude_person(dataset=dataset, worker=name_of(listed), reason=values["reason"])
    return f"{said}; {n_all:,} answer{'' if n_all == 1 else 's'} of theirs do not count."


def _let_in(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
    if not let_in_again(worker=listed.worker):
        raise UserError(f"{name_of(listed)} is offered HITs already.")
    return f"{name_of(listed)} is offered HITs again."


def name_of(listed: ListedAssignment) -> str:
    return pseudonym(listed.marketplace_hit.terms.batch.dataset, listed.worker_id)


OF_ASSIGNMENT = {
    "reject": Decision(
        "Refuse to pay",
        "For work that was none, never for another opinion: nothing was done, or the work cannot have been done in the "
        "time it took. The worker reads the reason, and a rejection harms them on all of the marketplace. Its answer "
        "is excluded and the HIT asks somebody else. At most 2 % of a batch can be rejected, from the sixth on with a "
        "second person. Poor work is better paid and its worker offered no more HITs.",
        "Reject it",
        ReasonForm,
        _reject,
    ),
    "override": Decision(
        "Pay after all",
        "The rejection is taken back: the reward is paid, and the answer counts again. Possible for 30 days.",
        "Pay after all",
        ReasonForm,
        _override,
    ),
    "bonus": Decision("Give a bonus", "The worker reads the reason.", "Give the bonus", BonusForm, _bonus),
    "block": Decision(
        "Offer them no more HITs",
        "They no longer see HITs of this site, by a qualification that all our HITs ask people not to have. Their "
        "account is not touched, as it would be by a block or a rejection, and what they did stays paid.",
        "Offer them no more HITs",
        BlockForm,
        _block,
    ),
    "let_in": Decision(
        "Offer them HITs again",
        "The qualification that kept them out is taken away. Answers that were excluded stay so.",
        "Offer them HITs again",
        ConfirmForm,
        _let_in,
    ),
}

COMPENSATE = Decision(
    "Pay who could not hand in",
    "A HIT is made that only this person sees, that asks nothing, and that pays the reward of the batch. That they "
    "worked is what a browser said; if the marketplace knows nobody of that id, nothing is made and nothing paid.",
    "Offer the compensation",
    CompensationForm,
    lambda request, turn, values: _compensate(*turn, **values),
)


def _compensate(terms: Terms, worker: Worker, hit: HIT | None, returned: bool) -> str:
    compensate(terms=terms, worker=worker, hit=hit, returned=returned)
    return f"A HIT that only {pseudonym(terms.batch.dataset, worker.pk)} sees pays ${terms.reward}."


# The pages


def _decision_or_404(decisions: dict[str, Decision], name: str) -> Decision:
    if name not in decisions:
        raise Http404
    return decisions[name]


def decided(
    request: HttpRequest, decision: Decision, subject: Any, terms: Terms, details: dict[str, Any]
) -> HttpResponse:
    """Ask whether it is meant, and do it when the form of that page comes back."""
    initial = {"level": details["proposed"].level} if details.get("proposed") else {}
    form = decision.form(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid() and (answer := _done(request, decision, subject, form)):
        return answer if isinstance(answer, HttpResponse) else redirect("setup-published", terms.batch_id)
    context = {"dataset": terms.batch.dataset, "tab": "marketplace", "terms": terms, "decision": decision, "form": form}
    status = 422 if form.errors else 200
    return render(request, "dashboard/payments/decision.html", context | details, status=status)


def _done(request: HttpRequest, decision: Decision, subject: Any, form: forms.Form) -> str | HttpResponse | None:
    try:
        answer = decision.do(request, subject, form.cleaned_data)
    except UserError as error:
        form.add_error(None, error.for_page)
        return None
    if isinstance(answer, str):
        wake_outbox()
        messages.success(request, answer)
    return answer


@staff_page("GET", "POST")
def about_batch(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    terms = terms_or_404(pk)
    details: dict[str, Any] = {"proposed": pay_raise_of(terms)} if decision == "top_up" else {}
    if decision == "notify":
        details["n_workers"] = len(reviewed_workers(terms))
    return decided(request, _decision_or_404(OF_BATCH, decision), terms, terms, details)


@staff_page("GET", "POST")
def about_assignment(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    listed = assignment_or_404(pk)
    details: FormValues = {"listed": listed, "worker": name_of(listed)}
    if decision in ("reject", "override"):
        details["answer"] = answer_of(listed)
    return decided(request, _decision_or_404(OF_ASSIGNMENT, decision), listed, listed.marketplace_hit.terms, details)


def assignment_or_404(pk: int) -> ListedAssignment:
    assignments = ListedAssignment.objects.select_related(
        "marketplace_hit__terms__batch__dataset", "worker", "submission"
    )
    return get_object_or_404(assignments, pk=pk)


@staff_page("GET", "POST")
def compensation(request: HttpRequest, pk: int, worker: str) -> HttpResponse:
    """`worker` is a pseudonym in the batch's dataset; `?hit=` names one of their HITs, by its public id."""
    terms = terms_or_404(pk)
    workers = Worker.objects.filter(leases__batch=terms.batch_id, leases__takes_slot=False).distinct()
    person = next((row for row in workers if pseudonym(terms.batch.dataset, row.pk) == worker), None)
    hit_id = request.GET.get("hit")
    hits = HIT.objects.filter(batch=terms.batch_id, leases__worker=person) if hit_id else []
    hit = next((row for row in hits if row.public_id == hit_id), None)
    if person is None or (hit_id and hit is None):
        raise Http404
    details = {"worker": worker, "turns": unpaid_turns(terms.batch, person, hit)}
    return decided(request, COMPENSATE, (terms, person, hit), terms, details)


@staff_page("GET", "POST")
def second(request: HttpRequest, token: str) -> HttpResponse:
    """A rejection that a second researcher has to agree to. Who asked for it sees the address to send to somebody."""
    try:
        proposal = signing.loads(token, salt=SECOND_SALT, max_age=SECONDED_WITHIN)
    except signing.BadSignature:
        raise Http404 from None
    listed = assignment_or_404(proposal["listed"])
    first = get_object_or_404(get_user_model(), pk=proposal["by"], is_active=True, is_staff=True)
    details = {"listed": listed, "worker": name_of(listed), "first": first, "reason": proposal["reason"]}
    details |= {"answer": answer_of(listed)}
    if first == request.user:
        details |= {"address": settings.STAFF_ORIGIN + reverse("setup-second", args=[token])}
    decision = seconding(first, proposal["reason"])
    return decided(request, decision, listed, listed.marketplace_hit.terms, details)


def seconding(first: User, reason: str) -> Decision:
    def do(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
        if request.user == first:
            raise UserError("Somebody else has to agree: send them the address of this page.")
        reject(listed=listed, reason=reason, decided_by=first, seconded_by=researcher(request))
        return f"{listed.external_id} is rejected. For 30 days it can be paid after all."

    words = "More than five assignments of the batch are rejected, so two researchers decide. "
    return Decision("Refuse to pay: a second person", words + OF_ASSIGNMENT["reject"].words, "Agree", ConfirmForm, do)
