"""Opening a review, taking part, and verdicts: what is stored, and what counts."""

from datetime import timedelta

import pytest

from access.models import Role
from catalog.reads import now
from review_task.actions import (
    add_label,
    add_predictions,
    close_review,
    give_verdict,
    give_verdicts,
    mark_problem,
    open_review,
    take_back,
    take_part,
)
from review_task.errors import BadVerdict, NoSeat, NotAReviewer, NothingToReview, NotOnPage, ReviewClosed
from review_task.models import Item, Verdict
from review_task.progress.reads import Forecast, forecast, progress, states_of
from review_task.reads import next_page, page_content, pages_of
from tests.factories import make_dataset, make_images, make_member
from tests.review_task.reviews import judge_all, make_review, make_reviewer
from tests.review_task.reviews import verdicts_seen as said
from workforce.actions import exclude_submission, readmit_submission
from workforce.bars.actions import bar_workers
from workforce.kinds import kind_named
from workforce.seats.actions import worker_of_account
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db


def test_a_review_has_a_page_for_each_class_with_every_distinct_prediction():
    dataset = make_dataset()
    first, second = make_images(dataset, 1, label=0) + make_images(dataset, 1, label=2)
    review = open_review(dataset=dataset, title="t", predictions=[(first.name, 1, 4), (second.name, 2, 9)])
    zero, two = review.pages.order_by("number")
    assert [page.label and page.label.index for page in (zero, two)] == [0, 2]
    assert list(zero.items.order_by("position").values_list("label__index", "n_models", "origin")) == [
        (1, 4, "models"),
        (0, 0, "dataset"),
    ]
    assert list(two.items.values_list("label__index", "n_models", "origin")) == [(2, 9, "models")]
    # Once a model predicts the dataset's label, it is no longer one that none does.
    add_predictions(review=review, predictions=[(first.name, 0, 1), (second.name, 2, 3)])
    assert zero.items.filter(label__index=0).values_list("n_models", "origin").get() == (1, "models")
    assert two.items.values_list("n_models", "origin").get() == (9, "models")


def test_the_last_verdict_of_a_reviewer_counts():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    item = page.items.all()[0]
    give_verdict(page=page, user=user, item=item, verdict="correct")
    give_verdict(page=page, user=user, item=item, verdict="wrong")
    give_verdict(page=page, user=user, item=item, verdict="wrong")
    assert list(Verdict.objects.order_by("pk").values_list("verdict", "counted")) == [
        ("correct", False),
        ("wrong", True),
    ]


def test_undo_goes_back_one_verdict_at_a_time():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    item = page.items.all()[0]
    for verdict in ("correct", "wrong", "unclear"):
        give_verdict(page=page, user=user, item=item, verdict=verdict)
    undone = [take_back(page=page, user=user, item=item) for _ in range(4)]
    assert [row and row.verdict for row in undone] == ["wrong", "correct", "unreviewed", None]
    give_verdict(page=page, user=user, item=item, verdict="dontknow")
    assert getattr(take_back(page=page, user=user, item=item), "verdict", None) == "unreviewed"
    assert Verdict.objects.filter(counted=True).count() == 1


def test_two_reviewers_never_overwrite_each_other_and_a_third_gets_no_seat():
    review = make_review(2)
    page = review.pages.get()
    ann, ben, cem = (make_reviewer(review) for _ in range(3))
    first, second = page.items.order_by("position")[:2]
    give_verdict(page=page, user=ann, item=first, verdict="correct")
    give_verdict(page=page, user=ben, item=first, verdict="wrong")
    give_verdict(page=page, user=ben, item=second, verdict="unclear")
    with pytest.raises(NoSeat):
        give_verdict(page=page, user=cem, item=first, verdict="wrong")
    assert said(ann, page)[:2] == ["correct", "unreviewed"]
    assert said(ben, page)[:2] == ["wrong", "unclear"]
    assert set(said(cem, page)) == {"unreviewed"}
    assert states_of(review).counts[:2].tolist() == [[1, 1, 0, 0], [0, 0, 1, 0]]


def test_taking_part_twice_is_taking_part_once():
    review = make_review(2)
    page, user = review.pages.get(), make_reviewer(review)
    assert take_part(page=page, user=user) == take_part(page=page, user=user)
    assert page.hit.slots.filter(state="filled").count() == 1


@pytest.mark.parametrize("role", [Role.LABELER, Role.READER])
def test_only_who_may_review_takes_part(role):
    review = make_review()
    person = make_member(review.batch.dataset, role)
    with pytest.raises(NotAReviewer):
        take_part(page=review.pages.get(), user=person)


