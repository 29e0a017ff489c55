"""A small OpenID provider on loopback: discovery, keys, code flow with PKCE, tokens signed with RSA.

It is as strict as a real one: it answers a code once, only with the secret, the address and the verifier that belong to
it. What it says can be spoilt, claim by claim.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from annotation_site import staff_sign_in

CLIENT, SECRET = "annotation-site", "a secret of the client"
KEY_ID = "key-1"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class OpenIdProvider:
    """`claims` change what it says of the person (None removes one); the rest spoils the protocol."""

    callback: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    person: dict[str, Any] = field(default_factory=dict)
    signing_key: Any = None
    algorithm: str = "RS256"
    header: dict[str, Any] = field(default_factory=lambda: {"kid": KEY_ID})
    issuer: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = new_key()
        self.signing_key = self.key
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if urlsplit(self.path).path.endswith("/auth"):
                    way_back = provider.agree(f"http://{self.headers['Host']}{self.path}")
                    self.send_response(302)
                    self.send_header("Location", provider.callback.partition("/login/")[0] + way_back)
                    self.end_headers()
                    return
                self.answer(*provider.get(urlsplit(self.path).path, self.headers.get("Authorization", "")))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.answer(*provider.token({name: values[0] for name, values in parse_qs(body).items()}))

            def answer(self, status: int, content: dict[str, Any]) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/realms/lab"
        self.issuer = self.address
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def get(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        if path.endswith("/.well-known/openid-configuration"):
            parts = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
            description = {name: f"{self.address}/{part}" for name, part in parts.items()}
            methods = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
            further = {"issuer": self.issuer, "userinfo_endpoint": f"{self.address}/person"}
            return 200, description | further | methods
        if path.endswith("/keys"):
            numbers = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return 200, {"keys": [numbers | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}
        if path.endswith("/person") and authorization == "Bearer an access token":
            return 200, self.person
        return 404, {}

    def agree(self, address: str) -> str:
        """Let the person agree to what our page asks for; return the address that leads back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.address}/auth?") and query["client_id"] == CLIENT
        assert query["redirect_uri"] == self.callback and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and len(query["nonce"]) >= 32
        assert set(query["scope"].split()) == {"openid", "email"}
        self.asked.append(query)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{urlsplit(self.callback).path}?code={code}&state={query['state']}"

    def token(self, sent: dict[str, str]) -> tuple[int, dict[str, Any]]:
        query = self.codes.pop(sent.get("code", ""), None)
        verifier = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        is_right = query and challenge == query["code_challenge"] and sent["redirect_uri"] == query["redirect_uri"]
        if not is_right or (sent["client_id"], sent["client_secret"]) != (CLIENT, SECRET):
            return 400, {"error": "invalid_grant"}
        assert query is not None
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": "person-1", "iat": now, "exp": now + 300}
        claims |= {"nonce": query["nonce"], "email": "rosa@example.org", "email_verified": True} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        id_token = jwt.encode(claims, self.signing_key, self.algorithm, headers=self.header)
        return 200, {"access_token": "an access token", "token_type": "Bearer", "id_token": id_token}


def settings_for(provider: OpenIdProvider, monkeypatch) -> dict[str, Any]:
    """The site's settings with this provider."""
    monkeypatch.setenv("OIDC_ISSUER", provider.address)
    monkeypatch.setenv("OIDC_CLIENT_ID", CLIENT)
    monkeypatch.setenv("OIDC_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("OIDC_NAME", "the lab’s login")
    return staff_sign_in.single_sign_on()
