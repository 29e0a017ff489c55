"""Accounts that a person of the provider may open: the one bound to the subject, or that with the verified e-mail."""

import logging

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.db import transaction

from audit.actions import Area, record

log = logging.getLogger(__name__)


@transaction.atomic
def bind_by_email(*, subject: str, provider: str, emails: list[str]) -> User | None:
    """Bind the subject to the one active account with a verified e-mail, and return it, or nothing.

    An account that is bound to another subject stays so: an e-mail address may be handed on to another person.
    """
    users = [user for email in emails for user in User.objects.select_for_update().filter(email__iexact=email)]
    active = {user.pk: user for user in users if user.is_active}
    if len(active) != 1:
        return None
    (user,) = active.values()
    if SocialAccount.objects.filter(user=user, provider=provider).exists():
        log.warning("Single sign-on refused: account %s is bound to another person of the provider", user.username)
        return None
    SocialAccount.objects.create(user=user, provider=provider, uid=subject)
    # Nobody is signed in yet. The subject is an ID of the provider, which the record has no use for.
    record(area=Area.PERMISSION, action="account.bind", subject=f"account {user}", after={"provider": provider})
    return user
