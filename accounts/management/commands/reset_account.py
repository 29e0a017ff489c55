"""`./manage reset_account USERNAME`: give an account another way in."""

from typing import Any

from accounts.management.credentials import CredentialsCommand
from accounts.passwords import Credentials, reset_credentials


class Command(CredentialsCommand):
    help = (
        "Give an account a new password, or single sign-on, and remove second factors that were lost. "
        "Its sessions end; its roles and rights stay as they are."
    )

    def change(self, username: str, credentials: Credentials, **options: Any) -> None:
        reset_credentials(username=username, credentials=credentials)
