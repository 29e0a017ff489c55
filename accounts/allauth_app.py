"""allauth's accounts, without its demand for a middleware in the settings: ours lets it see staff requests alone."""

from allauth.account.apps import AccountConfig


class Accounts(AccountConfig):
    def ready(self) -> None:
        """Leave out the check of MIDDLEWARE: `annotation_site.middleware.prepare_sign_in` holds allauth's."""
