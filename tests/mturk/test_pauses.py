"""Time in which nobody was at the page is not counted as work; nothing else hangs on what the page says of it."""

from datetime import timedelta

import pytest

from catalog.reads import now
from classify_task.models import ClassifyVote
from contains_task.models import ContainsVote
from mturk.models import ListedAssignment
from mturk.payments.reads import active_seconds_of, wage_of
from mturk.wages.reads import needed_time, proposed_reward
from tests.classify_task import test_views as form_page
from tests.contains_task import test_views as grid_page
from tests.factories import make_form, make_grid, start
from tests.mturk.conftest import marketplace  # noqa: F401
from tests.mturk.mturk_study import ask, grids_to_publish, published, settle, work
from tests.required import require
from workforce.actions import submit
from workforce.introductions.actions import introduce
from workforce.models import Assignment, Lease, Submission
from workforce.reads import pause_of

pytestmark = pytest.mark.django_db


def grid_answered(**more: object):
    grid = make_grid()
    page = grid_page.joined(grid)
    return grid_page.answer_as_json(grid, grid_page.hidden(page) | {"selected": [grid_page.cells(grid)[0]]} | more)


def test_what_the_script_of_a_page_tells_is_kept_beside_the_answer():
    assert grid_answered(paused_seconds=240).status_code == 200
    form = make_form()
    page = form_page.joined(form)
    answer = {"selected": ["1"], "main": "1", "paused_seconds": 90}
    assert form_page.answer_as_json(form, form_page.hidden(page) | answer).status_code == 200
    assert [pause_of(submission.answer) for submission in Submission.objects.order_by("pk")] == [240, 90]
    assert (ContainsVote.objects.filter(selected=True).count(), ClassifyVote.objects.count()) == (1, 1)


@pytest.mark.parametrize("paused_seconds", [None, -1, 0, True, 1.5, "240", 10**9, [], {"a": 1}])
def test_nobody_is_refused_for_what_cannot_be_meant(paused_seconds):
    assert grid_answered(paused_seconds=paused_seconds).status_code == 200
    assert set(Submission.objects.get().answer) == {"shown", "selected", "facts"}


def test_a_page_without_a_script_tells_nothing():
    grid = make_grid()
    page = grid_page.joined(grid)
    data = grid_page.hidden(page) | {"selected": [], "paused_seconds": "240"}
    assert grid_page.answer(grid, data).status_code == 303
    assert pause_of(Submission.objects.get().answer) == 0


@pytest.mark.parametrize(
    ("pause", "before", "active"),
    # Seconds: paused; since another page of this person was handed in; counted.
    [(0, None, 100), (30, None, 70), (30, 40, 40), (80, 40, 20), (100, None, 1), (5000, None, 1)],
)
@pytest.mark.django_db(transaction=True)
def test_a_pause_makes_an_assignment_shorter_and_never_by_what_is_left_out_anyway(
    marketplace,  # noqa: F811
    pause,
    before,
    active,
):
    worker = marketplace.worker()
    marketplace_hits = published(grids_to_publish(1 if before is None else 2, n_slots=1), cap="50")
    for marketplace_hit in marketplace_hits:
        work(marketplace, marketplace_hit, worker)
    settle()
    ask()
    *others, listed = ListedAssignment.objects.order_by("pk").select_related("submission__lease")
    end = now()
    begin = end - timedelta(seconds=100)
    Assignment.objects.update(opened_at=begin)
    answer = require(listed.submission).answer | {"paused_seconds": pause}
    Submission.objects.filter(pk=require(listed.submission_id)).update(submitted_at=end, answer=answer)
    ListedAssignment.objects.update(accepted_at=begin, submitted_at=end)
    for other in others:
        Submission.objects.filter(listed=other).update(submitted_at=end - timedelta(seconds=before))
    listed = ListedAssignment.objects.select_related("submission__lease", "submission__assignment").get(pk=listed.pk)
    assert active_seconds_of([listed]) == {listed.pk: pytest.approx(active)}
    if before is None:
        wage = require(wage_of(require(listed.submission).hit.batch))
        assert float(wage.median) == pytest.approx(3600 / active * 0.10, rel=0.01)


def test_a_reward_is_proposed_by_the_time_that_was_worked():
    grid = make_grid(n_slots=5)
    end = now()
    for number in range(5):
        grid_page.joined(grid, f"person-{number}")
    for lease in Lease.objects.all():
        Submission.objects.create(
            hit=lease.hit,
            worker=lease.worker,
            lease=lease,
            settings=grid.hit.batch.settings,
            state="surplus",
            answer={"selected": [], "paused_seconds": 540},
            idempotency_key=f"key-{lease.pk}",
            submitted_at=end,
        )
    Lease.objects.update(opened_at=end - timedelta(seconds=600))
    assert "The median time of 5 similar answers is 60 seconds." in proposed_reward(grid.hit.batch).why


def test_a_continued_task_counts_from_its_continuation_and_workers_told_minutes_are_the_first_estimate():
    grid = make_grid(n_slots=5)
    introduce(dataset=grid.hit.batch.dataset, fields={"minutes_needed": 2})
    assert proposed_reward(grid.hit.batch).why.startswith("Workers are told that it takes about 120 seconds.")
    for number in range(5):
        start(grid.hit.batch, f"person-{number}")
    Lease.objects.update(opened_at="2020-01-01T00:00Z", expires_at="2020-01-01T01:00Z")
    for number in range(5):
        grid_page.joined(grid, f"person-{number}")
    for lease in Lease.objects.all():
        submit(lease=lease, answer={"selected": []}, idempotency_key=f"key-{lease.pk}")
    took = needed_time(grid.hit.batch)
    assert took.why.startswith("The median time of 5") and took.seconds < 3600
    assert (took.stated, took.longest) == (120, 120)
