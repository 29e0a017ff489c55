"""Decisions about an assignment or a worker, and the pages that ask for every decision."""

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
from django.utils.translation import gettext, gettext_lazy, ngettext

from access.permissions.reads import May, permissions_in
from accounts.pages import confirmed
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import researcher, staff_page
from dashboard.payments.batch_decisions import OF_BATCH, Decision, FormValues
from dashboard.payments.forms import BlockForm, BonusForm, CompensationForm, ConfirmForm, ReasonForm
from dashboard.payments.labels import STATUSES
from dashboard.payments.views import terms_or_404, wake_outbox
from dashboard.subjects import study_of_assignment, study_of_batch
from mturk.answers.reads import answer_of
from mturk.compensation.actions import compensate
from mturk.compensation.reads import unpaid_turns
from mturk.models import Call, ListedAssignment, Terms
from mturk.payments.actions import give_bonus
from mturk.payments.reads import n_more_rejections, n_rejected, reviewed_workers
from mturk.qualifications.actions import block_softly, let_in_again
from mturk.rejections.actions import REJECTIONS_ALONE, override_rejection, reject
from mturk.wages.reads import pay_raise_of
from studies.exclusions.actions import exclude_person
from workforce.models import HIT, Worker
from workforce.reads import pseudonym

SECOND_SALT = "paying.second"
SECONDED_WITHIN = timedelta(days=3)
# Servers accept addresses of this length.
LONGEST_TOKEN = 3000
PENDING = gettext_lazy(
    "A bonus of $%(amount)s for %(assignment)s with the same reason is already pending. Nothing more is sent. For a "
    "further bonus, change the amount or the reason."
)
# Of a bonus that was decided before, by the state of its call.
DECIDED_BEFORE = {
    "waiting": PENDING,
    "unsure": PENDING,
    "done": gettext_lazy(
        "A bonus of $%(amount)s for %(assignment)s with the same reason is already paid. Nothing more is sent. For a "
        "further bonus, change the amount or the reason."
    ),
    "withdrawn": gettext_lazy(
        "A bonus of $%(amount)s for %(assignment)s with the same reason was withdrawn. Nothing more is sent. For a "
        "further bonus, change the amount or the reason."
    ),
    # With another amount or reason it would be paid twice, once the failed call is retried.
    "failed": gettext_lazy(
        "A bonus of $%(amount)s for %(assignment)s with the same reason was refused by the marketplace. Nothing is "
        "sent now. Once the cause is fixed, retry the failed calls below."
    ),
}


# Of an assignment


