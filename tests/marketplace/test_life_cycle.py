"""From publishing to pay, through an unmodified client (T1): types, HITs, people at work, review, bonuses, the end."""

from datetime import timedelta

import pytest

from marketplace.clock import now
from marketplace.models import HIT, Worker
from marketplace.work.actions import NotAvailable, accept_hit, return_assignment
from tests.marketplace.browsing import accept_on_page, at_work, submit_form
from tests.marketplace.parties import HIT_VALUES, TYPE, Lab, check_ledger, make_worker, make_workers, submit_hit

DAY = 24 * 3600
N_WORKERS, N_HITS, N_ANSWERS = 20, 4, 5
REWARD, FEE, BONUS, BONUS_FEE = 10, 2, 5, 1
DEPOSIT = 100_000


def test_a_hit_is_published_worked_on_approved_and_paid(lab):
    hit = lab.publish(max_assignments=2)
    assert lab.hit(hit)["HITStatus"] == "Assignable"
    assert lab.balance() == ("999.76", "0.24")
    first, second = submit_hit(hit, label="cat"), submit_hit(hit, label="dog")
    assert lab.hit(hit)["HITStatus"] == "Reviewable"
    listed = lab.client.list_assignments_for_hit(HITId=hit.public_id)["Assignments"]
    assert [row["AssignmentId"] for row in listed] == [first.public_id, second.public_id]
    lab.client.approve_assignment(AssignmentId=first.public_id, RequesterFeedback="Thank you")
    lab.client.reject_assignment(AssignmentId=second.public_id, RequesterFeedback="There is no dog")
    assert lab.balance() == ("999.88", "0.00")
    lab.client.delete_hit(HITId=hit.public_id)
    assert lab.hit(hit)["HITStatus"] == "Disposed"


