"""Queries of workers' pages."""

import pytest

from marketplace.actions import block_worker
from marketplace.clock import now
from marketplace.qualifications import system
from marketplace.review.actions import approve_assignment, reject_assignment, send_bonus
from marketplace.work.actions import accept_hit, accept_next
from marketplace.work.reads import Earnings, earnings_of, groups_for, queue_of, submitted_by, task_address
from tests.marketplace.parties import later, make_hit, make_hit_type, make_requester, make_worker, submit_hit

pytestmark = pytest.mark.django_db
WORK = "http://127.0.0.1:8100"


def groups_shown(worker) -> dict[str, int]:
    return {group.hit_type.title: group.n_hits for group in groups_for(worker, now())}


def test_groups_count_the_hits_that_a_worker_could_do():
    requester, worker = make_requester(), make_worker()
    cats, dogs = (make_hit_type(requester, title=title) for title in ("Cats", "Dogs"))
    for _ in range(3):
        make_hit(cats)
    make_hit(dogs, max_assignments=2)
    assert groups_shown(worker) == {"Dogs": 1, "Cats": 3}
    assert list(groups_shown(worker)) == ["Dogs", "Cats"]
    submit_hit(accept_next(worker=worker, hit_type=cats).hit, worker)
    accept_next(worker=worker, hit_type=dogs)
    assert groups_shown(worker) == {"Cats": 2}
    assert groups_shown(make_worker()) == {"Cats": 2, "Dogs": 1}
    later(days=2)
    assert groups_shown(worker) == {}


def test_a_group_says_who_may_preview_and_accept_it_and_hides_from_others():
    requester = make_requester()
    for title, guarded in (("A", "Accept"), ("B", "PreviewAndAccept"), ("C", "DiscoverPreviewAndAccept")):
        need = {"QualificationTypeId": system.MASTERS[0], "Comparator": "Exists", "ActionsGuarded": guarded}
        make_hit(make_hit_type(requester, title=title, requirements=[need]))
    access = {group.hit_type.title: (group.can_preview, group.can_accept) for group in groups_for(make_worker(), now())}
    assert access == {"A": (True, False), "B": (False, False)}
    master = {g.hit_type.title: (g.can_preview, g.can_accept) for g in groups_for(make_worker(is_master=True), now())}
    assert master == dict.fromkeys("ABC", (True, True))


def test_hits_for_one_person_hide_nothing_from_other_workers(django_assert_max_num_queries):
    requester, worker = make_requester(), make_worker()
    make_hit(make_hit_type(requester, title="Cats"))
    for number in range(105):
        need = {
            "QualificationTypeId": f"3FORONE{number}",
            "Comparator": "Exists",
            "ActionsGuarded": "DiscoverPreviewAndAccept",
        }
        make_hit(make_hit_type(requester, title=f"For your work {number}", requirements=[need]))
    with django_assert_max_num_queries(5):
        assert groups_shown(worker) == {"Cats": 1}


def test_a_blocked_worker_sees_nothing_of_that_requester():
    requester, worker = make_requester(), make_worker()
    make_hit(make_hit_type(requester, title="Cats"))
    make_hit(make_hit_type(make_requester(), title="Dogs"))
    block_worker(requester=requester, worker=worker, reason="A pause")
    assert groups_shown(worker) == {"Dogs": 1}


def test_the_queue_begins_with_the_most_urgent():
    requester, worker = make_requester(), make_worker()
    slow, fast = (make_hit(make_hit_type(requester, assignment_seconds=seconds)) for seconds in (900, 300))
    for hit in (slow, fast):
        accept_hit(worker=worker, hit=hit)
    assert [assignment.hit for assignment in queue_of(worker)] == [fast, slow]
    submitted = submit_hit(fast, worker)
    assert [assignment.hit for assignment in queue_of(worker)] == [slow]
    assert list(submitted_by(worker)) == [submitted]


def test_earnings_are_what_the_ledger_paid():
    worker = make_worker()
    assert earnings_of(worker) == Earnings(0, 0, 0)
    approved, rejected, overridden, _ = (submit_hit(make_hit(), worker) for _ in range(4))
    approve_assignment(assignment=approved)
    send_bonus(assignment=approved, worker_id=worker.public_id, cents=25, reason="Careful")
    for assignment in (rejected, overridden):
        reject_assignment(assignment=assignment, feedback="Blank")
    approve_assignment(assignment=overridden, override=True)
    submit_hit(make_hit(), make_worker())
    assert earnings_of(worker) == Earnings(rewards=20, bonuses=25, awaiting=10)


def test_the_address_of_a_task_keeps_its_parameters_and_names_the_assignment():
    hit, worker = make_hit(), make_worker()
    assignment = accept_hit(worker=worker, hit=hit)
    url, height = task_address(hit, WORK, assignment)
    assert height == 0
    assert url == (
        f"https://lab.example/grid?a=1&b=2&assignmentId={assignment.public_id}&hitId={hit.public_id}"
        f"&turkSubmitTo=http%3A%2F%2F127.0.0.1%3A8100&workerId={worker.public_id}"
    )


def test_a_preview_names_neither_worker_nor_assignment():
    hit = make_hit()
    url, _ = task_address(hit, WORK)
    assert url.endswith(f"&assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId={hit.public_id}")
    assert "workerId" not in url
