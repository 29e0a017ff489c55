"""AWS Signature Version 4: checks that a request was signed with the secret of the key that it names.

After "Signature Version 4 signing process" of the AWS General Reference. Only the Authorization header is understood,
not signed addresses. A secret is derived from the key's id and SECRET_KEY and stored nowhere.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote

from django.conf import settings
from django.utils.crypto import salted_hmac

from marketplace.errors import ProtocolError

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
PART = re.compile(r"(Credential|SignedHeaders|Signature)=([^\s,]+)")
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True)
class Request:
    """The signed parts of an HTTP request. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Scope:
    key_id: str
    date: str
    region: str
    service: str


def secret_of(key_id: str, key: str = "") -> str:
    """Return the secret of an access key, derived from SECRET_KEY or from an earlier key."""
    digest = salted_hmac("marketplace.access-key", key_id, secret=key or settings.SECRET_KEY, algorithm="sha256")
    return digest.hexdigest()[:40]


def secrets_of(key_id: str) -> list[str]:
    """Return the secrets that a requester may have: a new SECRET_KEY leaves the earlier one's valid."""
    return [secret_of(key_id, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def verified_key_id(
    request: Request, *, region: str, service: str, moment: datetime, key_exists: Callable[[str], bool]
) -> str:
    """Return the id of the key that signed the request, or raise ProtocolError.

    `moment` is the true time, however far the marketplace's clock was moved.
    """
    scope, signed, signature = authorization_of(request)
    stamp = stamp_of(request, scope, moment)
    if scope.region != region:
        raise invalid(f"Credential should be scoped to a valid region, not '{scope.region}'.")
    if scope.service != service:
        raise invalid(f"Credential should be scoped to correct service: '{service}'.")
    if not key_exists(scope.key_id) or "x-amz-security-token" in request.headers:
        raise ProtocolError("UnrecognizedClientException", "The security token included in the request is invalid.")
    expected = [signature_of(request, signed, stamp, scope, secret) for secret in secrets_of(scope.key_id)]
    if not any(hmac.compare_digest(text.encode(), signature.encode()) for text in expected):
        raise invalid(MISMATCH)
    return scope.key_id


def invalid(message: str) -> ProtocolError:
    return ProtocolError("InvalidSignatureException", message)


def authorization_of(request: Request) -> tuple[Scope, list[str], str]:
    header = request.headers.get("authorization", "")
    if not header:
        raise ProtocolError("MissingAuthenticationTokenException", "Missing Authentication Token")
    parts = dict(PART.findall(header))
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if name not in parts]
    if not header.startswith(ALGORITHM + " ") or absent:
        expected = ", ".join(f"'{name}'" for name in absent) or f"the algorithm '{ALGORITHM}'"
        raise ProtocolError("IncompleteSignatureException", f"Authorization header requires {expected} parameter.")
    words = parts["Credential"].rsplit("/", 4)
    if len(words) != 5 or words[4] != "aws4_request":
        raise ProtocolError(
            "IncompleteSignatureException",
            "Credential must have 5 slash-delimited elements: key/date/region/service/aws4_request.",
        )
    signed = parts["SignedHeaders"].split(";")
    refuse_unsigned(request, signed)
    return Scope(*words[:4]), signed, parts["Signature"]


def refuse_unsigned(request: Request, signed: list[str]) -> None:
    """Refuse a request whose host or an x-amz- header is not signed: they decide its meaning."""
    required = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    unsigned = sorted(required - set(signed))
    if unsigned:
        raise invalid(f"'{unsigned[0]}' must be a 'SignedHeader' in the AWS Authorization.")
    absent = sorted(set(signed) - set(request.headers))
    if absent:
        raise invalid(f"The signed header '{absent[0]}' is not in the request.")


def stamp_of(request: Request, scope: Scope, moment: datetime) -> str:
    """Return the time of signing, which must be about now and on the day of the credential."""
    stamp = request.headers.get("x-amz-date", "")
    try:
        datetime.strptime(stamp, TIME_FORMAT)
    except ValueError:
        raise ProtocolError(
            "IncompleteSignatureException",
            "Authorization header requires existence of an 'X-Amz-Date' header in ISO-8601 basic form.",
        ) from None
    if scope.date != stamp[:8]:
        raise invalid(f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: {stamp}.")
    oldest, current, newest = (f"{time:{TIME_FORMAT}}" for time in (moment - SKEW, moment, moment + SKEW))
    # These are times of equal length, largest unit first: they compare as texts.
    if stamp < oldest:
        raise invalid(f"Signature expired: {stamp} is now earlier than {oldest} ({current} - 5 min.)")
    if stamp > newest:
        raise invalid(f"Signature not yet current: {stamp} is still later than {newest} ({current} + 5 min.)")
    return stamp


def signature_of(request: Request, signed: list[str], stamp: str, scope: Scope, secret: str) -> str:
    canonical = hashlib.sha256(canonical_request(request, signed).encode()).hexdigest()
    words = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    key = f"AWS4{secret}".encode()
    for word in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.new(key, "\n".join([ALGORITHM, stamp, words, canonical]).encode(), "sha256").hexdigest()


def canonical_request(request: Request, signed: list[str]) -> str:
    pairs = parse_qsl(request.query, keep_blank_values=True, encoding="utf-8")
    query = "&".join(f"{name}={value}" for name, value in sorted((encoded(n), encoded(v)) for n, v in pairs))
    headers = [f"{name}:{' '.join(request.headers[name].split())}" for name in sorted(signed)]
    digest = hashlib.sha256(request.body).hexdigest()
    path = quote(request.path, safe="/-_.~") or "/"
    return "\n".join([request.method, path, query, *headers, "", ";".join(sorted(signed)), digest])


def encoded(text: str) -> str:
    return quote(text, safe="-_.~")
