"""Bearer tokens of the REST interface."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from api.actions import note_use
from api.models import ApiToken
from api.reads import token_of_key

HOW = "Send the header Authorization: Bearer KEY. The site administrator can make a key."


class BearerTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`; the request then acts for the token, which may be bound to one dataset.

    Nothing else opens the interface: no session of the pages, no key in an address (those end up in logs).
    """

    def authenticate(self, request: Request) -> tuple[ApiToken, ApiToken]:
        scheme, _, key = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise NotAuthenticated(f"This address needs a token. {HOW}")
        token = token_of_key(key.strip())
        if token is None:
            # One message for all three: which of them it is helps only who guesses.
            raise AuthenticationFailed(f"This token is unknown, revoked or expired. {HOW}", code="invalid_token")
        note_use(token=token)
        return token, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="annotations"'
