"""A worker's account: earnings, messages, qualifications, password."""

from django.contrib import messages as notes
from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.account.actions import mark_messages_read
from marketplace.account.reads import messages_to, qualifications_of, rejected_cents_of, work_of
from marketplace.errors import WorkRefused
from marketplace.models import QualificationType
from marketplace.networks import network_of
from marketplace.pages import WorkerRequest, for_workers, rows_of
from marketplace.qualifications.actions import request_qualification
from marketplace.sessions import begin_session
from marketplace.sign_in.actions import TooManyAttempts, begin_attempt, forget_attempts, set_password
from marketplace.sign_in.views import log_failure
from marketplace.work.reads import earnings_of

STATES = {
    "": gettext_lazy("All"),
    "submitted": gettext_lazy("Pending review"),
    "approved": gettext_lazy("Approved"),
    "rejected": gettext_lazy("Rejected"),
    "bonus": gettext_lazy("With a bonus"),
}


@require_safe
@for_workers
def earnings(request: WorkerRequest) -> HttpResponse:
    state = request.GET.get("show", "")
    context = {
        "earnings": earnings_of(request.worker),
        "rejected_cents": rejected_cents_of(request.worker),
        "rows": rows_of(request, work_of(request.worker, state)),
        "state": state,
        "states": STATES.items(),
    }
    return render(request, "marketplace/earnings.html", context)


@require_safe
@for_workers
def messages(request: WorkerRequest) -> HttpResponse:
    return render(request, "marketplace/messages.html", {"rows": rows_of(request, messages_to(request.worker))})


@require_POST
@for_workers
def read_messages(request: WorkerRequest) -> HttpResponse:
    newest = request.POST.get("newest", "")
    if newest.isascii() and newest.isdigit() and len(newest) < 19:
        mark_messages_read(worker=request.worker, up_to=int(newest))
    return redirect("messages")


@require_safe
@for_workers
def qualifications(request: WorkerRequest) -> HttpResponse:
    return render(request, "marketplace/qualifications.html", {"of_worker": qualifications_of(request.worker)})


@require_POST
@for_workers
def qualification_request(request: WorkerRequest, type_id: str) -> HttpResponse:
    kind = get_object_or_404(QualificationType, public_id=type_id, requester__isnull=False)
    if request_qualification(qualification_type=kind, worker=request.worker):
        text = gettext("You have requested the qualification “%(name)s”. The requester decides.")
    else:
        text = gettext("You now have the qualification “%(name)s”.")
    notes.success(request, text % {"name": kind.name})
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith("/")
    return redirect(back if is_ours else "qualifications")


@require_http_methods(["GET", "HEAD", "POST"])
@for_workers
def password(request: WorkerRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "marketplace/password.html", {})
    try:
        change_password(request)
    except (ValidationError, WorkRefused) as problem:
        status = 429 if isinstance(problem, TooManyAttempts) else 400
        text = " ".join(problem.messages) if isinstance(problem, ValidationError) else str(problem)
        return render(request, "marketplace/password.html", {"problem": text}, status=status)
    notes.success(request, gettext("Your password was changed. All other browsers were signed out."))
    return redirect("earnings")


def change_password(request: WorkerRequest) -> None:
    old, new = (request.POST.get(name, "")[:1000] for name in ("old", "new"))
    attempt = begin_attempt(name=request.worker.name, address=network_of(request), worker=request.worker)
    if not check_password(old, request.worker.password):
        log_failure(request.worker, network_of(request))
        raise ValidationError(gettext("The current password is wrong."))
    forget_attempts(attempt=attempt)
    if new != request.POST.get("again", ""):
        raise ValidationError(gettext("The two new passwords differ."))
    validate_password(new)
    begin_session(request, set_password(worker=request.worker, password=new))
