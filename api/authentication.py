"""Bearer tokens of the REST interface."""

from django.utils.translation import gettext, gettext_lazy
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from api.actions import note_use
from api.models import ApiToken
from api.reads import token_of_key

INSTRUCTION = gettext_lazy("Send the header Authorization: Bearer KEY. Keys are created on the page Tokens of a study.")


class BearerTokenAuthentication(BaseAuthentication):
    """Authentication by `Authorization: Bearer KEY`; the request acts for the token, perhaps bound to one dataset.

    No session of the pages and no key in an address is accepted: addresses end up in logs.
    """

    def authenticate(self, request: Request) -> tuple[ApiToken, ApiToken]:
        scheme, _, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise NotAuthenticated(gettext("A token is required. %(instruction)s") % {"instruction": INSTRUCTION})
        token = token_of_key(key.strip())
        if token is None:
            # One message for all three cases: the difference would help only to guess keys.
            message = gettext("This token is unknown, revoked or expired. %(instruction)s")
            raise AuthenticationFailed(message % {"instruction": INSTRUCTION}, code="invalid_token")
        note_use(token=token)
        return token, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="annotations"'
