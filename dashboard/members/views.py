"""Pages of the people of a study, and the page that an invitation leads to."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access.memberships.actions import (
    NameTaken,
    NoInvitation,
    accept_invitation,
    give_role,
    invite,
    join_with_new_account,
    remove_role,
    revoke_invitation,
)
from access.memberships.reads import changes_of, invitation_of, members_of, open_invitations
from access.models import Invitation, Membership
from access.permissions.reads import May
from accounts.errors import TooBusy
from accounts.pages import confirmed
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.members.forms import AccountForm, RoleForm
from dashboard.pages import dataset_or_404, researcher, staff_page
from dashboard.subjects import study_of_invitation, study_of_membership


@staff_page("GET", "POST", may=May.MANAGE_MEMBERS, of=dataset_or_404)
@confirmed("POST")
def people(request: HttpRequest, name: str) -> HttpResponse:
    """Show the people of a study. A POST creates an invitation, whose link is on its answer alone."""
    dataset = dataset_or_404(name)
    form = RoleForm(request.POST if request.method == "POST" else None)
    link = ""
    if form.is_bound and form.is_valid():
        link = _invite(request, dataset, form)
    members = [(member, RoleForm({"role": member.role}, auto_id=f"%s_{member.pk}")) for member in members_of(dataset)]
    context = {
        "dataset": dataset,
        "tab": "people",
        "members": members,
        "invitations": open_invitations(dataset),
        "changes": changes_of(dataset),
        "form": form,
        "link": link,
    }
    return render(request, "dashboard/members/people.html", context, status=422 if form.errors else 200)


def _invite(request: HttpRequest, dataset: Dataset, form: RoleForm) -> str:
    """Return the link of a new invitation, or nothing after a refusal, which is then an error of the form."""
    try:
        _, secret = invite(dataset=dataset, role=form.chosen, by=researcher(request))
    except UserError as error:
        form.add_error(None, error.for_page)
        return ""
    return f"{settings.STAFF_ORIGIN}{reverse('invitation', args=[secret])}"


@staff_page("POST", may=May.MANAGE_MEMBERS, of=study_of_membership)
@confirmed("POST")
def change(request: HttpRequest, pk: int) -> HttpResponse:
    member = _member_or_404(pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Choose one of the roles."))
        return redirect("people", member.dataset.name)
    try:
        give_role(dataset=member.dataset, user=member.user, role=form.chosen, by=researcher(request))
        words = gettext("%(name)s is now %(role)s.")
        messages.success(request, words % {"name": member.user.get_username(), "role": form.chosen.label})
    except UserError as error:
        messages.error(request, error.for_page)
    return redirect("people", member.dataset.name)


@staff_page("POST", may=May.MANAGE_MEMBERS, of=study_of_membership)
@confirmed("POST")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    member = _member_or_404(pk)
    try:
        remove_role(dataset=member.dataset, user=member.user, by=researcher(request))
        words = gettext("%(name)s has no role in this study any more.")
        messages.success(request, words % {"name": member.user.get_username()})
    except UserError as error:
        messages.error(request, error.for_page)
    return redirect("people", member.dataset.name)


def _member_or_404(pk: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("dataset", "user"), pk=pk)


@staff_page("POST", may=May.MANAGE_MEMBERS, of=study_of_invitation)
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation.objects.select_related("dataset"), pk=pk)
    try:
        revoke_invitation(invitation=invitation, by=researcher(request))
        messages.success(request, gettext("The invitation is revoked."))
    except UserError as error:
        messages.error(request, error.for_page)
    return redirect("people", invitation.dataset.name)


# Accepting


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Show an invitation to whoever has its link; a POST gives its role to the account, or to a new one."""
    invitation = invitation_of(secret)
    if invitation is None:
        return render(request, "dashboard/members/no_invitation.html", status=404)
    signed_in = isinstance(request.user, User)
    form = AccountForm(request.POST if request.method == "POST" and not signed_in else None)
    problem: UserError | None = None
    if request.method == "POST" and (signed_in or form.is_valid()):
        try:
            return _accept(request, secret, form)
        except NoInvitation:
            return render(request, "dashboard/members/no_invitation.html", status=404)
        except NameTaken as error:
            form.add_error("username", error.for_page)
        except UserError as error:
            problem = error
    return _invitation_page(request, invitation, form, problem)


def _invitation_page(
    request: HttpRequest, invitation: Invitation, form: AccountForm, problem: UserError | None
) -> HttpResponse:
    context = {
        "invitation": invitation,
        "form": form,
        "signed_in": request.user.is_authenticated,
        "problem": problem and problem.for_page,
    }
    seconds = problem.seconds if isinstance(problem, TooBusy) else 0
    status = 429 if seconds else 422 if problem or form.errors else 200
    page = render(request, "dashboard/members/invitation.html", context, status=status)
    if seconds:
        page.headers["Retry-After"] = str(seconds)
    return page


def _accept(request: HttpRequest, secret: str, form: AccountForm) -> HttpResponse:
    if isinstance(request.user, User):
        member = accept_invitation(secret=secret, user=request.user)
        words = gettext("You are now %(role)s of this study.")
        messages.success(request, words % {"role": member.role_name})
        return redirect("dataset", member.dataset.name)
    name = form.cleaned_data["username"]
    member = join_with_new_account(secret=secret, username=name, password_hash=form.password_hash())
    # Not signed in at once: whatever a sign-in asks for, it asks of new accounts, too.
    messages.success(request, gettext("Your account is created. Sign in with it."))
    return redirect(f"{reverse('login')}?next={reverse('dataset', args=[member.dataset.name])}")
