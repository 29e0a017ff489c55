"""The request loops of public projects that drove Mechanical Turk, as far as what they rely on is known: written anew
here, run through an unmodified boto3. What a loop reads from an answer, the endpoint must give in just that way."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marketplace.models import Assignment
from marketplace.qualifications import system
from marketplace.work.actions import NotQualified, accept_hit
from tests.marketplace.parties import HIT_VALUES, QUESTION, TYPE, make_worker, make_workers, submit_hit
from tests.required import require

LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)


def words_of(call, **values) -> str:
    with pytest.raises(ClientError) as raised:
        call(**values)
    return str(raised.value)


def ask_until_empty(call, member: str, **values) -> list[dict]:
    """Read pages as oTree and Mephisto do: take the token of every page with rows, unchecked, until a page is empty."""
    rows: list[dict] = []
    page = call(**values)
    while page[member]:
        rows += page[member]
        page = call(**values, NextToken=page["NextToken"])
    assert "NextToken" not in page
    return rows


def ask_while_there_is_a_token(call, member: str, **values) -> list[dict]:
    """Read pages as Dallinger and Mephisto's list of HITs do: while a page has a next token."""
    rows: list[dict] = []
    token: dict[str, str] = {}
    for _ in range(100):
        page = call(**values, **token)
        rows += page[member]
        if "NextToken" not in page:
            return rows
        token = {"NextToken": page["NextToken"]}
    raise AssertionError("the list has no end")


def ask_by_paginator(client, operation: str, member: str, **values) -> list[dict]:
    """Read pages as psiTurk does, by a paginator."""
    return [row for page in client.get_paginator(operation).paginate(**values) for row in page[member]]


# Paging


@pytest.mark.parametrize("n_rows", [0, 1, 10, 11])
@pytest.mark.parametrize("size", [1, 10, 100])
def test_every_kind_of_loop_reads_all_assignments_once(lab, n_rows, size):
    hit = lab.publish(max_assignments=9 if n_rows < 10 else 11)
    expected = [submit_hit(hit, worker).public_id for worker in make_workers(n_rows)]
    parameters = {
        "HITId": hit.public_id,
        "MaxResults": size,
        "AssignmentStatuses": ["Submitted", "Approved", "Rejected"],
    }
    call = lab.client.list_assignments_for_hit
    for loop in (ask_until_empty, ask_while_there_is_a_token):
        assert [row["AssignmentId"] for row in loop(call, "Assignments", **parameters)] == expected
    del parameters["MaxResults"]
    by_paginator = ask_by_paginator(lab.client, "list_assignments_for_hit", "Assignments", **parameters)
    assert [row["AssignmentId"] for row in by_paginator] == expected


def test_who_does_not_page_gets_ten_rows_and_sees_that_there_are_more(lab):
    """Mephisto reads assignments in this way, and misses the second page: as it did on Mechanical Turk."""
    hit = lab.publish(max_assignments=11)
    for worker in make_workers(11):
        submit_hit(hit, worker)
    page = lab.client.list_assignments_for_hit(HITId=hit.public_id)
    assert (len(page["Assignments"]), page["NumResults"], "NextToken" in page) == (10, 10, True)


# psiTurk: HITs are distinguished by their status and their counters


def test_what_waits_for_review_follows_from_the_counters_of_a_hit(lab):
    hit = lab.publish(max_assignments=5)
    assignments = [submit_hit(hit, worker) for worker in make_workers(3)]
    accept_hit(worker=make_worker(), hit=hit)
    lab.client.approve_assignment(AssignmentId=assignments[0].public_id)
    lab.client.reject_assignment(AssignmentId=assignments[1].public_id, RequesterFeedback="Empty")
    (answer,) = ask_by_paginator(lab.client, "list_hits", "HITs")
    counters = [answer[f"NumberOfAssignments{name}"] for name in ("Available", "Pending", "Completed")]
    assert counters == [1, 1, 2]
    assert answer["MaxAssignments"] - sum(counters) == 1, "submitted and pending review"
    waiting = lab.client.list_assignments_for_hit(HITId=hit.public_id, AssignmentStatuses=["Submitted"])
    assert [row["AssignmentId"] for row in waiting["Assignments"]] == [assignments[2].public_id]


