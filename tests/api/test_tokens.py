"""Keys to the REST interface: what is kept of them, and what they open."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from api.actions import create_token, revoke_token
from api.models import ApiToken
from catalog import reads as catalog_reads
from catalog.models import Dataset
from tests.factories import make_dataset, sign_in
from tests.required import require

pytestmark = pytest.mark.django_db

TABLES = ("annotations", "selection_frequencies", "contains_votes", "classify_votes", "verdicts")


def get(key: str | None, table: str = "annotations", client: Client | None = None, /, **query: str):
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return (client or Client()).get(f"/api/v1/{table}/", query, headers=headers)


def assert_refused(response) -> str:
    """Refused as anybody without a token is; returns the code of the refusal."""
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert response.json().keys() == {"error"} and response.json()["error"].keys() == {"code", "message"}
    return response.json()["error"]["code"]


def everything_stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(token::text, ' ') FROM annotation_site_apitoken token")
        return cursor.fetchone()[0]


def make_key(dataset: Dataset | None = None, **options: Any) -> str:
    return create_token(name=f"reader {ApiToken.objects.count()}", dataset=dataset, **options)[1]


def test_a_key_opens_every_table():
    dataset = make_dataset()
    key = make_key()
    for table in TABLES:
        response = get(key, table, dataset=dataset.name)
        assert (response.status_code, response.json()) == (200, {"next": None, "results": []})


def test_only_a_hash_of_a_key_and_its_first_letters_are_stored():
    key = make_key()
    stored = everything_stored()
    assert key not in stored and key[9:] not in stored
    assert key[:8] in stored


def test_keys_differ_and_are_long_enough_not_to_be_guessed():
    keys = {make_key() for _ in range(20)}
    assert len(keys) == 20
    assert all(re.fullmatch(r"ann_[A-Za-z0-9_-]{43}", key) for key in keys)


@pytest.mark.parametrize("table", TABLES)
def test_without_a_token_nothing_is_read(table):
    assert assert_refused(get(None, table)) == "not_authenticated"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic cmVzZWFyY2hlcjp4", "Token {key}", "{key}", "Bearer\u00a0{key}"]
)
def test_a_header_of_another_shape_is_no_token(header):
    key = make_key()
    response = Client().get("/api/v1/annotations/", headers={"authorization": header.replace("{key}", key)})
    assert_refused(response)


@pytest.mark.parametrize("key", ["x", "ann_" + "A" * 43, "é", "a b", "' OR 1=1 --", "A" * 5000])
def test_an_unknown_key_is_refused(key):
    make_key()
    assert assert_refused(get(key)) == "invalid_token"


def test_a_stored_hash_is_no_key():
    make_key()
    assert assert_refused(get(ApiToken.objects.get().digest)) == "invalid_token"


def test_a_revoked_key_is_refused_and_stays_on_record():
    dataset = make_dataset()
    token, key = create_token(name="reader")
    assert get(key, dataset=dataset.name).status_code == 200
    revoke_token(token=token)
    revoked_at = ApiToken.objects.get().revoked_at
    assert assert_refused(get(key, dataset=dataset.name)) == "invalid_token"
    revoke_token(token=token)
    assert ApiToken.objects.get().revoked_at == revoked_at


def test_a_key_works_until_it_expires(monkeypatch):
    dataset = make_dataset()
    end = catalog_reads.now() + timedelta(days=1)
    key = make_key(expires_at=end)
    monkeypatch.setattr(catalog_reads, "fixed_now", end - timedelta(seconds=1))
    assert get(key, dataset=dataset.name).status_code == 200
    monkeypatch.setattr(catalog_reads, "fixed_now", end)
    assert assert_refused(get(key, dataset=dataset.name)) == "invalid_token"


def test_revoked_expired_and_unknown_keys_are_told_the_same():
    token, revoked = create_token(name="revoked")
    revoke_token(token=token)
    expired = make_key(expires_at=catalog_reads.now() - timedelta(seconds=1))
    answers = {get(key).content for key in (revoked, expired, "unknown")}
    assert len(answers) == 1


def test_being_signed_in_to_the_pages_opens_nothing():
    dataset = make_dataset()
    client = Client()
    sign_in(client, get_user_model().objects.create_superuser("researcher"))
    assert_refused(get(None, "annotations", client, dataset=dataset.name))


@pytest.mark.parametrize("parameter", ["token", "key", "access_token", "api_key", "authorization"])
def test_a_key_in_the_address_opens_nothing(parameter):
    dataset = make_dataset()
    key = make_key()
    assert_refused(get(None, dataset=dataset.name, **{parameter: key}))


def test_a_key_in_a_cookie_opens_nothing():
    client = Client()
    client.cookies["Authorization"] = client.cookies["token"] = make_key()
    assert_refused(get(None, "annotations", client))


def test_an_answer_never_repeats_the_key():
    key = make_key()
    for response in (get(key, dataset=make_dataset().name), get(key), get(key, dataset="none"), get(key + "x")):
        assert key.encode() not in response.content


def test_a_bound_token_reads_its_dataset_with_and_without_naming_it():
    dataset = make_dataset()
    key = make_key(dataset)
    assert get(key).status_code == get(key, dataset=dataset.name).status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_a_bound_token_cannot_tell_another_dataset_from_none(table):
    key, other = make_key(make_dataset()), make_dataset(name="secret-study")
    foreign = get(key, table, dataset=other.name)
    missing = get(key, table, dataset="no-such-study")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.json() == missing.json()
    assert b"secret-study" not in foreign.content + missing.content


def test_use_of_a_token_is_noted_once_a_minute(monkeypatch):
    dataset = make_dataset()
    key = make_key()
    begin = catalog_reads.now()
    noted = []
    for seconds in (0, 30, 61):
        monkeypatch.setattr(catalog_reads, "fixed_now", begin + timedelta(seconds=seconds))
        get(key, dataset=dataset.name)
        noted.append(ApiToken.objects.get().last_used_at)
    assert noted == [begin, begin, begin + timedelta(seconds=61)]


def run_command(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_command_makes_a_key_that_works():
    dataset = make_dataset()
    key = run_command("create_token", "notebook", "--dataset", dataset.name, "--days", "30")
    token = ApiToken.objects.get(name="notebook")
    assert (token.dataset, (require(token.expires_at) - catalog_reads.now()).days) == (dataset, 29)
    assert get(key).status_code == 200


def test_a_token_of_the_command_reads_all_datasets_for_ninety_days_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(catalog_reads, "fixed_now", catalog_reads.now())
    key = run_command("create_token", "notebook")
    token = ApiToken.objects.get()
    assert (token.dataset, token.expires_at) == (None, catalog_reads.now() + timedelta(days=90))
    assert get(key, dataset=make_dataset().name).status_code == 200
    monkeypatch.setattr(catalog_reads, "fixed_now", token.expires_at)
    assert_refused(get(key, dataset=make_dataset().name))


def test_the_command_makes_a_key_without_an_end_only_where_that_is_asked_for():
    run_command("create_token", "notebook", "--forever")
    assert ApiToken.objects.get().expires_at is None
    with pytest.raises(CommandError, match="not allowed with"):
        run_command("create_token", "another", "--forever", "--days", "90")


def test_the_command_ends_a_token():
    key = run_command("create_token", "notebook")
    assert "notebook" in run_command("revoke_token", "notebook")
    assert_refused(get(key))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("create_token", "taken"), "A token “taken” exists already"),
        (("create_token", "new", "--dataset", "nothing"), "no dataset named 'nothing'"),
        (("create_token", "new", "--days", "0"), "--days 0"),
        (("create_token", "n" * 101), "100 characters"),
        (("create_token", ""), "100 characters"),
        (("revoke_token", "nobody"), "Tokens: taken"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(words, reason):
    create_token(name="taken")
    with pytest.raises(CommandError, match=re.escape(reason)):
        run_command(*words)
    assert ApiToken.objects.count() == 1
