"""Settings of allauth that are code: no sign-up, encrypted secrets, and passkeys of the staff host."""

import base64
import logging
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext, gettext_lazy

from accounts.sessions import begin_session
from accounts.single_sign_on.actions import bind_by_email
from accounts.single_sign_on.pages import no_account, not_signed_on

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Accounts that nobody can create by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        begin_session(request, user)

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """Leave it to `accounts.pages`, which counts attempts."""
        return False

    def add_message(self, *arguments: Any, **options: Any) -> None:
        """Leave messages to our pages."""

    def send_notification_mail(self, *arguments: Any, **options: Any) -> None:
        """Send no mail: a site need not have a mail server."""


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets encrypted with the site's key, and passkeys bound to the staff host."""

    error_messages: ClassVar = DefaultMFAAdapter.error_messages | {
        "incorrect_code": gettext_lazy("This code or passkey was not accepted."),
    }

    def generate_authenticator_name(self, user: User, type: str) -> str:
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey %(number)s") % {"number": number}

    def encrypt(self, text: str) -> str:
        return ciphers().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return ciphers().decrypt(encrypted_text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(settings.STAFF_ORIGIN).hostname or "", "name": settings.MFA_TOTP_ISSUER}


def ciphers() -> MultiFernet:
    """Return the cipher of the site's key, and those of earlier keys to read with."""
    return MultiFernet([cipher(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def cipher(secret: str) -> Fernet:
    key = salted_hmac("accounts.second_factor", "", secret=secret, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """Single sign-on to existing accounts alone."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse an answer to another request than this session's, and people without an account."""
        nonce, account = sociallogin.state.get("nonce"), sociallogin.account
        if not nonce or not constant_time_compare(nonce, str(account.extra_data.get("nonce"))):
            log.warning("Single sign-on failed: the ID token answers another request")
            raise ImmediateHttpResponse(not_signed_on(request))
        if not sociallogin.is_existing:
            emails = [address.email for address in sociallogin.email_addresses if address.verified]
            user = bind_by_email(subject=account.uid, provider=account.provider, emails=emails)
            if user is None:
                log.warning("Single sign-on failed: no account for this person of the provider")
                raise ImmediateHttpResponse(no_account(request))
            sociallogin.user, account.user = user, user
        if not sociallogin.user.is_active:
            log.warning("Single sign-on failed: account %s is closed", sociallogin.user.get_username())
            raise ImmediateHttpResponse(no_account(request))

    def on_authentication_error(self, request: HttpRequest, provider: Any, **details: Any) -> None:
        log.warning("Single sign-on failed: %s", details.get("exception") or details.get("error"))
        raise ImmediateHttpResponse(not_signed_on(request))
