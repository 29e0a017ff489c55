"""Errors of sign-ins and passwords that other rooms show."""

from django.utils.translation import gettext

from catalog.errors import UserError

BUSY_SECONDS = 5


class TooBusy(UserError):
    """An error: other passwords are being checked at this moment; `seconds` until the next try."""

    def __init__(self) -> None:
        super().__init__(gettext("Many people are signing in at this moment. Try again in a few seconds."))
        self.seconds = BUSY_SECONDS
