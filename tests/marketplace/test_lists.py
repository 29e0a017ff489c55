"""Lists and pages, with boto3's own paginators."""

import boto3
import pytest
from botocore.exceptions import ClientError

from marketplace.actions import block_worker
from marketplace.models import HIT
from marketplace.qualifications.actions import create_qualification_type, grant_qualification, request_qualification
from marketplace.review.actions import approve_assignment, reject_assignment, send_bonus
from tests.marketplace.parties import make_hit, make_hit_type, make_workers, submit_hit
from tests.required import require

N_ROWS = 7


@pytest.fixture
def busy(lab):
    """Create seven rows of every list; return lab, HIT with seven answers, qualification type."""
    kind = create_qualification_type(requester=lab.requester, name="Trained", description="Has read the guide")
    needed = {"QualificationTypeId": kind.public_id, "Comparator": "Exists"}
    hit_type = make_hit_type(lab.requester, requirements=[needed])
    hit = make_hit(hit_type, max_assignments=N_ROWS)
    for number, worker in enumerate(make_workers(N_ROWS)):
        request_qualification(qualification_type=kind, worker=worker)
        grant_qualification(qualification_type=kind, worker=worker, value=number)
        assignment = submit_hit(hit, worker)
        send_bonus(assignment=assignment, worker_id=worker.public_id, cents=number + 1, reason="Careful")
        block_worker(requester=lab.requester, worker=worker, reason="A pause")
        create_qualification_type(requester=lab.requester, name=f"Kind {number}", description="One of seven")
    for other, worker in zip([make_hit(hit_type) for _ in range(N_ROWS - 1)], make_workers(N_ROWS - 1), strict=True):
        grant_qualification(qualification_type=kind, worker=worker, value=1)
        submit_hit(other, worker)
    return lab, hit, kind


def parameters(hit: HIT, kind) -> dict[str, tuple[str, dict, int]]:
    """Return by operation: the list's name in the answer, the parameters, the number of rows."""
    kind_id, hit_id = {"QualificationTypeId": kind.public_id}, {"HITId": hit.public_id}
    return {
        "list_assignments_for_hit": ("Assignments", hit_id, N_ROWS),
        "list_bonus_payments": ("BonusPayments", hit_id, N_ROWS),
        "list_hits": ("HITs", {}, N_ROWS),
        "list_hits_for_qualification_type": ("HITs", kind_id, N_ROWS),
        "list_qualification_requests": ("QualificationRequests", kind_id, N_ROWS),
        "list_qualification_types": (
            "QualificationTypes",
            {"MustBeRequestable": True, "MustBeOwnedByCaller": True, "Query": "seven"},
            N_ROWS,
        ),
        "list_reviewable_hits": ("HITs", {}, N_ROWS),
        "list_worker_blocks": ("WorkerBlocks", {}, N_ROWS),
        "list_workers_with_qualification_type": ("Qualifications", kind_id, 2 * N_ROWS - 1),
    }


def paginators() -> list[str]:
    client = boto3.client("mturk", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    return sorted(name for name in dir(client) if name.startswith("list_") and client.can_paginate(name))


def test_a_paginator_brings_every_row_once(busy):
    lab, hit, kind = busy
    for operation in paginators():
        name, values, expected = parameters(hit, kind)[operation]
        for size in (1, 3, 7, 100):
            pages = lab.client.get_paginator(operation).paginate(**values, PaginationConfig={"PageSize": size})
            rows = [str(row) for page in pages for row in page[name]]
            assert len(rows) == len(set(rows)) == expected, f"{operation} in pages of {size}"


def test_every_list_of_the_api_has_a_paginator_or_no_rows():
    assert len(paginators()) == 9


def test_a_page_has_ten_rows_without_a_word(lab):
    hit_type = make_hit_type(lab.requester)
    hits = [make_hit(hit_type) for _ in range(12)]
    first = lab.client.list_hits()
    assert first["NumResults"] == len(first["HITs"]) == 10
    second = lab.client.list_hits(NextToken=first["NextToken"])
    third = lab.client.list_hits(NextToken=second["NextToken"])
    listed = [hit["HITId"] for hit in first["HITs"] + second["HITs"]]
    assert listed == [hit.public_id for hit in reversed(hits)]
    assert (third["HITs"], "NextToken" in third) == ([], False)


def test_hits_published_meanwhile_disturb_no_list(lab):
    hit_type = make_hit_type(lab.requester)
    hits = [make_hit(hit_type) for _ in range(4)]
    hit_ids = []
    for page in lab.client.get_paginator("list_hits").paginate(PaginationConfig={"PageSize": 2}):
        hit_ids += [hit["HITId"] for hit in page["HITs"]]
        make_hit(hit_type)
    assert hit_ids == [hit.public_id for hit in reversed(hits)]


def test_a_token_is_valid_for_its_list_only(busy, endpoint):
    lab, hit, _ = busy
    token = lab.client.list_hits(MaxResults=2)["NextToken"]
    assert len(token) <= 255
    stranger = endpoint.lab().client
    for call, values in (
        (lab.client.list_reviewable_hits, {}),
        (lab.client.list_assignments_for_hit, {"HITId": hit.public_id}),
        (stranger.list_hits, {}),
    ):
        with pytest.raises(ClientError, match="NextToken"):
            call(NextToken=token, **values)
    for forged in ("1", "x:y", token + "0", token[:-1]):
        with pytest.raises(ClientError, match="NextToken"):
            lab.client.list_hits(NextToken=forged)


def test_assignments_are_listed_by_their_status(lab):
    hit = lab.publish(3)
    submitted, approved, rejected = (submit_hit(hit, worker) for worker in make_workers(3))
    approve_assignment(assignment=approved)
    reject_assignment(assignment=rejected, feedback="Blank")
    for statuses, expected in (
        (["Submitted"], [submitted]),
        (["Approved", "Rejected"], [approved, rejected]),
        ([], [submitted, approved, rejected]),
    ):
        listed = lab.client.list_assignments_for_hit(HITId=hit.public_id, AssignmentStatuses=statuses)["Assignments"]
        assert [row["AssignmentId"] for row in listed] == [row.public_id for row in expected]


def test_reviewable_hits_can_be_listed_by_type(lab):
    first, second = lab.publish(), lab.publish(Title="Which contain a dog?")
    submit_hit(first), submit_hit(second)
    listed = lab.client.list_reviewable_hits(HITTypeId=second.hit_type.public_id)["HITs"]
    assert [hit["HITId"] for hit in listed] == [second.public_id]


def test_bonuses_are_listed_for_a_hit_or_for_an_assignment_and_not_without(lab):
    hit = lab.publish(2)
    first, second = (submit_hit(hit, worker) for worker in make_workers(2))
    for assignment, cents in ((first, 5), (second, 7), (second, 9)):
        send_bonus(assignment=assignment, worker_id=require(assignment.worker).public_id, cents=cents, reason="Careful")
    payments = lab.client.list_bonus_payments(AssignmentId=second.public_id)["BonusPayments"]
    assert [payment["BonusAmount"] for payment in payments] == ["0.07", "0.09"]
    assert lab.client.list_bonus_payments(HITId=hit.public_id)["NumResults"] == 3
    for parameters in ({}, {"HITId": hit.public_id, "AssignmentId": first.public_id}):
        with pytest.raises(ClientError, match="HITId or AssignmentId"):
            lab.client.list_bonus_payments(**parameters)
