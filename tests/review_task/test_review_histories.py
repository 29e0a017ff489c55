"""Reviews after random histories, compared with a plain model: verdicts, seats, progress, states and final labels."""

import pytest

from numerics.verdicts import STATES, final_states
from review_task.actions import open_review
from review_task.answers.reads import answer_shown
from review_task.files.actions import load_review
from review_task.files.reads import label_set_document, log_of
from review_task.models import Item, Verdict
from review_task.progress.reads import complete_pages, progress, states_of
from review_task.reads import next_page, page_content, pages_of
from tests.chance import seeds
from tests.factories import make_dataset, make_images
from tests.review_task.files.generated_reviews import renamed
from tests.review_task.plain_review import UNREVIEWED, PlainReview
from tests.review_task.reviews import make_reviewer
from workforce.models import Slot, Submission

pytestmark = pytest.mark.django_db
SEEDS = seeds(8)


def acted(seed: int, n_acts: int = 40) -> PlainReview:
    """A review of two classes, with three people for one or two seats of each, after a random history."""
    dataset = make_dataset()
    said = [(image.name, label, 1) for n in (0, 1) for image in make_images(dataset, 2, label=n) for label in (n, 2)]
    review = open_review(dataset=dataset, title="t", n_reviewers=1 + seed % 2, predictions=said, seed=seed)
    plain = PlainReview(review, [make_reviewer(review) for _ in range(3)], seed)
    for _ in range(n_acts):
        plain.act()
    return plain


@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_is_read_and_written_of_a_review_follows_its_history(seed):
    plain = acted(seed)
    for check in (
        check_that_a_history_leaves_what_a_plain_model_says,
        check_that_progress_and_lists_of_classes_follow,
        check_that_the_next_class_is_one_that_the_list_leads_to,
        check_that_researchers_are_shown_the_standing_verdicts_of_an_answer,
        check_that_label_sets_name_each_label_that_reviewers_decided,
        # The last: it stores a second review.
        check_that_a_file_carries_a_history_with_all_that_counts,
    ):
        check(plain)


def check_that_a_history_leaves_what_a_plain_model_says(plain):
    review = plain.review
    assert Verdict.objects.count() == plain.n_rows
    assert Submission.objects.count() == sum(map(len, plain.seats.values()))
    assert Slot.objects.filter(state="filled").count() == Submission.objects.count()
    for page in plain.pages:
        for user in plain.people:
            seen = [row.verdict for row in page_content(page, user).items]
            assert seen == [plain.verdict(user, item) for item in plain.items[page]]
            assert page_content(page, user).has_seat == (user in plain.seats[page])
    table = states_of(review)
    counts = {item.pk: plain.counts(item, page) for page, items in plain.items.items() for item in items}
    assert table.counts.tolist() == [counts[pk] for pk in table.item_id]
    assert table.state.tolist() == final_states(table.counts, table.settled, review.n_reviewers).tolist()


def check_that_progress_and_lists_of_classes_follow(plain):
    review = plain.review
    done = {(page, user): plain.n_done(page, user) for page in plain.pages for user in plain.seats[page]}
    state = progress(review)
    n_items = sum(map(len, plain.items.values()))
    assert (state.n_items, state.n_wanted, state.n_verdicts) == (8, n_items * review.n_reviewers, sum(done.values()))
    assert sorted(row.n_verdicts for row in state.reviewers) == sorted(
        n for user in plain.people if (n := sum(done.get((page, user), 0) for page in plain.pages))
    )
    through = {
        page.pk
        for page in plain.pages
        if sum(done.get((page, user), 0) for user in plain.people) == len(plain.items[page]) * review.n_reviewers
    }
    assert complete_pages(review) == through and state.n_complete_pages == len(through)
    for user in plain.people:
        rows = pages_of(review, user)
        assert [row.is_complete for row in rows] == [page.pk in through for page in plain.pages]
        for row in rows:
            sits = user in plain.seats[row.page]
            if (row.page, user) in plain.excluded:
                assert row.state not in ("mine", "done", "open")
            elif sits:
                assert row.state == ("done" if done[row.page, user] == row.n_items else "mine")
                assert row.n_mine == done[row.page, user]
            else:
                is_full = len(plain.seats[row.page]) == review.n_reviewers
                assert (row.state, row.n_mine) == ("full" if is_full else "open", 0)