def test_hits_are_listed_by_status_expired_extended_and_deleted(lab):
    kinds = lab.client.create_hit_type(**TYPE)["HITTypeId"]
    created = [
        lab.client.create_hit_with_hit_type(
            HITTypeId=kinds, MaxAssignments=2, RequesterAnnotation=f"experiment {number}", **HIT_VALUES
        )["HIT"]["HITId"]
        for number in range(3)
    ]

    def with_status(status: str) -> list[str]:
        return sorted(
            row["HITId"] for row in ask_by_paginator(lab.client, "list_hits", "HITs") if row["HITStatus"] == status
        )

    assert with_status("Assignable") == sorted(created)
    for way, hit_id in zip((LONG_AGO, 0, datetime.now(UTC) - timedelta(seconds=1)), created, strict=True):
        lab.client.update_expiration_for_hit(HITId=hit_id, ExpireAt=way)
    assert with_status("Reviewable") == sorted(created)
    lab.client.create_additional_assignments_for_hit(HITId=created[0], NumberOfAdditionalAssignments=1)
    answer = lab.client.get_hit(HITId=created[0])["HIT"]
    later = max(answer["Expiration"], datetime.now(UTC)) + timedelta(hours=2)
    lab.client.update_expiration_for_hit(HITId=created[0], ExpireAt=later)
    answer = lab.client.get_hit(HITId=created[0])["HIT"]
    assert (answer["HITStatus"], answer["MaxAssignments"]) == ("Assignable", 3)
    assert answer["Expiration"] == later.replace(microsecond=0)
    lab.client.delete_hit(HITId=created[1])
    assert lab.client.get_hit(HITId=created[1])["HIT"]["HITStatus"] == "Disposed"
    assert with_status("Disposed") == []
    assert "state 'Disposed'" in words_of(lab.client.delete_hit, HITId=created[1])


def test_a_psiturk_advertisement_asks_for_a_record_and_a_country(lab):
    needs: list[dict[str, Any]] = [
        {"QualificationTypeId": system.PERCENT_APPROVED, "Comparator": "GreaterThanOrEqualTo", "IntegerValues": [95]},
        {"QualificationTypeId": system.NUMBER_APPROVED, "Comparator": "GreaterThanOrEqualTo", "IntegerValues": [1]},
        {"QualificationTypeId": system.LOCALE, "Comparator": "EqualTo", "LocaleValues": [{"Country": "US"}]},
    ]
    values = TYPE | {"Title": "An experiment", "QualificationRequirements": needs}
    kind = lab.client.create_hit_type(**values)["HITTypeId"]
    assert lab.client.create_hit_type(**values)["HITTypeId"] == kind, "the same values are the same type"
    created = lab.client.create_hit_with_hit_type(HITTypeId=kind, MaxAssignments=1, **HIT_VALUES)["HIT"]
    assert [need["QualificationTypeId"] for need in created["QualificationRequirements"]] == [
        need["QualificationTypeId"] for need in needs
    ]
    hit = lab.requester.hits.get(public_id=created["HITId"])
    newcomer, trained = make_worker(country="US"), make_worker(country="US")
    lab.client.approve_assignment(AssignmentId=submit_hit(lab.publish(), trained).public_id)
    with pytest.raises(NotQualified):
        accept_hit(worker=newcomer, hit=hit)
    assert accept_hit(worker=trained, hit=hit).status == Assignment.Status.PENDING


# Dallinger: qualifications by name, increasing scores, texts of errors


def type_named(client, name: str) -> dict | None:
    """Return the only result whatever its name is; of several, the type of that name."""
    query = {"Query": name.upper(), "MustBeRequestable": False, "MustBeOwnedByCaller": True, "MaxResults": 100}
    rows = client.list_qualification_types(**query)["QualificationTypes"]
    if len(rows) > 1:
        return next((row for row in rows if row["Name"].upper() == name.upper()), None)
    return rows[0] if rows else None


def score_of(client, kind: str, worker: str) -> int | str:
    try:
        answer = client.get_qualification_score(QualificationTypeId=kind, WorkerId=worker)
    except ClientError as error:
        if "does not exist" in str(error):
            return "lacks it"
        if "operation can be called with a status of: Granted" in str(error):
            return "it was taken away"
        raise
    return answer["Qualification"]["IntegerValue"]


def test_a_qualification_is_created_once_and_listed_by_its_name(endpoint, lab):
    endpoint.lab().client.create_qualification_type(
        Name="Took part", Description="Of another lab", QualificationTypeStatus="Active"
    )
    assert type_named(lab.client, "Took part") is None
    values = {"Description": "Took part in a study", "QualificationTypeStatus": "Active"}
    created = lab.client.create_qualification_type(Name="Took part", **values)["QualificationType"]
    assert require(type_named(lab.client, "Took part"))["QualificationTypeId"] == created["QualificationTypeId"]
    lab.client.create_qualification_type(Name="Took part in May", **values)
    assert require(type_named(lab.client, "took part"))["QualificationTypeId"] == created["QualificationTypeId"]
    again = words_of(lab.client.create_qualification_type, Name="Took part", **values)
    assert "already created a QualificationType with this name" in again


