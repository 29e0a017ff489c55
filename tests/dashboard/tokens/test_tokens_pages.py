"""Tokens in the browser: created, listed and revoked, for one study or all, and never worth more than their author."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from access.memberships.actions import give_role, remove_role
from access.models import Role
from api.actions import create_token
from api.models import ApiToken
from api.reads import token_of_key
from catalog import reads as catalog_reads
from catalog.reads import now
from tests.api_reader import TABLES, Reader, code_of
from tests.factories import (
    client_of,
    make_administrator,
    make_dataset,
    make_member,
    member_client,
    staff_client,
)
from tests.required import require

pytestmark = pytest.mark.django_db
FIELDS = {"name": "notebook", "scopes": ["read_annotations"], "days": "90"}
VOTES = {"contains_votes", "classify_votes", "verdicts"}


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def researcher(dataset):
    return make_member(dataset, Role.RESEARCHER)


@pytest.fixture
def client(researcher):
    return client_of(researcher)


def text(response) -> str:
    return html.unescape(response.content.decode())


def key_in(response) -> str:
    assert response.status_code == 200, text(response)
    return require(re.search(r'value="(ann_[\w-]{43})"', text(response)))[1]


def created(client, dataset, **fields: object) -> str:
    return key_in(client.post(f"/setup/tokens/{dataset.name}/", FIELDS | fields))


def statuses(key: str, **query: str) -> dict[str, int]:
    reader = Reader(key, Client())
    return {table: reader.get(table, **query).status_code for table in TABLES}


def test_a_key_is_shown_once_and_expires_after_90_days(client, dataset, researcher):
    answer = client.post(f"/setup/tokens/{dataset.name}/", FIELDS)
    key = key_in(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    token = ApiToken.objects.get()
    assert (token.dataset, token.created_by, token.scopes) == (dataset, researcher, ["read_annotations"])
    assert abs(require(token.expires_at) - now() - timedelta(days=90)) < timedelta(hours=1)
    words = text(client.get(f"/setup/tokens/{dataset.name}/"))
    assert key not in words and token.prefix in words and researcher.username in words
    assert '<option value="90" selected>' in words


@pytest.mark.parametrize(
    ("scopes", "closed"), [(["read_annotations"], VOTES), (["read_votes"], {*TABLES} - VOTES), ([*FIELDS], None)]
)
def test_a_token_reads_its_scopes_alone(client, dataset, scopes, closed):
    if closed is None:
        scopes, closed = ["read_annotations", "read_votes"], set()
    assert statuses(created(client, dataset, scopes=scopes)) == {
        table: 403 if table in closed else 200 for table in TABLES
    }


def test_a_missing_scope_has_its_code_and_reveals_no_study(client, dataset):
    other = make_dataset()
    reader = Reader(created(client, dataset), Client())
    answers = [reader.get("contains_votes", dataset=name) for name in (dataset.name, other.name, "absent")]
    assert {code_of(answer) for answer in answers} == {(403, "scope_missing")}
    assert len({answer.content for answer in answers}) == 1


def test_a_foreign_study_is_answered_as_an_unknown_one(client, dataset):
    other = make_dataset()
    reader = Reader(created(client, dataset), Client())
    foreign, unknown = (reader.get("annotations", dataset=name) for name in (other.name, "absent"))
    assert code_of(foreign) == code_of(unknown) == (404, "unknown_dataset")
    assert foreign.content == unknown.content


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"days": "366"}, "Select a valid choice"),
        ({"days": "0"}, "Select a valid choice"),
        ({"days": ""}, "required"),
        ({"scopes": []}, "Choose at least one."),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"name": ""}, "required"),
        ({"name": "x" * 101}, "at most 100"),
    ],
)
def test_a_token_needs_a_name_a_scope_and_an_end(client, dataset, changed, words):
    answer = client.post(f"/setup/tokens/{dataset.name}/", FIELDS | changed)
    assert answer.status_code == 422 and words in text(answer)
    assert not ApiToken.objects.exists()


def test_a_name_is_taken_in_its_study_alone(client, dataset):
    other = make_dataset()
    created(client, dataset)
    answer = client.post(f"/setup/tokens/{dataset.name}/", FIELDS)
    assert answer.status_code == 422 and "exists already" in text(answer)
    created(member_client(other, Role.OWNER), other)


def test_a_token_is_worth_what_its_author_may_read_now(client, dataset, researcher):
    key = created(client, dataset, scopes=["read_annotations", "read_votes"])
    assert set(statuses(key).values()) == {200}
    give_role(dataset=dataset, user=researcher, role=Role.READER, by=None)
    assert statuses(key) == {table: 403 if table in VOTES else 200 for table in TABLES}
    give_role(dataset=dataset, user=researcher, role=Role.LABELER, by=None)
    assert set(statuses(key).values()) == {401}
    remove_role(dataset=dataset, user=researcher, by=None)
    give_role(dataset=make_dataset(), user=researcher, role=Role.OWNER, by=None)
    assert set(statuses(key).values()) == {401}, "a role elsewhere opens nothing here"
    give_role(dataset=dataset, user=researcher, role=Role.OWNER, by=None)
    assert set(statuses(key).values()) == {200}
    User.objects.filter(pk=researcher.pk).update(is_active=False)
    assert set(statuses(key).values()) == {401}


def test_a_token_for_all_studies_ends_with_its_authors_administration(dataset):
    administrator = make_administrator()
    client = client_of(administrator)
    key = key_in(client.post("/tokens/", FIELDS | {"study": "all"}))
    assert ApiToken.objects.get().dataset is None
    assert statuses(key, dataset=dataset.name)["annotations"] == 200
    assert "not valid: its author" not in text(client.get("/tokens/"))
    User.objects.filter(pk=administrator.pk).update(is_staff=False)
    assert "not valid: its author may no longer read this" in text(staff_client().get("/tokens/"))
    give_role(dataset=dataset, user=administrator, role=Role.OWNER, by=None)
    assert statuses(key, dataset=dataset.name)["annotations"] == 401


def test_a_forgotten_session_creates_no_token(dataset, researcher):
    for person, address in ((researcher, f"/setup/tokens/{dataset.name}/"), (make_administrator(), "/tokens/")):
        stale = staff_client(signed_in=False)
        stale.force_login(person)
        answer = stale.post(address, FIELDS | {"study": "all"})
        assert answer.status_code == 403 and "Confirm that it is you" in text(answer)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("study", [None, "", "0", "All"])
def test_a_token_for_all_studies_is_no_slip(study):
    fields = FIELDS | ({} if study is None else {"study": study})
    assert staff_client().post("/tokens/", fields).status_code == 422
    assert not ApiToken.objects.exists()


def test_the_administrator_creates_lists_and_revokes_tokens_of_all_studies(client, dataset, researcher):
    key = created(client, dataset)
    administrator = staff_client()
    key_of_study = key_in(administrator.post("/tokens/", FIELDS | {"name": "other", "study": str(dataset.pk)}))
    assert require(token_of_key(key_of_study)).dataset == dataset
    words = text(administrator.get("/tokens/"))
    assert "notebook" in words and researcher.username in words
    token = ApiToken.objects.get(name="notebook")
    administrator.post(f"/tokens/{token.pk}/revoke/")
    assert set(statuses(key).values()) == {401}
    assert "Token “notebook” is revoked." in text(administrator.get("/tokens/"))


def test_researchers_revoke_tokens_of_their_study_alone(client, dataset, researcher):
    here, of_site = create_token(name="here", dataset=dataset)[0], create_token(name="site")[0]
    elsewhere = create_token(name="elsewhere", dataset=make_dataset())[0]
    for token in (of_site, elsewhere):
        assert client.post(f"/setup/token/{token.pk}/revoke/").status_code == 404
        assert client.post(f"/tokens/{token.pk}/revoke/").status_code == 403
    words = text(client.get(f"/setup/tokens/{dataset.name}/"))
    assert "here" in words and "elsewhere" not in words and of_site.prefix not in words
    client.post(f"/setup/token/{here.pk}/revoke/")
    here.refresh_from_db()
    assert here.revoked_at and here.revoked_by == researcher
    assert ApiToken.objects.filter(revoked_at=None).count() == 2


def test_the_page_says_when_a_token_was_used_and_that_it_has_expired(client, dataset, monkeypatch):
    key = created(client, dataset)
    address = f"/setup/tokens/{dataset.name}/"
    assert ">never</td>" in text(client.get(address))
    Reader(key, Client()).get("annotations")
    assert ">never</td>" not in text(client.get(address))
    monkeypatch.setattr(catalog_reads, "fixed_now", now() + timedelta(days=91))
    assert "expired" in text(client.get(address))


# The command


def test_the_command_creates_tokens_of_one_scope_without_an_author(dataset, capsys):
    call_command("create_token", "script", "--dataset", dataset.name, "--scope", "votes")
    key = capsys.readouterr().out.strip()
    token = require(token_of_key(key))
    assert (token.scopes, token.created_by) == (["read_votes"], None)
    assert require(token.expires_at) - token.created_at > timedelta(days=89)
    assert statuses(key) == {table: 200 if table in VOTES else 403 for table in TABLES}


def test_the_command_names_a_token_of_several_by_its_beginning(capsys):
    tokens = [create_token(name="same", dataset=make_dataset())[0] for _ in range(2)]
    with pytest.raises(CommandError, match="Several tokens") as refusal:
        call_command("revoke_token", "same")
    assert all(token.prefix in str(refusal.value) for token in tokens)
    call_command("revoke_token", tokens[0].prefix)
    assert [ApiToken.objects.get(pk=token.pk).revoked_at is None for token in tokens] == [False, True]