def test_a_barred_reviewer_takes_no_further_class():
    review = make_review()
    user, dataset = make_reviewer(review), review.batch.dataset
    worker = worker_of_account(account_id=user.pk)
    bar_workers(dataset=dataset, workers=[worker.pk], reason="a test")
    with pytest.raises(NotAReviewer):
        take_part(page=review.pages.get(), user=user)


@pytest.mark.parametrize("role", [Role.OWNER, Role.RESEARCHER])
def test_researchers_review_too(role):
    review = make_review()
    assert take_part(page=review.pages.get(), user=make_member(review.batch.dataset, role)).state == "confirmed"


def test_a_closed_review_takes_no_verdicts_and_no_predictions():
    review = make_review(2)
    page, user = review.pages.get(), make_reviewer(review)
    item = page.items.all()[0]
    give_verdict(page=page, user=user, item=item, verdict="correct")
    close_review(review=review)
    with pytest.raises(ReviewClosed):
        give_verdict(page=page, user=user, item=item, verdict="wrong")
    page = type(page).objects.get(pk=page.pk)
    with pytest.raises(ReviewClosed):
        take_part(page=page, user=make_reviewer(review))
    with pytest.raises(ReviewClosed):
        add_predictions(review=review, predictions=[])


def test_an_excluded_reviewer_no_longer_counts_until_readmitted():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    item = page.items.all()[0]
    kind = kind_named("review")
    give_verdict(page=page, user=user, item=item, verdict="correct")
    give_verdict(page=page, user=user, item=item, verdict="wrong")
    submission = take_part(page=page, user=user)
    exclude_submission(submission=submission, reason="a test")
    settle_votes(kind=kind, submission_ids=[submission.pk])
    assert not Verdict.objects.filter(counted=True).exists()
    # What they say meanwhile does not count either.
    give_verdict(page=page, user=user, item=item, verdict="unclear")
    assert not Verdict.objects.filter(counted=True).exists()
    readmit_submission(submission=submission)
    settle_votes(kind=kind, submission_ids=[submission.pk])
    settle_votes(kind=kind, submission_ids=[submission.pk])
    assert Verdict.objects.get(counted=True).verdict == "unclear"


def test_later_predictions_reopen_only_what_is_new():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    for item in page.items.all():
        give_verdict(page=page, user=user, item=item, verdict="correct")
    assert next_page(review, user) is None
    image = page.items.all()[0].image
    known = [(image.name, 0, 7), (image.name, 1, 1)]
    assert add_predictions(review=review, predictions=known) == (0, 0, 0)
    added = add_predictions(review=review, predictions=[*known, (image.name, 2, 5)])
    assert added == (1, 1, 1)
    assert next_page(review, user) == page
    (row,) = pages_of(review, user)
    assert (row.n_items, row.n_mine, row.state) == (5, 4, "mine")
    assert sorted(said(user, page)) == ["correct"] * 4 + ["unreviewed"]
    # The new item stands with the other labels of its image, and the count of models behind an old one has risen.
    of_image = next(row for row in page_content(page, user).images if row.image == image)
    assert [(row.label.index, row.n_models) for row in of_image.items] == [(0, 7), (1, 2), (2, 5)]


def test_later_predictions_of_new_images_get_pages():
    review = make_review()
    dataset = review.batch.dataset
    (labelled,) = make_images(dataset, 1, label=3)
    (bare,) = make_images(dataset, 1, label=None)
    added = add_predictions(review=review, predictions=[(labelled.name, 3, 1), (bare.name, 2, 1)])
    assert added == (2, 2, 2)
    assert list(review.pages.order_by("number").values_list("label__index", "items__label__index"))[4:] == [
        (3, 3),
        (None, 2),
    ]
    # An image without a class stays on its page.
    assert add_predictions(review=review, predictions=[(bare.name, 1, 1)]) == (1, 1, 1)
    assert review.pages.count() == 3


def test_without_a_prediction_there_is_no_review():
    dataset = make_dataset()
    make_images(dataset, 1)
    with pytest.raises(NothingToReview):
        open_review(dataset=dataset, title="none")
    assert not dataset.batches.exists()