def test_a_score_is_counted_up_and_its_absence_is_read_from_the_words(lab):
    kind = lab.client.create_qualification_type(
        Name="Times", Description="How often", QualificationTypeStatus="Active"
    )["QualificationType"]["QualificationTypeId"]
    people = [worker.public_id for worker in make_workers(12)]
    ours = {"QualificationTypeId": kind, "WorkerId": people[0]}
    assert score_of(lab.client, kind, people[0]) == "lacks it"
    for expected in (1, 2, 3):
        earlier = score_of(lab.client, kind, people[0])
        value = earlier + 1 if isinstance(earlier, int) else 1
        lab.client.associate_qualification_with_worker(**ours, IntegerValue=value, SendNotification=False)
        assert score_of(lab.client, kind, people[0]) == expected
    lab.client.disassociate_qualification_from_worker(**ours, Reason="A mistake")
    assert score_of(lab.client, kind, people[0]) == "it was taken away"
    for worker in people[1:]:
        lab.client.associate_qualification_with_worker(QualificationTypeId=kind, WorkerId=worker, IntegerValue=1)
    listed = ask_while_there_is_a_token(
        lab.client.list_workers_with_qualification_type,
        "Qualifications",
        QualificationTypeId=kind,
        Status="Granted",
        MaxResults=5,
    )
    assert sorted(row["WorkerId"] for row in listed) == sorted(people[1:])


def test_a_recruitment_opens_with_one_place_and_is_extended(lab):
    """Its tokens are times of day: a new token for every call, so that no call is a repetition."""
    clock = (f"{number}.5" for number in itertools.count(1_700_000_000))
    kind = lab.client.create_hit_type(**TYPE)["HITTypeId"]
    created = lab.client.create_hit_with_hit_type(
        HITTypeId=kind,
        MaxAssignments=1,
        LifetimeInSeconds=3600,
        Question=QUESTION,
        RequesterAnnotation="experiment-7",
        UniqueRequestToken=next(clock),
    )["HIT"]["HITId"]
    hit = lab.requester.hits.get(public_id=created)
    for n_more in (1, 2):
        expected = lab.client.get_hit(HITId=created)["HIT"]["Expiration"] + timedelta(hours=1)
        lab.client.create_additional_assignments_for_hit(
            HITId=created, NumberOfAdditionalAssignments=n_more, UniqueRequestToken=next(clock)
        )
        lab.client.update_expiration_for_hit(HITId=created, ExpireAt=expected)
        assert lab.client.get_hit(HITId=created)["HIT"]["Expiration"] == expected
    assert lab.client.get_hit(HITId=created)["HIT"]["MaxAssignments"] == 4
    annotated = [
        row["HITId"]
        for row in ask_while_there_is_a_token(lab.client.list_hits, "HITs", MaxResults=100)
        if row["RequesterAnnotation"] == "experiment-7"
    ]
    assert annotated == [created]
    worker = make_worker()
    assignment = submit_hit(hit, worker)
    lab.client.approve_assignment(AssignmentId=assignment.public_id)
    lab.client.send_bonus(
        AssignmentId=assignment.public_id,
        WorkerId=worker.public_id,
        BonusAmount="0.33",
        Reason="For your time",
        UniqueRequestToken=next(clock),
    )
    answer = lab.client.get_assignment(AssignmentId=assignment.public_id)
    assert (answer["Assignment"]["AssignmentStatus"], answer["HIT"]["HITId"]) == ("Approved", created)
    assert "does not exist" in words_of(lab.client.get_assignment, AssignmentId="3NEVERWAS")
    assert "status of: Submitted" in words_of(lab.client.approve_assignment, AssignmentId=assignment.public_id)


# Mephisto: find or create, compensation for one person, balance, override


def find_or_create(client, name: str) -> str:
    query = {"Query": name, "MustBeRequestable": True, "MustBeOwnedByCaller": True, "MaxResults": 2}
    for row in ask_until_empty(client.list_qualification_types, "QualificationTypes", **query):
        if row["Name"] == name:
            return row["QualificationTypeId"]
    values = {"Description": "Made when it was first needed", "QualificationTypeStatus": "Active"}
    return client.create_qualification_type(Name=name, **values)["QualificationType"]["QualificationTypeId"]


def test_a_qualification_is_selected_or_created_among_many(lab):
    created = {name: find_or_create(lab.client, name) for name in ("block", "block 2", "block 3", "block 4", "a block")}
    assert len(set(created.values())) == 5
    assert {name: find_or_create(lab.client, name) for name in created} == created


