"""/mturk/externalSubmit: forms out of the frame, good and bad."""

import threading
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import connections

from marketplace.models import Assignment
from marketplace.work.actions import accept_hit, return_assignment
from tests.marketplace.browsing import at_work, directives, stranger, submit_form, text_of
from tests.marketplace.parties import later, make_hit, make_worker, submit_hit
from tests.required import require

pytestmark = pytest.mark.django_db


def accepted_assignment() -> Assignment:
    return accept_hit(worker=make_worker(), hit=make_hit())


def answers(assignment: Assignment) -> list[tuple[str | None, str | None]]:
    assignment.refresh_from_db()
    space = "{http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd}"
    elements = ElementTree.fromstring(assignment.answer).iter(f"{space}Answer")
    return [(element[0].text, element[1].text) for element in elements]


def check_refused(answer, words: str) -> None:
    """Check that the page in the frame gives the reason, and links the window to the next page."""
    assert answer.status_code == 400
    assert "There was a problem submitting this HIT" in text_of(answer)
    assert words in text_of(answer)
    assert 'target="_top"' in answer.content.decode()
    assert directives(answer)["frame-ancestors"] == "'self'"


def test_a_form_is_stored_field_by_field_and_leads_on():
    assignment = accepted_assignment()
    form: dict[str, Any] = {"label": ["cat", "dog"], "note": "a < b & c\r\nü", "empty": ""}
    answer = submit_form(assignment.public_id, **form)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://127.0.0.1:8100/mturk/submitted/{assignment.public_id}/"
    assert answers(assignment) == [("label", "cat"), ("label", "dog"), ("note", "a < b & c\r\nü"), ("empty", None)]
    assert assignment.status == "Submitted"
    page = stranger().get(answer.headers["Location"])
    assert f'href="/tasks/{assignment.public_id}/" target="_top"' in page.content.decode()
    assert directives(page)["frame-ancestors"] == "'self'"


def test_a_form_with_files_and_parts_is_taken_too():
    assignment = accepted_assignment()
    fields = {"assignmentId": assignment.public_id, "label": "cat"}
    assert stranger().post("/mturk/externalSubmit", fields).status_code == 303
    assert answers(assignment) == [("label", "cat")]
    other = accepted_assignment()
    body = f"assignmentId={other.public_id}&label=dog"
    kind = "application/x-www-form-urlencoded"
    assert stranger().post("/mturk/externalSubmit", body, content_type=kind).status_code == 303
    assert answers(other) == [("label", "dog")]


def test_it_needs_no_cookie_and_no_token_and_takes_no_notice_of_who_is_signed_in():
    assignment = accepted_assignment()
    client = at_work(make_worker(), enforce_csrf_checks=True)
    assert submit_form(assignment.public_id, client, label="cat").status_code == 303


def test_the_hit_that_a_form_names_is_ignored():
    assignment = accepted_assignment()
    assert submit_form(assignment.public_id, hitId="3OTHER", label="cat").status_code == 303


@pytest.mark.parametrize(
    ("assignment_id", "words"),
    [
        ("", "does not name an assignment"),
        ("ASSIGNMENT_ID_NOT_AVAILABLE", "If this is a preview"),
        ("3UNKNOWNUNKNOWNUNKNOWNUNKNOWN0", "assignment does not exist"),
        ("' OR 1=1 --", "does not name an assignment"),
        ("\0" * 12, "does not name an assignment"),
        ("A" * 5000, "does not name an assignment"),
    ],
)
def test_a_preview_and_ids_of_nothing_are_refused(assignment_id, words):
    check_refused(submit_form(assignment_id, label="cat"), words)


@pytest.mark.parametrize("fields", [{}, {"label": ""}, {"label": "  \t"}])
def test_a_form_without_an_answer_is_refused(fields):
    assignment = accepted_assignment()
    check_refused(submit_form(assignment.public_id, **fields), "has no answer")
    assignment.refresh_from_db()
    assert (assignment.status, assignment.answer) == ("Pending", "")


def test_a_second_submit_changes_nothing():
    assignment = accepted_assignment()
    submit_form(assignment.public_id, label="cat")
    check_refused(submit_form(assignment.public_id, label="dog"), "already submitted this HIT")
    assert answers(assignment) == [("label", "cat")]


def test_what_was_returned_or_ran_out_of_time_is_refused():
    returned, late = accepted_assignment(), accepted_assignment()
    return_assignment(worker=require(returned.worker), assignment=returned)
    later(minutes=11)
    for assignment in (returned, late):
        check_refused(submit_form(assignment.public_id, label="cat"), "no longer be submitted")
        assignment.refresh_from_db()
        assert assignment.answer == ""


def test_after_a_return_the_id_belongs_to_the_next_worker():
    hit = make_hit()
    first = accept_hit(worker=make_worker(), hit=hit)
    return_assignment(worker=require(first.worker), assignment=first)
    second = accept_hit(worker=make_worker(), hit=hit)
    assert second.public_id == first.public_id
    assert submit_form(first.public_id, label="cat").status_code == 303
    second.refresh_from_db()
    assert second.status == "Submitted"


def test_only_fields_of_the_form_count_and_not_those_of_the_address():
    assignment = accepted_assignment()
    address = f"/mturk/externalSubmit?assignmentId={assignment.public_id}&label=cat"
    check_refused(stranger().get(address), "no form with its answers was sent")
    check_refused(stranger().post(address), "does not name an assignment")
    check_refused(submit_form(assignment.public_id, stranger()), "has no answer")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"assignmentId": "3A", "label": "cat"}', "application/json"),
        (b"assignmentId=3A\r\nlabel=cat", "text/plain"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"\xff\xfe=\xff", "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_form_is_refused(body, kind):
    check_refused(stranger().post("/mturk/externalSubmit", body, content_type=kind), "not submitted")


def test_a_form_that_is_too_large_is_refused_in_words():
    assignment = accepted_assignment()
    check_refused(submit_form(assignment.public_id, label="x" * 600_000), "too large")
    many: dict[str, Any] = {f"field{number}": "x" for number in range(2100)}
    check_refused(submit_form(assignment.public_id, **many), "not submitted")
    assignment.refresh_from_db()
    assert assignment.status == "Pending"


def test_forms_for_other_hits_do_not_change_submitted_work():
    submitted, other = submit_hit(make_hit(), label="cat"), accepted_assignment()
    submit_form(other.public_id, label="dog")
    assert answers(submitted) == [("label", "cat")]


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_recorded_once():
    assignment, codes = accepted_assignment(), []

    def click(number: int) -> None:
        codes.append(submit_form(assignment.public_id, label=str(number)).status_code)
        connections.close_all()

    threads = [threading.Thread(target=click, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [303, 400, 400, 400, 400, 400]
    assert len(answers(assignment)) == 1