def check_that_the_next_class_is_one_that_the_list_leads_to(plain):
    for user in plain.people:
        rows = pages_of(plain.review, user)
        begun = [row.page for row in rows if row.state == "mine"]
        free = [row.page for row in rows if row.state == "open"]
        assert next_page(plain.review, user) == next(iter(begun + free), None)
        for page in plain.pages:
            left = [other for other in begun + free if other != page]
            assert next_page(plain.review, user, after=page) == next(iter(left), None)


def check_that_researchers_are_shown_the_standing_verdicts_of_an_answer(plain):
    for page in plain.pages:
        for user in plain.seats[page]:
            submission = Submission.objects.get(hit=page.hit, worker__identity__external_id=str(user.pk))
            shown = answer_shown(page.hit_id, submission)["images"]
            rows = [(row["image"].pk, str(v["label"]), str(v["name"])) for row in shown for v in row["verdicts"]]
            names = {"dontknow": "don’t know"}
            said = [(item.image_id, str(item.label), plain.verdict(user, item)) for item in plain.items[page]]
            assert sorted(rows) == sorted(
                (image, label, names.get(verdict, verdict)) for image, label, verdict in said if verdict != UNREVIEWED
            )


def check_that_a_file_carries_a_history_with_all_that_counts(plain):
    log = log_of(plain.review)
    copy = load_review(dataset=make_dataset(), log=log)
    assert renamed(log_of(copy)) == renamed(log)
    assert states_of(copy).counts.tolist() == states_of(plain.review).counts.tolist()
    assert label_set_document(copy) == label_set_document(plain.review)


def check_that_label_sets_name_each_label_that_reviewers_decided(plain):
    review, document = plain.review, label_set_document(plain.review)
    table = states_of(review)
    published = {"correct": "correct", "wrong": "wrong", "unclear": "unclear", "disputed": "unclear"}
    expected: dict[str, dict[str, list[str]]] = {}
    state_of = dict(zip(table.item_id.tolist(), table.state.tolist(), strict=True))
    for item in Item.objects.select_related("image", "label").order_by("image__name", "label__index"):
        if state := published.get(STATES[state_of[item.pk]]):
            expected.setdefault(item.image.name, {}).setdefault(state, []).append(item.label.wnid)
    assert document["image_labels"] == document["initial_annots"] == expected
    assert document["image_map"].keys() == document["wnid_map"].keys() == expected.keys()


def test_an_answer_without_verdicts_shows_nothing(django_assert_max_num_queries):
    assert answer_shown(1, None) == {"images": []}
    acted(3, 60)
    submission = Submission.objects.earliest("pk")
    with django_assert_max_num_queries(1):
        answer_shown(submission.hit_id, submission)


@pytest.mark.parametrize("n_images", [2, 40])
def test_reads_take_as_many_queries_for_large_reviews_as_for_small(n_images, django_assert_max_num_queries):
    dataset = make_dataset()
    said = [(image.name, 1, 1) for n in range(4) for image in make_images(dataset, n_images // 2, label=n)]
    review = open_review(dataset=dataset, title="t", predictions=said)
    user = make_reviewer(review)
    plain = PlainReview(review, [user], 0)
    for _ in range(10):
        plain.act()
    with django_assert_max_num_queries(9):
        pages_of(review, user)
    with django_assert_max_num_queries(5):
        progress(review)
    with django_assert_max_num_queries(8):
        page_content(plain.pages[0], user)
    with django_assert_max_num_queries(1):
        states_of(review)