def test_unpaid_work_is_paid_by_a_separate_hit(lab):
    kind = find_or_create(lab.client, "compensation 1")
    worker, other = make_worker(), make_worker()
    lab.client.associate_qualification_with_worker(
        QualificationTypeId=kind, WorkerId=worker.public_id, IntegerValue=1, SendNotification=False
    )
    need = {"QualificationTypeId": kind, "Comparator": "Exists", "ActionsGuarded": "DiscoverPreviewAndAccept"}
    hit_type = lab.client.create_hit_type(**TYPE | {"Title": "For your work", "QualificationRequirements": [need]})
    created = lab.client.create_hit_with_hit_type(HITTypeId=hit_type["HITTypeId"], MaxAssignments=1, **HIT_VALUES)
    hit = lab.requester.hits.get(public_id=created["HIT"]["HITId"])
    with pytest.raises(NotQualified):
        accept_hit(worker=other, hit=hit)
    assignment = submit_hit(hit, worker)
    lab.client.approve_assignment(AssignmentId=assignment.public_id)
    lab.client.update_expiration_for_hit(HITId=hit.public_id, ExpireAt=LONG_AGO)
    lab.client.delete_hit(HITId=hit.public_id)
    assert lab.client.get_hit(HITId=hit.public_id)["HIT"]["HITStatus"] == "Disposed"


def test_a_hit_that_people_work_on_is_expired_first_and_disposed_of_later(lab):
    hit = lab.publish(max_assignments=2)
    assignment = submit_hit(hit)
    message = words_of(lab.client.delete_hit, HITId=hit.public_id)
    assert "InvalidHITState" in message or "status of" in message
    lab.client.update_expiration_for_hit(HITId=hit.public_id, ExpireAt=LONG_AGO)
    assert words_of(lab.client.delete_hit, HITId=hit.public_id), "it waits for review"
    lab.client.approve_assignment(AssignmentId=assignment.public_id)
    lab.client.delete_hit(HITId=hit.public_id)


def test_the_balance_is_a_number_in_words_and_too_little_of_it_says_so(endpoint, lab):
    assert float(lab.client.get_account_balance()["AvailableBalance"]) == 1000
    poor = endpoint.lab(cents=5)
    assert "has insufficient funds" in words_of(poor.client.create_hit, **TYPE | HIT_VALUES)


def test_a_rejection_is_overridden_only_on_request(lab):
    assignment = submit_hit(lab.publish())
    ours = {"AssignmentId": assignment.public_id}
    lab.client.reject_assignment(**ours, RequesterFeedback="A mistake of ours")
    assert "status of: Submitted" in words_of(lab.client.approve_assignment, **ours)
    lab.client.approve_assignment(**ours, OverrideRejection=True)
    assert lab.client.get_assignment(**ours)["Assignment"]["AssignmentStatus"] == "Approved"


# oTree: one HIT for a session, paid row by row


def test_a_session_is_published_with_a_qualification_that_keeps_its_people_from_the_next(lab):
    kind = find_or_create(lab.client, "has played")
    not_again = {"QualificationTypeId": kind, "Comparator": "DoesNotExist"}
    values = TYPE | HIT_VALUES | {"QualificationRequirements": [not_again], "MaxAssignments": 3}
    first = lab.client.create_hit(**values)["HIT"]
    hits = lab.requester.hits
    people = make_workers(3)
    for worker in people:
        submit_hit(hits.get(public_id=first["HITId"]), worker)
        lab.client.associate_qualification_with_worker(
            QualificationTypeId=kind, WorkerId=worker.public_id, IntegerValue=1
        )
    following = lab.client.create_hit(**values)["HIT"]
    assert following["HITTypeId"] == first["HITTypeId"]
    with pytest.raises(NotQualified):
        accept_hit(worker=people[0], hit=hits.get(public_id=following["HITId"]))
    rows = ask_until_empty(
        lab.client.list_assignments_for_hit,
        "Assignments",
        HITId=first["HITId"],
        MaxResults=100,
        AssignmentStatuses=["Submitted"],
    )
    assert {row["WorkerId"] for row in rows} == {worker.public_id for worker in people}
    for number, row in enumerate(rows):
        lab.client.approve_assignment(AssignmentId=row["AssignmentId"])
        bonus = {"WorkerId": row["WorkerId"], "AssignmentId": row["AssignmentId"], "BonusAmount": f"{number + 1:.2f}"}
        lab.client.send_bonus(**bonus, Reason="Thank you", UniqueRequestToken=f"participant {number}")
        again = words_of(lab.client.send_bonus, **bonus, Reason="Thank you", UniqueRequestToken=f"participant {number}")
        assert "token" in again
    bonuses = ask_until_empty(lab.client.list_bonus_payments, "BonusPayments", HITId=first["HITId"], MaxResults=1)
    assert sorted(row["BonusAmount"] for row in bonuses) == ["1.00", "2.00", "3.00"]


def test_rejecting_without_a_word_is_refused(lab):
    assignment = submit_hit(lab.publish())
    words = words_of(lab.client.reject_assignment, AssignmentId=assignment.public_id, RequesterFeedback=" ")
    assert "RequesterFeedback" in words
    assert lab.client.get_assignment(AssignmentId=assignment.public_id)["Assignment"]["AssignmentStatus"] == "Submitted"
