"""Logins to the researcher's pages, their passwords and second factors."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.flows import generate_recovery_codes
from allauth.mfa.totp.internal.flows import activate_totp
from allauth.mfa.webauthn.internal.flows import add_authenticator
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from accounts.attempts.actions import forget_networks
from accounts.reads import FACTORS, factors_of
from audit.actions import Area, record
from catalog.errors import UserError


@transaction.atomic
def make_staff(
    *,
    username: str,
    password: str | None,
    email: str | None = None,
    forgets_factors: bool = False,
    promotes: bool = False,
) -> User:
    """Return a site administrator: a new account, or that of an administrator with other credentials.

    Raises UserError for an account that is no administrator's, or closed, unless `promotes`. Without a password, the
    provider of single sign-on alone opens the account.
    """
    user = _locked(username) or User(username=username)
    before = {"administrator": user.is_staff, "open": user.is_active} if user.pk else None
    if user.pk and not promotes:
        _refuse_to_promote(user)
    user.is_staff = user.is_active = True
    _store_credentials(user, password, email, forgets_factors)
    after = {"administrator": True, "open": True}
    record(area=Area.PERMISSION, action="account.administrate", subject=f"account {user}", before=before, after=after)
    return user


@transaction.atomic
def reset_account(
    *, username: str, password: str | None, email: str | None = None, forgets_factors: bool = False
) -> User:
    """Give an open account another password, or none, and another e-mail address. Its rights stay as they are."""
    user = _locked(username)
    if user is None:
        raise no_account(username)
    if not user.is_active:
        raise UserError(
            gettext("The account “%(name)s” is closed.") % {"name": username},
            shell=gettext("An owner of a study can invite the person again, under another name."),
        )
    _store_credentials(user, password, email, forgets_factors)
    after = {"password": password is not None, "email": email is not None}
    record(area=Area.PERMISSION, action="account.reset", subject=f"account {user}", after=after)
    return user


def _locked(username: str) -> User | None:
    return User.objects.select_for_update().filter(username=username).first()


def no_account(username: str) -> UserError:
    return UserError(gettext("There is no account “%(name)s”.") % {"name": username})


def _refuse_to_promote(user: User) -> None:
    name = {"name": user.get_username()}
    if not user.is_active:
        raise UserError(
            gettext("The account “%(name)s” is closed.") % name,
            shell=gettext("--administrator opens it again, as that of a site administrator."),
        )
    if not user.is_staff:
        raise UserError(
            gettext("The account “%(name)s” is no site administrator's.") % name,
            shell=gettext(
                "./manage reset_account gives it a new password; --administrator makes it a site administrator's."
            ),
        )


def _store_credentials(user: User, password: str | None, email: str | None, forgets_factors: bool) -> None:
    """Store a password and an e-mail address.

    Single sign-on opens the one active account with an address, so no two may have the same.
    """
    others = User.objects.filter(email__iexact=email, is_active=True).exclude(username=user.username)
    if email and others.exists():
        raise UserError(gettext("Another account has the e-mail address %(email)s.") % {"email": email})
    user.set_password(password)
    user.email = user.email if email is None else email
    user.save()
    if forgets_factors:
        forget_second_factors(user=user)


@transaction.atomic
def remove_staff(*, username: str) -> User:
    """Close a login: its sessions end with their next request. What it decided keeps its name."""
    user = _locked(username)
    if user is None:
        raise no_account(username)
    user.is_staff = user.is_superuser = user.is_active = False
    user.email = ""
    # This also changes the mark in each session, so that none lives again with the account.
    user.set_unusable_password()
    user.save()
    SocialAccount.objects.filter(user=user).delete()
    forget_second_factors(user=user)
    record(area=Area.PERMISSION, action="account.close", subject=f"account {user}")
    return user


@transaction.atomic
def forget_second_factors(*, user: User) -> None:
    """Delete second factors, recovery codes and the networks where the account signed in."""
    if Authenticator.objects.filter(user=user).delete()[0]:
        record(area=Area.PERMISSION, action="account.forget_second_factors", subject=f"account {user}")
    forget_networks(user=user)


@transaction.atomic
def set_password_hash(*, user: User, password_hash: str) -> None:
    """Change a password. All sessions that the old one opened end."""
    user.password = password_hash
    user.save(update_fields=["password"])
    _record(user, "password")


def accept_factor(*, form: Any) -> None:
    """Note in the session, and with the factor, that it was used."""
    form.save()


@transaction.atomic
def set_up_authenticator(*, request: HttpRequest, form: forms.Form) -> None:
    """Store the secret of a form that showed a right code, and recovery codes if there are none."""
    activate_totp(request, form)
    _record(request.user, "add_factor", after={"factor": Authenticator.Type.TOTP})


@transaction.atomic
def add_passkey(*, request: HttpRequest, name: str, credential: dict[str, Any]) -> None:
    """Store a passkey, and recovery codes if there are none."""
    add_authenticator(request, name=name, credential=credential)
    _record(request.user, "add_factor", after={"factor": Authenticator.Type.WEBAUTHN})


@transaction.atomic
def renew_recovery_codes(*, request: HttpRequest) -> None:
    """Replace the recovery codes by new ones."""
    generate_recovery_codes(request)
    _record(request.user, "renew_recovery_codes")


@transaction.atomic
def remove_factor(*, user: User, pk: int, is_last_allowed: bool) -> None:
    """Remove an authenticator app or passkey; with the last one go the recovery codes."""
    User.objects.select_for_update().get(pk=user.pk)
    factor = factors_of(user).filter(pk=pk).first()
    if factor is None:
        return
    others = factors_of(user).exclude(pk=pk).exists()
    if not (others or is_last_allowed):
        raise UserError(gettext("This site requires a second factor. Set up another one before you remove this one."))
    removed = FACTORS if others else Authenticator.Type.values
    Authenticator.objects.filter(user=user, type__in=removed, **({"pk": pk} if others else {})).delete()
    _record(user, "remove_factor", before={"factor": factor.type})


def _record(user: Any, change: str, **values: Any) -> None:
    """Record a change of an account that its person made: neither passwords nor secrets are in it."""
    record(area=Area.PERMISSION, action=f"account.{change}", subject=f"account {user}", **values)