def _reject(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str | HttpResponse:
    if _takes_two(listed):
        token = signing.dumps(
            {"listed": listed.pk, "reason": values["reason"], "by": request.user.pk}, salt=SECOND_SALT, compress=True
        )
        if len(token) > LONGEST_TOKEN:
            raise UserError(gettext("The reason is too long for the link that the second person opens. Shorten it."))
        return redirect("setup-second", token)
    reject(listed=listed, reason=values["reason"], decided_by=researcher(request))
    return _rejected(listed)


def _rejected(listed: ListedAssignment) -> str:
    words = gettext("Assignment %(assignment)s is rejected. You can reverse this within 30 days.")
    return words % {"assignment": listed.external_id}


def _takes_two(listed: ListedAssignment) -> bool:
    """Return whether a second person has to agree, and nothing else is in the way."""
    terms = listed.marketplace_hit.terms
    is_open = listed.status == "submitted" and not listed.rejections.filter(overridden_at=None).exists()
    return is_open and n_more_rejections(terms) >= 1 and n_rejected(terms) >= REJECTIONS_ALONE


def _override(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
    standing = listed.rejections.filter(overridden_at=None).first()
    if standing is None:
        words = gettext("Assignment %(assignment)s has no rejection to reverse.")
        raise UserError(words % {"assignment": listed.external_id})
    override_rejection(rejection=standing, reason=values["reason"], overridden_by=researcher(request))
    words = gettext("The rejection of %(assignment)s is reversed: it is paid, and its answer counts.")
    return words % {"assignment": listed.external_id}


@transaction.atomic
def _bonus(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str | HttpResponse:
    # The same lock as in give_bonus: of two at once, the second finds the first one's decision.
    terms = Terms.objects.select_for_update().get(marketplace_hits=listed.marketplace_hit)
    earlier_calls = set(Call.objects.filter(op="SendBonus", batch=terms.batch_id).values_list("pk", flat=True))
    call = give_bonus(listed=listed, amount=values["amount"], reason=values["reason"])
    named = {"amount": values["amount"], "assignment": listed.external_id}
    if call.pk not in earlier_calls:
        return gettext("A bonus of $%(amount)s for %(assignment)s is being paid.") % named
    messages.warning(request, DECIDED_BEFORE[call.state] % named)
    return redirect("setup-published", terms.batch_id)


@transaction.atomic
def _block(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
    block_softly(workers=[listed.worker])
    worker = name_of(listed)
    if not values["reason"].strip():
        words = gettext("Worker %(worker)s is blocked from further HITs. Existing work stays paid and counts.")
        return words % {"worker": worker}
    dataset = listed.marketplace_hit.terms.batch.dataset
    n_all, _ = exclude_person(dataset=dataset, worker=worker, reason=values["reason"])
    words = ngettext(
        "Worker %(worker)s is blocked from further HITs. %(n)s answer is now excluded; it stays paid.",
        "Worker %(worker)s is blocked from further HITs. %(n)s answers are now excluded; they stay paid.",
        n_all,
    )
    return words % {"worker": worker, "n": f"{n_all:,}"}


def _let_in(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
    if not let_in_again(worker=listed.worker):
        raise UserError(gettext("Worker %(worker)s is not blocked.") % {"worker": name_of(listed)})
    return gettext("Worker %(worker)s is no longer blocked.") % {"worker": name_of(listed)}


def name_of(listed: ListedAssignment) -> str:
    return pseudonym(listed.marketplace_hit.terms.batch.dataset, listed.worker_id)


WHEN_TO_REJECT = gettext_lazy(
    "Reject only work that was submitted without looking, or by a program; never reject a different opinion. The "
    "worker reads the reason, and a rejection harms the worker on the whole marketplace. The answer is excluded and "
    "another worker is asked. At most 2 percent of a batch can be rejected. From the sixth rejection on, a second "
    "person has to agree. For poor work, pay it and block the worker instead."
)
OF_ASSIGNMENT = {
    "reject": Decision(
        gettext_lazy("Reject assignment"), WHEN_TO_REJECT, gettext_lazy("Reject assignment"), ReasonForm, _reject
    ),
    "override": Decision(
        gettext_lazy("Reverse rejection"),
        gettext_lazy("The reward is paid, and the answer counts again. Possible for 30 days."),
        gettext_lazy("Reverse rejection"),
        ReasonForm,
        _override,
    ),
    "bonus": Decision(
        gettext_lazy("Pay bonus"),
        gettext_lazy("The worker reads the reason."),
        gettext_lazy("Pay bonus"),
        BonusForm,
        _bonus,
    ),
    "block": Decision(
        gettext_lazy("Block worker"),
        gettext_lazy(
            "The worker no longer sees HITs of this site: a qualification excludes blocked workers. The worker’s "
            "account is not affected, and existing work stays paid."
        ),
        gettext_lazy("Block worker"),
        BlockForm,
        _block,
    ),
    "let_in": Decision(
        gettext_lazy("Unblock worker"),
        gettext_lazy("The worker sees HITs of this site again. Excluded answers stay excluded."),
        gettext_lazy("Unblock worker"),
        ConfirmForm,
        _let_in,
    ),
}

COMPENSATE = Decision(
    gettext_lazy("Compensate worker"),
    gettext_lazy(
        "This creates a HIT that only this worker sees. The HIT has no questions and pays the "
        "reward of the batch. The only evidence of the work comes from the worker’s browser. If "
        "the marketplace does not know the worker, nothing is created or paid."
    ),
    gettext_lazy("Offer compensation"),
    CompensationForm,
    lambda request, turn, values: _compensate(*turn, **values),
)


def _compensate(terms: Terms, worker: Worker, hit: HIT | None, returned: bool) -> str:
    compensate(terms=terms, worker=worker, hit=hit, returned=returned)
    words = gettext("A HIT that only worker %(worker)s sees pays $%(reward)s.")
    return words % {"worker": pseudonym(terms.batch.dataset, worker.pk), "reward": terms.reward}


# The pages


def _decision_or_404(decisions: dict[str, Decision], name: str) -> Decision:
    if name not in decisions:
        raise Http404
    return decisions[name]


def decided(
    request: HttpRequest, decision: Decision, subject: Any, terms: Terms, details: dict[str, Any]
) -> HttpResponse:
    """Render the page that asks for confirmation; carry the decision out when its form is posted."""
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


@staff_page("GET", "POST", may=May.PUBLISH, of=study_of_batch)
@confirmed("POST")
def about_batch(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    terms = terms_or_404(pk)
    details: dict[str, Any] = {"proposed": pay_raise_of(terms)} if decision == "top_up" else {}
    if decision == "notify":
        details["n_workers"] = len(reviewed_workers(terms))
    return decided(request, _decision_or_404(OF_BATCH, decision), terms, terms, details)


@staff_page("GET", "POST", may=May.DECIDE_PAYMENTS, of=study_of_assignment)
@confirmed("POST")
def about_assignment(request: HttpRequest, pk: int, decision: str) -> HttpResponse:
    listed = assignment_or_404(pk)
    details: dict[str, Any] = {
        "listed": listed,
        "worker": name_of(listed),
        "status": STATUSES[listed.status],
    }
    if decision in ("reject", "override"):
        details["answer"] = answer_of(listed)
    return decided(request, _decision_or_404(OF_ASSIGNMENT, decision), listed, listed.marketplace_hit.terms, details)


def assignment_or_404(pk: int) -> ListedAssignment:
    assignments = ListedAssignment.objects.select_related(
        "marketplace_hit__terms__batch__dataset", "worker", "submission"
    )
    return get_object_or_404(assignments, pk=pk)


@staff_page("GET", "POST", may=May.DECIDE_PAYMENTS, of=study_of_batch)
@confirmed("POST")
def compensation(request: HttpRequest, pk: int, worker: str) -> HttpResponse:
    """Offer a compensation. `worker` is a pseudonym in the batch's dataset; `?hit=` is the public id of a HIT."""
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


def _proposal_or_404(token: str) -> dict[str, Any]:
    try:
        proposal: dict[str, Any] = signing.loads(token, salt=SECOND_SALT, max_age=SECONDED_WITHIN)
    except signing.BadSignature:
        raise Http404 from None
    return proposal


def study_of_proposal(token: str, **rest: Any) -> Dataset:
    """Return the study of the assignment that a proposal of a rejection names."""
    return study_of_assignment(_proposal_or_404(token)["listed"])


@staff_page("GET", "POST", may=May.DECIDE_PAYMENTS, of=study_of_proposal)
@confirmed("POST")
def second(request: HttpRequest, token: str) -> HttpResponse:
    """Let a second researcher agree to a rejection; the first one sees the link to pass on."""
    proposal = _proposal_or_404(token)
    listed = assignment_or_404(proposal["listed"])
    first = get_object_or_404(get_user_model(), pk=proposal["by"], is_active=True)
    if May.DECIDE_PAYMENTS not in permissions_in(first, study_of_proposal(token)):
        raise Http404("who proposed it may not reject anything any more")
    details = {"listed": listed, "worker": name_of(listed), "first": first, "reason": proposal["reason"]}
    details |= {"status": STATUSES[listed.status]}
    details |= {"answer": answer_of(listed)}
    if first == request.user:
        details |= {"address": settings.STAFF_ORIGIN + reverse("setup-second", args=[token])}
    decision = seconding(first, proposal["reason"])
    return decided(request, decision, listed, listed.marketplace_hit.terms, details)


def seconding(first: User, reason: str) -> Decision:
    """Return the decision that another researcher than the first one has to make."""

    def do(request: HttpRequest, listed: ListedAssignment, values: FormValues) -> str:
        if request.user == first:
            raise UserError(gettext("Another researcher has to agree: send them the address of this page."))
        reject(listed=listed, reason=reason, decided_by=first, seconded_by=researcher(request))
        return _rejected(listed)

    words = gettext("More than five assignments of the batch are rejected, so two researchers have to agree.")
    title, button = gettext("Reject assignment: second person"), gettext("Agree to rejection")
    return Decision(title, f"{words} {WHEN_TO_REJECT}", button, ConfirmForm, do)
