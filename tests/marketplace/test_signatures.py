"""Signature Version 4: signatures of botocore's own signer are accepted, all others refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from marketplace.actions import create_access_key, revoke_access_key
from marketplace.endpoint.signatures import TIME_FORMAT, Request, secret_of, verified_key_id
from marketplace.errors import ProtocolError

KEY = "AKIAEXAMPLE"
LETTERS = st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="\x7f")
WORDS = st.text(LETTERS, min_size=1, max_size=12)
JSON = {"Content-Type": "application/x-amz-json-1.1"}
HEADER_VALUES = st.text("abcXYZ019 ;,=/+~", min_size=1, max_size=20).filter(str.strip)


def signed(
    *,
    key=KEY,
    secret=None,
    body=b"{}",
    params=None,
    headers=None,
    path="/",
    region="us-east-1",
    service="mturk-requester",
) -> Request:
    """Return a request as botocore signs it, now."""
    url = f"http://127.0.0.1:8100{path}"
    request = AWSRequest("POST", url, headers=headers or {}, data=body, params=params)
    SigV4Auth(Credentials(key, secret or secret_of(key)), service, region).add_auth(request)
    signed_request = request.prepare()
    all_headers = {name.lower(): value for name, value in signed_request.headers.items()} | {"host": "127.0.0.1:8100"}
    all_headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in all_headers.items()}
    return Request("POST", path, signed_request.url.partition("?")[2], all_headers, body)


def key_of(request: Request, moment: datetime | None = None, **options) -> str:
    parameters: dict[str, Any] = {"region": "us-east-1", "service": "mturk-requester"}
    parameters |= {"key_exists": lambda key_id: key_id == KEY} | options
    return verified_key_id(request, moment=moment or datetime.now(UTC), **parameters)


def refusal_of(request: Request, **options) -> tuple[str, str]:
    with pytest.raises(ProtocolError) as raised:
        key_of(request, **options)
    return raised.value.kind, raised.value.message


def with_headers(request: Request, **changed: str | None) -> Request:
    headers = {**request.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
    other_headers = {name: value for name, value in headers.items() if value is not None}
    return Request(request.method, request.path, request.query, other_headers, request.body)


@given(
    body=st.binary(max_size=200),
    params=st.dictionaries(WORDS, WORDS, max_size=3),
    meta=HEADER_VALUES,
)
def test_what_botocore_signs_is_accepted_whatever_it_holds(body, params, meta):
    request = signed(body=body, params=params, headers={"X-Amz-Meta": meta} | JSON)
    assert key_of(request) == KEY


@given(st.binary(min_size=1, max_size=40))
def test_another_body_is_refused(extra):
    request = signed()
    changed = Request("POST", "/", "", request.headers, request.body + extra)
    assert refusal_of(changed)[0] == "InvalidSignatureException"


@pytest.mark.parametrize(
    "changed",
    [
        {"x_amz_target": "MTurkRequesterServiceV20170117.SendBonus"},
        {"host": "127.0.0.1:9999"},
        {"content_type": "text/plain"},
    ],
)
def test_a_signed_header_cannot_be_changed(changed):
    request = signed(headers={"X-Amz-Target": "MTurkRequesterServiceV20170117.GetHIT"} | JSON)
    assert refusal_of(with_headers(request, **changed))[0] == "InvalidSignatureException"


def test_an_amazon_header_cannot_be_added_unsigned():
    kind, message = refusal_of(with_headers(signed(), x_amz_target="MTurkRequesterServiceV20170117.SendBonus"))
    assert kind == "InvalidSignatureException"
    assert "'x-amz-target' must be a 'SignedHeader'" in message


def test_another_path_or_query_is_refused():
    request = signed(params={"a": "1"})
    for path, query in (("/other", request.query), ("/", "a=2"), ("/", "")):
        changed = Request("POST", path, query, request.headers, request.body)
        assert refusal_of(changed)[0] == "InvalidSignatureException"


def test_a_wrong_secret_is_refused():
    kind, message = refusal_of(signed(secret="x" * 40))
    assert kind == "InvalidSignatureException"
    assert message.startswith("The request signature we calculated does not match")


def test_an_unknown_key_and_a_session_token_are_refused():
    assert refusal_of(signed(key="AKIAOTHER"))[0] == "UnrecognizedClientException"
    token = signed(headers={"X-Amz-Security-Token": "abc"})
    assert refusal_of(token)[0] == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"region": "eu-west-1"}, "valid region, not 'eu-west-1'"),
        ({"service": "s3"}, "correct service: 'mturk-requester'"),
    ],
)
def test_a_signature_for_another_region_or_service_is_refused(scope, words):
    kind, message = refusal_of(signed(**scope))
    assert kind == "InvalidSignatureException"
    assert words in message


@pytest.mark.parametrize(("minutes", "words"), [(-5.5, "Signature not yet current"), (5.5, "Signature expired")])
def test_a_signature_is_good_for_five_minutes(minutes, words):
    moment = datetime.now(UTC)
    kind, message = refusal_of(signed(), moment=moment + timedelta(minutes=minutes))
    assert kind == "InvalidSignatureException"
    assert words in message
    assert key_of(signed(), moment=moment + timedelta(minutes=minutes * 0.8)) == KEY


def test_the_day_of_the_key_is_the_day_of_signing():
    request = signed()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    kind, message = refusal_of(with_headers(request, x_amz_date=tomorrow.strftime(TIME_FORMAT)))
    assert kind == "InvalidSignatureException"
    assert "Credential scope" in message


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("", "MissingAuthenticationTokenException"),
        ("Basic abc", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host;x-amz-date, Signature=0", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0", "IncompleteSignatureException"),
    ],
)
def test_what_is_not_signed_at_all_is_refused(header, kind):
    assert refusal_of(with_headers(signed(), authorization=header))[0] == kind


@pytest.mark.parametrize("stamp", [None, "", "yesterday", "2026-01-01T00:00:00Z"])
def test_a_signature_without_a_readable_time_is_refused(stamp):
    kind, _ = refusal_of(with_headers(signed(), x_amz_date=stamp))
    assert kind in ("IncompleteSignatureException", "InvalidSignatureException")


def test_signatures_of_strange_letters_are_refused_and_no_crash():
    request = signed()
    broken = request.headers["authorization"][:-64] + "é" * 64
    assert refusal_of(with_headers(request, authorization=broken))[0] == "InvalidSignatureException"


def code_of(client) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        client.get_account_balance()
    answer = raised.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_an_unmodified_client_is_refused_over_http_for_each_of_these(endpoint, lab):
    bad_headers = [
        ({"aws_secret_access_key": "x" * 40}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIANOBODY"}, "UnrecognizedClientException"),
        ({"region_name": "eu-west-1"}, "InvalidSignatureException"),
    ]
    for options, code in bad_headers:
        assert code_of(endpoint.client(lab.requester, **options)) == (code, 400)
    assert lab.balance() == ("1000.00", "0.00")


def test_a_revoked_key_opens_nothing_any_more(endpoint, lab):
    key = create_access_key(requester=lab.requester)
    pair = {"aws_access_key_id": key.key_id, "aws_secret_access_key": secret_of(key.key_id)}
    client = endpoint.client(lab.requester, **pair)
    client.get_account_balance()
    revoke_access_key(key=key)
    assert code_of(client) == ("UnrecognizedClientException", 400)


def test_secrets_differ_and_are_not_in_the_database(lab):
    keys = [create_access_key(requester=lab.requester) for _ in range(2)]
    secrets = {secret_of(key.key_id) for key in keys}
    assert len(secrets) == 2
    assert not any(secret in str(vars(key)) for key in keys for secret in secrets)
