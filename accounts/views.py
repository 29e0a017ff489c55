"""Pages for signing in, and of the account: password, second factors, recovery codes."""

from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import actions
from accounts.credentials import (
    CodeForm,
    NewAuthenticatorForm,
    NoAttempt,
    SignInForm,
    factor_form,
    is_right_factor,
    problem_of,
    user_of_password,
)
from accounts.forms import NewPasswordForm
from accounts.pages import account_page, ask, confirmed, next_page, signed_in
from accounts.passkeys import NewPasskeyForm
from accounts.reads import factors_of, must_set_up_second_factor, passkeys_are_possible
from accounts.second_factor import passkey_request, picture_of_secret
from accounts.single_sign_on.reads import name_of_provider
from catalog.errors import UserError

MARK = "password_mark"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(next_page(request))
    form = SignInForm(request.POST if request.method == "POST" else None)
    problem, status, seconds = "", 200, 0
    if form.is_bound:
        try:
            if user := _user_of(request, form):
                login = Login(user=user, redirect_url=next_page(request), state={MARK: user.get_session_auth_hash()})
                signed_in_page: HttpResponse = perform_password_login(request, {"username": user.get_username()}, login)
                return signed_in_page
            problem = gettext("Wrong name or password. Both are case-sensitive.")
        except NoAttempt as error:
            problem, status, seconds = error.for_page, 429, error.seconds
    context = {"form": form, "next": request.POST.get("next") or request.GET.get("next", ""), "problem": problem}
    context |= {"single_sign_on": name_of_provider()}
    return _with_wait(render(request, "dashboard/login.html", context, status=status), seconds)


def _user_of(request: HttpRequest, form: SignInForm) -> Any:
    if not form.is_valid():
        return None
    return user_of_password(request, form.cleaned_data["username"], form.cleaned_data["password"])


def _with_wait(page: HttpResponse, seconds: int) -> HttpResponse:
    if seconds:
        page.headers["Retry-After"] = str(seconds)
    return page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor after the password."""
    stage = None if request.user.is_authenticated else LoginStageController.enter(request, AuthenticateStage.key)
    user = stage.login.user if stage else None
    if stage is None or user is None or not _is_still_valid(stage.login):
        return redirect("login")
    problem, status, seconds = "", 200, 0
    if request.method == "POST":
        form = factor_form(user, request.POST)
        try:
            if is_right_factor(request, user, form):
                actions.accept_factor(form=form)
                finished: HttpResponse = stage.exit()
                return finished
            problem = problem_of(form)
        except NoAttempt as error:
            problem, status, seconds = error.for_page, 429, error.seconds
    context = {"form": CodeForm(user=user), "problem": problem, "factors": {row.type for row in factors_of(user)}}
    page = render(request, "accounts/code.html", context | passkey_request(request, user), status=status)
    return _with_wait(page, seconds)


def _is_still_valid(login: Login) -> bool:
    """Return whether the account is active and its password that of the first step, where there was one."""
    mark = login.state.get(MARK)
    return bool(login.user.is_active and (not mark or constant_time_compare(mark, login.user.get_session_auth_hash())))


@account_page("GET", "POST")
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password or second factor, and lead on to the page that needed it."""
    if request.method == "POST":
        return ask(request) or redirect(next_page(request))
    page = ask(request)
    assert page is not None, "a request without a form confirms nothing"
    page.status_code = 200
    return page


@account_page("GET")
def account(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    factors = list(factors_of(user))
    context = {
        "factors": [factor.wrap() for factor in factors],
        "has_app": any(factor.type == Authenticator.Type.TOTP for factor in factors),
        "passkeys_are_possible": passkeys_are_possible(),
        "staff_origin": settings.STAFF_ORIGIN,
        "must_set_up": must_set_up_second_factor(user),
        "has_password": user.has_usable_password(),
    }
    return render(request, "accounts/account.html", context)


@account_page("GET", "POST")
@confirmed("POST")
def password(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    form = NewPasswordForm(request.POST if request.method == "POST" else None, user=user)
    status = 200
    if form.is_bound and form.is_valid():
        try:
            actions.set_password_hash(user=user, password_hash=form.password_hash())
            update_session_auth_hash(request, user)
            messages.success(request, gettext("Your password was changed. All other sessions ended."))
            return redirect("account")
        except NoAttempt as error:
            form.add_error(None, error.for_page)
            status = 429
    status = 422 if form.errors and status == 200 else status
    return render(request, "accounts/password.html", {"form": form}, status=status)


@account_page("GET", "POST")
@confirmed("POST")
def authenticator(request: HttpRequest) -> HttpResponse:
    """Show a new secret for an authenticator app; store it once a code proves that the app has it."""
    user = signed_in(request)
    if request.method != "POST" or factors_of(user).filter(type=Authenticator.Type.TOTP).exists():
        return redirect("account")
    form = NewAuthenticatorForm(request.POST if "code" in request.POST else None, user=user)
    if form.is_bound and form.is_valid():
        actions.set_up_authenticator(request=request, form=form)
        messages.success(request, gettext("Your authenticator app is set up. Keep these recovery codes."))
        return redirect("recovery-codes")
    context = {"form": form} | picture_of_secret(user, form.secret)
    return render(request, "accounts/authenticator.html", context, status=422 if form.errors else 200)


@account_page("GET", "POST")
@confirmed("POST")
def passkey(request: HttpRequest) -> HttpResponse:
    """Show the challenge for a new passkey, and store the passkey that answers it."""
    user = signed_in(request)
    if request.method != "POST":
        return redirect("account")
    if not passkeys_are_possible():
        raise Http404
    form = NewPasskeyForm(request.POST if "credential" in request.POST else None, user=user)
    if form.is_bound and form.is_valid():
        actions.add_passkey(request=request, **form.values())
        messages.success(request, gettext("Your passkey is set up. Keep your recovery codes."))
        return redirect("recovery-codes")
    context = {"form": form, "passkey": {"creation_options": auth.begin_registration(user, passwordless=False)}}
    return render(request, "accounts/passkey.html", context, status=422 if form.errors else 200)


@account_page("POST")
@confirmed("POST")
def remove_factor(request: HttpRequest, pk: int) -> HttpResponse:
    may_remove_last = not settings.STAFF_SECOND_FACTOR_REQUIRED
    try:
        actions.remove_factor(user=signed_in(request), pk=pk, is_last_allowed=may_remove_last)
        messages.success(request, gettext("The second factor was removed."))
    except UserError as error:
        messages.error(request, error.for_page)
    return redirect("account")


@account_page("GET", "POST")
@confirmed("GET", "POST")
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show the unused recovery codes; a POST makes new ones."""
    user = signed_in(request)
    if not factors_of(user).exists():
        return redirect("account")
    if request.method == "POST":
        actions.renew_recovery_codes(request=request)
        messages.success(request, gettext("New recovery codes replace the old ones."))
        return redirect("recovery-codes")
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    context = {"codes": row.wrap().get_unused_codes() if row else []}
    return render(request, "accounts/recovery_codes.html", context)
