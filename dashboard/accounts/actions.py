"""Logins to the researcher's pages."""

from django.contrib.auth.models import User
from django.db import transaction


@transaction.atomic
def make_staff(*, username: str, password: str) -> User:
    """Return a login to the researcher's pages. An existing one becomes active staff with this password."""
    user = User.objects.select_for_update().filter(username=username).first() or User(username=username)
    user.is_staff = user.is_active = True
    user.set_password(password)
    user.save()
    return user
