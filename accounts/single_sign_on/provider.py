"""The provider of single sign-on, and what of its answers is believed.

allauth speaks the protocol; here the ID token is always verified: signature, issuer, audience, time and nonce.
"""

import hashlib
from threading import BoundedSemaphore
from time import monotonic
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

# Signatures that only the holder of a private key can make.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
CLOCKS_DIFFER_SECONDS = 60
DESCRIPTION_SECONDS = 600
# Requests of one process that may wait for the provider; the others keep their threads.
PLACES = BoundedSemaphore(2)

_descriptions: dict[str, tuple[float, dict[str, Any]]] = {}


class Adapter(OpenIDConnectOAuth2Adapter):
    """The code flow with one provider, whose description is kept for ten minutes."""

    @property
    def openid_config(self) -> dict[str, Any]:
        address, issuer = self.get_provider().server_url, self.issuer
        read_at, description = _descriptions.get(address, (0.0, {}))
        if not description or monotonic() - read_at > DESCRIPTION_SECONDS:
            description = super().openid_config
            if description.get("issuer") != issuer:
                raise OAuth2Error(f"the provider calls itself {description.get('issuer')!r}, not {issuer!r}")
            _descriptions[address] = (monotonic(), description)
        return description

    @property
    def issuer(self) -> str:
        return str(self.get_provider().app.settings["issuer"])

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return settings.STAFF_ORIGIN + reverse("single-sign-on-callback")

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        id_token = kwargs["response"].get("id_token")
        if not isinstance(id_token, str):
            raise OAuth2Error("the provider sent no ID token")
        claims = self._decode_id_token(app, id_token)
        if "email" not in claims and self.openid_config.get("userinfo_endpoint"):
            claims = self._with_email(claims, token.token)
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def _with_email(self, claims: dict[str, Any], token: str) -> dict[str, Any]:
        """Add the e-mail that the provider keeps apart, if it is the same person's."""
        person = self._fetch_user_info(token)
        if person.get("sub") != claims["sub"]:
            raise OAuth2Error("the provider describes another person than its ID token")
        return claims | {name: person[name] for name in ("email", "email_verified") if name in person}

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        """Return the claims of an ID token. Raises OAuth2Error for one that is not the provider's, for us, and now."""
        try:
            header = jwt.get_unverified_header(id_token)
            if header.get("alg") not in ALGORITHMS:
                raise OAuth2Error(f"the ID token is not signed as required: {header.get('alg')!r}")
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=self._key_of(header),
                algorithms=ALGORITHMS,
                audience=app.client_id,
                issuer=self.issuer,
                leeway=CLOCKS_DIFFER_SECONDS,
                options={"require": REQUIRED},
            )
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise OAuth2Error(f"invalid ID token: {error}") from error
        if claims.get("azp", app.client_id) != app.client_id:
            raise OAuth2Error("the ID token is for another client")
        return claims

    def _key_of(self, header: dict[str, Any]) -> jwt.PyJWK:
        """Return the provider's key that signed a token, by its identifier if it has one."""
        address = self.openid_config["jwks_uri"]
        with get_adapter().get_requests_session() as session:
            response = session.get(address)
            response.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        for key in keys:
            if key.public_key_use in ("sig", None) and header.get("kid") in (key.key_id, None):
                return key
        raise OAuth2Error("the ID token is signed with an unknown key")


class Provider(OpenIDConnectProvider):
    """One provider, by whose subject accounts are bound."""

    oauth2_adapter_class = Adapter

    def get_auth_params_from_request(self, request: HttpRequest, action: Any) -> dict[str, str]:
        """Take nothing from the address of our page."""
        return {}

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return ["openid", "email"]

    def get_scope(self) -> list[str]:
        return ["openid", "email"]

    def extract_uid(self, data: dict[str, Any]) -> str:
        """Return a digest of issuer and subject: another issuer's subject is another person."""
        text = f"{self.app.settings['issuer']}\n{data['id_token']['sub']}"
        return hashlib.sha256(text.encode()).hexdigest()

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Keep the nonce of the token, until it is compared, and nothing about the person."""
        return {"nonce": data["id_token"].get("nonce")}