class Study:
    """HITs of one type, read through the client alone; all their states are collected."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.client = lab, lab.client
        kind = self.client.create_hit_type(**TYPE)["HITTypeId"]
        assert self.client.create_hit_type(**TYPE)["HITTypeId"] == kind
        parameters = HIT_VALUES | {"HITTypeId": kind, "MaxAssignments": N_ANSWERS}
        hit_ids = [self.client.create_hit_with_hit_type(**parameters)["HIT"]["HITId"] for _ in range(N_HITS)]
        self.hits = [HIT.objects.get(public_id=hit_id) for hit_id in hit_ids]
        self.hit_states: set[str] = set()
        self.assignment_states: set[str] = set()
        self.spent = 0

    def state(self, hit: HIT) -> str:
        state = self.lab.hit(hit)["HITStatus"]
        self.hit_states.add(state)
        return state

    def listed(self, hit: HIT) -> list[dict]:
        """Return the assignments of a HIT, read by the paginator in small pages."""
        pages = self.client.get_paginator("list_assignments_for_hit")
        pages_of_hit = pages.paginate(HITId=hit.public_id, PaginationConfig={"PageSize": 2})
        rows = [row for page in pages_of_hit for row in page["Assignments"]]
        self.assignment_states |= {row["AssignmentStatus"] for row in rows}
        return rows

    def approve(self, assignment: dict, **words: object) -> None:
        self.client.approve_assignment(AssignmentId=assignment["AssignmentId"], **words)
        self.spent += REWARD + FEE

    def reject(self, assignment: dict) -> None:
        self.client.reject_assignment(AssignmentId=assignment["AssignmentId"], RequesterFeedback="There is no dog")

    def give_bonus(self, assignment: dict) -> None:
        person = {"AssignmentId": assignment["AssignmentId"], "WorkerId": assignment["WorkerId"]}
        bonus = {"BonusAmount": "0.05", "Reason": "Careful", "UniqueRequestToken": assignment["AssignmentId"]}
        self.client.send_bonus(**person, **bonus)
        self.spent += BONUS + BONUS_FEE

    def expire(self, hit: HIT) -> None:
        self.client.update_expiration_for_hit(HITId=hit.public_id, ExpireAt=0)

    def check_money(self) -> None:
        """Check that the client's balance, the ledger's sums and the amounts spent here agree to the cent."""
        available, on_hold = (round(float(amount) * 100) for amount in self.lab.balance())
        assert available + on_hold == DEPOSIT - self.spent
        check_ledger(self.lab.requester)


def work_on_pages(workers: list[Worker], hits: list[HIT]) -> None:
    """Let each worker do one HIT after the other: accept on its page and submit its form."""
    for number, worker in enumerate(workers):
        hit = hits[number % len(hits)]
        client = at_work(worker)
        assignment = accept_on_page(client, hit)
        assert client.get(f"/tasks/{assignment.public_id}/").status_code == 200
        assert submit_form(assignment.public_id, label=f"cat {number}").status_code == 303


def test_twenty_people_take_a_study_through_all_of_its_states_and_the_books_agree_to_the_cent(lab, endpoint):
    study = Study(lab)
    first, second, third, fourth = study.hits
    workers = make_workers(N_WORKERS)
    assert {study.state(hit) for hit in study.hits} == {"Assignable"}
    study.check_money()

    # All places of the first are taken: no other worker can accept it until an assignment is returned.
    in_progress = [accept_hit(worker=worker, hit=first) for worker in workers[:N_ANSWERS]]
    assert study.state(first) == "Unassignable"
    assert study.client.get_hit(HITId=first.public_id)["HIT"]["NumberOfAssignmentsPending"] == N_ANSWERS
    return_assignment(worker=workers[0], assignment=in_progress[0])
    assert study.state(first) == "Assignable"
    # The same assignment id goes to the next worker. The other assignments expire and are free again.
    again = accept_hit(worker=workers[-1], hit=first)
    assert again.public_id == in_progress[0].public_id
    endpoint.later(seconds=TYPE["AssignmentDurationInSeconds"] + 1)
    assert study.state(first) == "Assignable"
    assert study.listed(first) == []

    work_on_pages(workers, study.hits)
    assert {study.state(hit) for hit in study.hits} == {"Reviewable"}
    listed = {hit: study.listed(hit) for hit in study.hits}
    assert [len(rows) for rows in listed.values()] == [N_ANSWERS] * N_HITS
    assert len({row["WorkerId"] for rows in listed.values() for row in rows}) == N_WORKERS
    # Abandoned assignments also went to the next worker under the same ids.
    assert {row["AssignmentId"] for row in listed[first]} == {row.public_id for row in in_progress}
    study.check_money()

    # Reviewed: approved, rejected, one of these approved after all, bonuses to both kinds.
    study.client.update_hit_review_status(HITId=first.public_id)
    assert study.state(first) == "Reviewing"
    study.client.update_hit_review_status(HITId=first.public_id, Revert=True)
    for hit in (first, second):
        for row in listed[hit][1:]:
            study.approve(row)
        study.reject(listed[hit][0])
        study.give_bonus(listed[hit][0])
        study.give_bonus(listed[hit][1])
    study.listed(first)
    study.check_money()
    study.approve(listed[first][0], OverrideRejection=True)
    study.check_money()

    # Extended: two more answers and more time. One is submitted; the HIT ends with the other in progress.
    study.client.create_additional_assignments_for_hit(HITId=second.public_id, NumberOfAdditionalAssignments=2)
    assert study.state(second) == "Assignable"
    later = now() + timedelta(days=2)
    study.client.update_expiration_for_hit(HITId=second.public_id, ExpireAt=later)
    latest, slow = make_workers(2)
    work_on_pages([latest], [second])
    on_hold = accept_hit(worker=slow, hit=second)
    study.expire(second)
    assert study.state(second) == "Unassignable"
    with pytest.raises(NotAvailable):
        accept_hit(worker=make_worker(), hit=second)
    assert submit_form(on_hold.public_id, label="dog").status_code == 303
    assert study.state(second) == "Reviewable"
    for row in study.listed(second)[-2:]:
        study.approve(row)
    study.check_money()

    # A place that nobody took ends with the HIT, and is open again after an extension.
    idle = lab.publish(max_assignments=2)
    assert study.state(idle) == "Assignable"
    study.expire(idle)
    assert study.state(idle) == "Reviewable"
    study.client.update_expiration_for_hit(HITId=idle.public_id, ExpireAt=later)
    assert study.state(idle) == "Assignable"
    study.check_money()
    study.expire(idle)

    # Nobody reviews the third: it is approved automatically, in time. The fourth is approved and not reopened.
    endpoint.later(seconds=TYPE["AutoApprovalDelayInSeconds"] + 1)
    assert {row["AssignmentStatus"] for row in study.listed(third)} == {"Approved"}
    assert {row["AssignmentStatus"] for row in study.listed(fourth)} == {"Approved"}
    study.spent += 2 * N_ANSWERS * (REWARD + FEE)
    study.check_money()

    for hit in (first, second, third, idle):
        study.client.delete_hit(HITId=hit.public_id)
        assert study.state(hit) == "Disposed"
    # A HIT that nobody deletes is disposed of automatically, 120 days after its end.
    endpoint.later(days=121)
    assert study.state(fourth) == "Disposed"
    assert study.hit_states == {"Assignable", "Unassignable", "Reviewable", "Reviewing", "Disposed"}
    assert study.assignment_states == {"Submitted", "Approved", "Rejected"}
    assert lab.balance()[1] == "0.00"
    study.check_money()
