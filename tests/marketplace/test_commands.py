"""`python -m marketplace`: making its database, its people, serving it."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import psycopg2
import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.core.management.base import CommandError

from marketplace.management.commands.serve import default_address
from marketplace.models import Requester, Worker
from marketplace.reads import balances
from tests.marketplace.parties import ROOT, Endpoint, marketplace, url_of


def output_of(*words, **options) -> str:
    out = StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_a_requesters_printed_variables_open_the_api(server, transactional_db):
    out = output_of("create_requester", "our lab", cents=1234)
    values = dict(line.split("=", 1) for line in out.split())
    pair = {name.lower(): values[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    assert (values["AWS_DEFAULT_REGION"], values["AWS_ENDPOINT_URL_MTURK"]) == ("us-east-1", settings.ORIGIN)
    client = Endpoint(server).client(Requester.objects.get(), **pair)
    assert client.get_account_balance()["AvailableBalance"] == "12.34"


@pytest.mark.django_db
def test_a_requester_has_a_balance_and_a_unique_name():
    output_of("create_requester", "our lab")
    assert balances(Requester.objects.get()) == (1_000_000, 0)
    with pytest.raises(CommandError, match="already"):
        output_of("create_requester", "our lab")
    with pytest.raises(CommandError, match="cannot be negative"):
        output_of("create_requester", "another lab", cents=-1)
    output_of("create_requester", "a third lab", cents=0)
    assert balances(Requester.objects.get(name="a third lab")) == (0, 0)


@pytest.mark.django_db
def test_a_worker_gets_an_id_and_a_password():
    out = output_of("create_worker", "anna", country="de")
    worker = Worker.objects.get()
    assert worker.public_id in out
    assert check_password(out.split()[-1], worker.password)
    assert worker.country == "DE"
    with pytest.raises(CommandError, match="already"):
        output_of("create_worker", "anna")
    with pytest.raises(CommandError, match="country"):
        output_of("create_worker", "berta", country="Germany")


def test_preparing_makes_the_database_and_its_tables_and_may_be_repeated(django_db_setup, tmp_path):
    database = dict(settings.DATABASES["default"]) | {"NAME": "marketplace_made_by_a_test"}
    server = psycopg2.connect(dbname="postgres", user=database["USER"], host=database["HOST"])
    server.autocommit = True
    try:
        for _ in range(2):
            process = marketplace("prepare", MARKETPLACE_DATABASE_URL=url_of(database))
            assert process.returncode == 0, process.stderr
        process = marketplace("create_worker", "anna", MARKETPLACE_DATABASE_URL=url_of(database))
        # What goes into a pipe would end up in a log.
        assert (process.returncode, process.stdout) == (1, "") and "add --to FILE" in process.stderr
        words = ("create_worker", "anna", "--to", str(tmp_path / "anna"))
        assert marketplace(*words, MARKETPLACE_DATABASE_URL=url_of(database)).returncode == 0
        assert "name anna, password " in private_text(tmp_path, "anna")
        again = marketplace(*words[:1], "berta", *words[2:], MARKETPLACE_DATABASE_URL=url_of(database))
        assert "Choose another name" in again.stderr and not again.stdout
    finally:
        server.cursor().execute('DROP DATABASE IF EXISTS "marketplace_made_by_a_test"')
        server.close()


def private_text(folder: Path, name: str) -> str:
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    return (folder / name).read_text()


@pytest.mark.django_db(transaction=True)
def test_a_demo_is_set_up_once_and_its_secrets_are_stored(settings, tmp_path, server):
    settings.STATE_DIR = tmp_path
    first, again = output_of("make_demo"), output_of("make_demo")
    assert first == again
    (key_id, secret), (name, password) = (line.split(" / ") for line in first.splitlines())
    keys = f"AWS_ACCESS_KEY_ID={key_id}\nAWS_SECRET_ACCESS_KEY={secret}\n"
    assert (private_text(tmp_path, "requester_keys"), private_text(tmp_path, "worker_password")) == (keys, password)
    assert check_password(password, Worker.objects.get(name=name).password)
    pair = {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
    client = Endpoint(server).client(Requester.objects.get(), **pair)
    assert client.get_account_balance()["AvailableBalance"] == "10000.00"


@pytest.mark.django_db
def test_workers_read_a_contact_and_the_administrator_sets_it(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    output_of("make_demo")
    assert Requester.objects.get().contact == "the person who gave you your login"
    settings.CONTACT = "lab@example.org"
    for _ in range(2):
        output_of("make_demo")
        assert Requester.objects.get().contact == "lab@example.org"
    output_of("create_requester", "another lab", cents=0)
    assert Requester.objects.get(name="another lab").contact == "lab@example.org"
    with pytest.raises(CommandError, match="200 characters"):
        output_of("create_requester", "a third lab", contact="x" * 201)


@pytest.mark.django_db(transaction=True)
def test_a_demo_that_lost_its_files_or_its_database_gets_new_keys(settings, tmp_path):
    settings.STATE_DIR = tmp_path
    first_lines = output_of("make_demo").splitlines()
    (tmp_path / "requester_keys").write_text("AWS_ACCESS_KEY_ID=AKIAOFANOTHERDATABAS\n")
    (tmp_path / "worker_password").unlink()
    keys, login = output_of("make_demo").splitlines()
    assert keys != first_lines[0] and keys.split(" / ")[0] in private_text(tmp_path, "requester_keys")
    assert login == "worker / (your own password)"
    assert Requester.objects.count() == Worker.objects.count() == 1


@pytest.mark.django_db
def test_the_administrator_sets_a_new_password_for_a_worker():
    output_of("create_worker", "anna", password="the one before")
    out = output_of("set_password", "anna")
    assert check_password(out.split()[-1], Worker.objects.get().password)
    output_of("set_password", "anna", password="a chosen one")
    assert check_password("a chosen one", Worker.objects.get().password)
    with pytest.raises(CommandError, match="no worker"):
        output_of("set_password", "berta")


def test_the_tables_are_those_of_the_models():
    assert marketplace("makemigrations", "--check", "--dry-run").returncode == 0


def test_a_deployment_has_nothing_to_complain_of():
    process = marketplace(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        MARKETPLACE_ORIGIN="https://work.example.org",
    )
    assert process.returncode == 0, process.stderr


def test_it_is_served_at_its_origin(settings):
    for origin, address in (
        ("http://127.0.0.1:8100", "127.0.0.1:8100"),
        ("http://localhost", "localhost:80"),
        ("https://work.example.org", "work.example.org:443"),
    ):
        settings.ORIGIN = origin
        assert default_address() == address


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MARKETPLACE_ORIGIN": "http://work.example.org"}, "https://"),
        ({"MARKETPLACE_ORIGIN": "work.example.org"}, "is not an origin"),
        ({"MARKETPLACE_DATABASE_URL": "mysql://a@b/c"}, "does not name a Postgres server"),
        ({"MARKETPLACE_SECRET_KEY": "short"}, "at least 50 random characters"),
        ({"MARKETPLACE_ORIGIN": "https://a.example", "MARKETPLACE_SECRET_KEY": ""}, "at least 50 random characters"),
        ({"MARKETPLACE_FAULTS": "perhaps"}, "neither yes nor no"),
        ({"MARKETPLACE_FRAME_ORIGINS": "https://a.example, tasks.example"}, "is not an origin"),
    ],
)
def test_a_setting_that_cannot_be_meant_stops_the_start_in_words(variables, words):
    process = marketplace("check", **variables)
    assert process.returncode != 0
    assert words in process.stderr


def test_it_starts_without_any_setting_and_keeps_its_key(tmp_path):
    names = ("MARKETPLACE_", "DATABASE_URL")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    code = "import marketplace.settings as s; print(s.SECRET_KEY, s.ORIGIN, s.FAULTS, s.DATABASES['default']['HOST'])"
    words = [sys.executable, "-m", "marketplace", "shell", "--no-imports", "-c", code]
    runs = [
        subprocess.run(words, cwd=ROOT, env=bare | {"STATE_DIR": str(tmp_path)}, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    key, *values = runs[0].stdout.split()
    assert values == ["http://127.0.0.1:8100", "False", str(tmp_path / "postgres-sockets")]
    assert len(key) >= 50
    assert (tmp_path / "marketplace_secret_key").stat().st_mode & 0o777 == 0o600


def test_reading_the_settings_writes_nothing(tmp_path):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_")}
    words = [sys.executable, "-c", "import marketplace.settings as s; print(repr(s.SECRET_KEY))"]
    process = subprocess.run(
        words, cwd=ROOT, env=bare | {"STATE_DIR": str(tmp_path / "state")}, capture_output=True, text=True
    )
    assert process.stdout == "''\n", process.stderr
    assert list(tmp_path.iterdir()) == []
