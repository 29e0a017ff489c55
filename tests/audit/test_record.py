"""The record of decisions: who, what, before, after and why; added in the same transaction, and never changed."""

import json
import os
import pwd
import re
import threading
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from audit.actions import Area, record
from audit.models import AuditEntry, AuditLink
from audit.reads import Actor, acting, broken_entries, current_actor
from tests.factories import make_dataset, staff_client
from tests.threads import in_threads

committing = pytest.mark.django_db(transaction=True)


def record_many(n_entries: int) -> None:
    for number in range(n_entries):
        record(
            area=Area.CONFIG,
            action="settings.change",
            subject=f"dataset {number}",
            before={"n": number},
            after={"n": number + 1},
        )


def run_sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def tamper(statement: str, *values: Any) -> None:
    """Change rows as somebody could who owns the database: with its triggers off."""
    with transaction.atomic():
        run_sql("SET LOCAL session_replication_role = replica")
        run_sql(statement, *values)


def said(**options: object) -> str:
    out = StringIO()
    call_command("audit", stdout=out, **options)
    return out.getvalue()


@committing
def test_a_chain_of_entries_is_whole_and_has_a_head():
    assert broken_entries() == ([], None)
    assert said(verify=True) == "The record of decisions is empty.\n"
    record_many(3)
    broken, head = broken_entries()
    assert broken == [] and head is not None and head[0] == 3
    assert list(AuditLink.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert f"\n3:{head[1]}\n" in said(verify=True)


@committing
def test_what_is_undone_leaves_no_entry():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record_many(1)
        raise ZeroDivisionError
    record_many(1)
    assert [link.number for link in AuditLink.objects.all()] == [1]
    assert broken_entries()[0] == []


@committing
def test_entries_of_many_at_once_are_one_chain():
    def two_in_a_transaction(number: int) -> None:
        with transaction.atomic():
            record_many(2)

    in_threads(8, two_in_a_transaction)
    broken, head = broken_entries()
    assert broken == [] and head is not None and head[0] == 16


@committing
def test_a_decision_under_way_holds_up_no_other_one():
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            record_many(1)
            begun.set()
            assert go_on.wait(60)
        connection.close()

    other = threading.Thread(target=slowly)
    other.start()
    assert begun.wait(60)
    run_sql("SET lock_timeout = '20s'")
    record_many(1)
    run_sql("RESET lock_timeout")
    go_on.set()
    other.join()
    assert broken_entries()[0] == [] and AuditLink.objects.count() == 2


@committing
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor = 'nobody'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry CASCADE",
        "UPDATE audit_auditlink SET number = 7",
        "DELETE FROM audit_auditlink",
        "TRUNCATE audit_auditlink",
    ],
)
def test_the_database_refuses_to_change_the_record(statement):
    record_many(2)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        run_sql(statement)
    assert broken_entries()[0] == [] and AuditEntry.objects.count() == 2


def of_second(change: str) -> Callable[[list[int]], tuple[str, list[int]]]:
    return lambda ids: (f"UPDATE audit_auditentry SET {change} WHERE id = {ids[1]}", [ids[1]])


TAMPERED: dict[str, Callable[[list[int]], tuple[str, list[int]]]] = {
    "actor": of_second("actor = 'nobody'"),
    "account": of_second("account = 7"),
    "action": of_second("action = 'nothing'"),
    "subject": of_second("subject = 'another'"),
    "before": of_second("before = '{}'"),
    "after": of_second("after = NULL"),
    "reason": of_second("reason = 'better'"),
    "area": of_second("area = 'money'"),
    "time": of_second("at = at + interval '1 microsecond'"),
    "removed": lambda ids: (f"DELETE FROM audit_auditentry WHERE id = {ids[1]}", [0]),
    "removed with its link": lambda ids: (
        f"DELETE FROM audit_auditlink WHERE entry_id = {ids[1]}; DELETE FROM audit_auditentry WHERE id = {ids[1]}",
        [ids[2]],
    ),
    "added without a link": lambda ids: (
        "INSERT INTO audit_auditentry (id, actor, area, action, subject, reason) "
        "VALUES (99999, 'a', 'money', 'b', '', '')",
        [99999],
    ),
}


@committing
@pytest.mark.parametrize("case", TAMPERED)
def test_what_is_changed_behind_the_sites_back_is_found(case):
    record_many(3)
    ids = list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True))
    statement, expected = TAMPERED[case](ids)
    tamper(statement)
    assert broken_entries()[0] == expected
    with pytest.raises(CommandError, match="was changed outside the site"):
        said(verify=True)


@committing
def test_entries_removed_from_the_end_are_missed_by_who_wrote_the_head_down():
    record_many(3)
    head = broken_entries()[1]
    assert head is not None
    record_many(1)
    assert broken_entries(head)[0] == []
    tamper(
        "DELETE FROM audit_auditlink WHERE number >= 3; DELETE FROM audit_auditentry WHERE id NOT IN"
        " (SELECT entry_id FROM audit_auditlink)"
    )
    assert broken_entries()[0] == [], "the chain itself ends where it ends"
    assert broken_entries(head)[0] == [0]
    with pytest.raises(CommandError, match="at: the end"):
        said(verify=True, head=f"{head[0]}:{head[1]}")
    with pytest.raises(CommandError, match="a number, a colon and 64 digits"):
        said(verify=True, head="3")


@pytest.mark.django_db
@pytest.mark.parametrize("fields", [{"area": "gossip"}, {"actor": ""}, {"action": ""}])
def test_an_entry_names_who_and_what(fields):
    entry = {"actor": "rosa", "area": "config", "action": "settings.change", "subject": "dataset a"} | fields
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEntry.objects.create(**entry)


@pytest.mark.django_db
def test_the_record_is_printed_line_by_line():
    with acting(lambda: Actor("rosa", 3)):
        record(
            area=Area.REVIEW, action="submission.exclude", subject="submission 7", after={"state": "out"}, reason="Näh"
        )
    (line,) = [json.loads(text) for text in said().splitlines()]
    assert line.pop("entry") and re.match(r"\d{4}-\d\d-\d\dT", line.pop("at"))
    assert line == {
        "actor": "rosa",
        "account": 3,
        "area": "review",
        "action": "submission.exclude",
        "subject": "submission 7",
        "before": None,
        "after": {"state": "out"},
        "reason": "Näh",
    }


# Who acts


def test_without_anybody_the_site_acts_and_in_a_command_the_user_of_the_shell(monkeypatch):
    assert current_actor().name == "the site"
    monkeypatch.setattr("sys.argv", ["/srv/manage.py", "exclude"])
    monkeypatch.setenv("LOGNAME", "rosa")
    assert current_actor().name == f"shell: {pwd.getpwuid(os.getuid()).pw_name}"
    with acting(lambda: Actor("rosa", 3)):
        assert current_actor() == Actor("rosa", 3)
    assert current_actor().name.startswith("shell: ")


@pytest.mark.django_db
def test_who_is_signed_in_acts_on_pages():
    dataset, client = make_dataset(), staff_client()
    user = get_user_model().objects.get()
    client.post(f"/setup/introduction/{dataset.name}/", {"requester": "The lab", "contact": "lab@example.org"})
    entry = AuditEntry.objects.get(action="introduction.change")
    assert (entry.actor, entry.account) == (user.get_username(), user.pk)
    assert dataset.name in entry.subject