def test_problems_and_further_labels_are_the_reviewers_own():
    review = make_review(2)
    page = review.pages.get()
    ann, ben = make_reviewer(review), make_reviewer(review)
    image = page.items.order_by("position")[0].image
    label = review.batch.dataset.label_set.labels.get(index=3)
    mark_problem(page=page, user=ann, image=image, reason="drawing")
    mark_problem(page=page, user=ann, image=image, reason="edited")
    add_label(page=page, user=ann, image=image, label=label)
    add_label(page=page, user=ann, image=image, words="  a  spoon ")
    row = page_content(page, ann).images[0]
    assert (row.problem, [further.words for further in row.further_labels]) == ("edited", ["", "a spoon"])
    row = page_content(page, ben).images[0]
    assert (row.problem, row.further_labels) == ("", [])
    mark_problem(page=page, user=ann, image=image, reason="edited", is_set=False)
    add_label(page=page, user=ann, image=image, label=label, is_set=False)
    row = page_content(page, ann).images[0]
    assert (row.problem, [further.words for further in row.further_labels]) == ("", ["a spoon"])


def test_a_reason_of_the_studys_own_is_a_reason():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    image = page.items.all()[0].image
    with pytest.raises(BadVerdict):
        mark_problem(page=page, user=user, image=image, reason="blurred")
    review.problem_reasons.create(words="blurred")
    assert mark_problem(page=page, user=user, image=image, reason="blurred").counted


def test_what_is_of_another_page_or_no_verdict_is_refused():
    review, other = make_review(), make_review()
    page, user = review.pages.get(), make_reviewer(review)
    item, strange = page.items.all()[0], Item.objects.filter(page__review=other)[0]
    with pytest.raises(NotOnPage):
        give_verdict(page=page, user=user, item=strange, verdict="correct")
    with pytest.raises(NotOnPage):
        give_verdicts(page=page, user=user, verdicts={strange.public_id: "correct"})
    with pytest.raises(NotOnPage):
        mark_problem(page=page, user=user, image=strange.image, reason="drawing")
    foreign = other.batch.dataset.label_set.labels.first()
    with pytest.raises(BadVerdict):
        add_label(page=page, user=user, image=item.image, label=foreign)
    for values in (
        {"verdict": "maybe"},
        {"verdict": "correct", "category": "Other", "severity": "Minor"},
        {"verdict": "wrong", "category": "Other"},
        {"verdict": "wrong", "category": "No such", "severity": "Minor"},
    ):
        with pytest.raises(BadVerdict):
            give_verdict(page=page, user=user, item=item, **values)
    assert not Verdict.objects.exists()


def test_a_page_without_a_script_sends_all_verdicts_at_once():
    review = make_review()
    page, user = review.pages.get(), make_reviewer(review)
    keys = [item.public_id for item in page_content(page, user).items]
    chosen = dict(zip(keys, ["correct", "wrong", "unreviewed", "dontknow"], strict=True))
    assert give_verdicts(page=page, user=user, verdicts=chosen) == 3
    assert give_verdicts(page=page, user=user, verdicts=chosen) == 0
    assert said(user, page) == list(chosen.values())


def test_progress_counts_pages_once_every_reviewer_is_through():
    review = make_review(2)
    page = review.pages.get()
    for n, user in enumerate([make_reviewer(review), make_reviewer(review)]):
        state = progress(review)
        assert (state.n_verdicts, state.n_wanted, state.n_complete_pages, state.n_remaining) == (4 * n, 8, 0, 8 - 4 * n)
        for item in page.items.all():
            give_verdict(page=page, user=user, item=item, verdict="correct")
    state = progress(review)
    assert (state.percent, state.n_complete_pages, [row.n_verdicts for row in state.reviewers]) == (100, 1, [4, 4])


def test_the_forecast_follows_from_the_latest_verdicts(monkeypatch):
    review = make_review(2, n_images=12)
    page, user = review.pages.get(), make_reviewer(review)
    assert forecast(review) == Forecast(None, 48, None)
    judge_all(page, user)
    end = now()
    for n, verdict in enumerate(Verdict.objects.order_by("-pk")):
        Verdict.objects.filter(pk=verdict.pk).update(created_at=end - timedelta(seconds=10 * (n + 1)))
    monkeypatch.setattr("catalog.reads.fixed_now", end)
    state = forecast(review)
    # 24 verdicts of one person, 10 seconds apart, the first of them 240 seconds ago.
    assert (state.rate, state.remaining) == (pytest.approx(360), 24) and state.finished_at is not None
    assert (state.finished_at - end).total_seconds() == pytest.approx(240, abs=0.01)
    assert state.hours == pytest.approx(24 / 360)
    judge_all(page, make_reviewer(review))
    assert (forecast(review).remaining, forecast(review).finished_at) == (0, None)


def test_verdicts_take_few_queries(django_assert_max_num_queries):
    review = make_review(2)
    page, user = review.pages.get(), make_reviewer(review)
    item, second = page.items.all()[:2]
    give_verdict(page=page, user=user, item=item, verdict="correct")
    with django_assert_max_num_queries(7):
        give_verdict(page=page, user=user, item=second, verdict="correct")
