"""Places for a command's secret: to a terminal, to a caller in memory, or to a new file of its owner's."""

import io
import logging
import os
import sys
from pathlib import Path

import pytest

from access.secret_output.actions import is_recorded, secret_output
from access.secret_output.logs import HideSecrets
from catalog.errors import UserError
from tests.accounts.people import make_account
from tests.commands import refusal, said


def test_a_terminal_gets_it():
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours, "rb") as screen:
        assert not is_recorded(terminal)
        with secret_output(terminal, None) as show:
            show("a secret\n")
        terminal.flush()
        assert screen.readline().strip() == b"a secret"


def test_a_caller_in_memory_gets_it():
    out = io.StringIO()
    with secret_output(out, None) as show:
        show("a secret")
    assert out.getvalue() == "a secret"


@pytest.mark.parametrize("kind", ["file", "pipe", "null"])
def test_a_log_does_not(tmp_path, kind):
    reading, writing = os.pipe()
    target = {"file": tmp_path / "log", "pipe": writing, "null": os.devnull}[kind]
    with open(target, "w") as log, pytest.raises(UserError, match="add --to FILE"), secret_output(log, None):
        raise AssertionError("nothing is made")
    os.close(reading)
    if kind != "pipe":
        os.close(writing)


def test_a_file_is_its_owners_whatever_the_umask_and_never_another_ones(tmp_path):
    file, before = tmp_path / "secret", os.umask(0)
    try:
        with secret_output(sys.stdout, file) as show:
            show("a secret")
    finally:
        os.umask(before)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a secret\n", 0o600)
    for taken in (file, tmp_path, tmp_path / "nowhere" / "secret"):
        with pytest.raises(UserError, match="Choose another name"), secret_output(sys.stdout, taken):
            raise AssertionError("nothing is made")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError), secret_output(sys.stdout, tmp_path / "link"):
        raise AssertionError("a link is followed")
    assert file.read_text() == "a secret\n"


def test_a_file_without_its_secret_is_removed(tmp_path):
    with pytest.raises(ZeroDivisionError), secret_output(sys.stdout, tmp_path / "secret"):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.django_db
def test_the_commands_that_make_secrets_are_held_to_it(monkeypatch, tmp_path):
    words = {"create_token": ("notebook",), "create_staff": ("ada",), "reset_account": ("rosa",)}
    make_account(name="rosa")
    for command, names in words.items():
        with open(tmp_path / "log", "w") as log:
            monkeypatch.setattr("tests.commands.io.StringIO", lambda log=log: log)
            assert "shows a secret" in refusal(command, *names)
            monkeypatch.undo()
    assert (tmp_path / "log").read_text() == ""
    said("create_token", "notebook", "--to", tmp_path / "key")
    assert (tmp_path / "key").read_text().startswith("ann_")
    assert "already" in refusal("create_token", "notebook", "--to", tmp_path / "second")
    assert not Path(tmp_path / "second").exists()


@pytest.mark.parametrize("path", ["/invitations/{}/", "/setup/second/{}/", "/de/invitations/{}/"])
def test_the_log_of_a_refused_request_names_no_secret_of_its_address(path):
    record = logging.LogRecord(
        "django.request", logging.WARNING, "", 0, "%s: %s", ("Conflict", path.format("k3y")), None
    )
    assert HideSecrets().filter(record)
    assert record.getMessage() == f"Conflict: {path.format('…')}"


def test_other_lines_of_the_log_stay_as_they_are():
    record = logging.LogRecord("catalog", logging.INFO, "", 0, "Created dataset %s.", ("invitations/a/b",), None)
    assert HideSecrets().filter(record)
    assert record.getMessage() == "Created dataset invitations/a/b."


def test_every_handler_of_the_site_hides_them(settings):
    handlers = settings.LOGGING["handlers"].values()
    assert handlers and all("secrets" in handler["filters"] for handler in handlers)
