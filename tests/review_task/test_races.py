"""Reviewers at once, and two tabs of one, on a real Postgres."""

import pytest

from review_task.actions import add_predictions, give_verdict, take_part
from review_task.errors import NoSeat
from review_task.models import Verdict
from review_task.progress.reads import states_of
from tests.review_task.reviews import make_review, make_reviewer
from tests.threads import in_threads
from workforce.models import Slot, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_many_reviewers_at_once_as_many_get_a_seat_as_are_wanted():
    review = make_review(3)
    page, people = review.pages.get(), [make_reviewer(review) for _ in range(6)]

    def begin(number: int) -> bool:
        try:
            take_part(page=page, user=people[number])
        except NoSeat:
            return False
        return True

    assert sum(in_threads(6, begin)) == 3
    assert Slot.objects.filter(batch=review.batch, state="filled").count() == 3


def test_two_tabs_of_one_reviewer_follow_one_another():
    review = make_review(2)
    page, user = review.pages.get(), make_reviewer(review)
    items = list(page.items.all())

    def work(number: int) -> None:
        for item in items:
            for verdict in ("correct", "wrong"):
                give_verdict(page=page, user=user, item=item, verdict=verdict)

    in_threads(4, work)
    assert Submission.objects.filter(hit=page.hit).count() == 1
    for item in items:
        rows = Verdict.objects.filter(item=item)
        assert rows.get(counted=True).pk == max(row.pk for row in rows)


def test_reviewers_at_once_never_overwrite_each_other():
    review = make_review(4)
    page, people = review.pages.get(), [make_reviewer(review) for _ in range(4)]
    items = list(page.items.all())
    said = ("correct", "wrong", "unclear", "dontknow")

    def work(number: int) -> None:
        for item in items:
            give_verdict(page=page, user=people[number], item=item, verdict=said[number])

    in_threads(4, work)
    assert states_of(review).counts.tolist() == [[1, 1, 1, 1]] * len(items)


def test_predictions_that_arrive_twice_at_once_are_added_once():
    review = make_review()
    names = list(review.batch.dataset.images.values_list("name", flat=True))
    added = in_threads(2, lambda number: add_predictions(review=review, predictions=[(name, 2, 1) for name in names]))
    assert sorted(row.n_items for row in added) == [0, 2]
