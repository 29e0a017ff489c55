"""Discussions of what reviewers differ on: when they open, who sees what, and how they are settled."""

import re

import pytest

from access.models import Role
from catalog.models import Dataset
from review_task.actions import add_predictions, close_review, give_verdict, take_back
from review_task.consensus.actions import (
    BadComment,
    NotInConsensus,
    NotSettled,
    SettledMeanwhile,
    add_comment,
    reopen,
    settle,
)
from review_task.consensus.discussions.reads import discussion_of
from review_task.consensus.reads import Decision, Standing, next_dispute, queue_of, tallies_of, tally_for
from review_task.errors import BadVerdict
from review_task.models import Comment, ConsensusVerdict, Item, Review, Verdict
from review_task.opening.actions import make_review
from tests.factories import make_images, make_member
from tests.required import require
from tests.review_task.panels import items_of, judge, review_of
from workforce.actions import exclude_submission
from workforce.kinds import kind_named
from workforce.models import Submission
from workforce.reads import pseudonym
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db

CORRECT, WRONG, UNCLEAR = Decision("correct"), Decision("wrong"), Decision("unclear")


def standings(review, user):
    return [(tally.position, tally.standing) for tally in queue_of(review, user)]


def discussed(item, user):
    return discussion_of(item, require(tally_for(item, user)), user)


def test_items_on_which_reviewers_differ_are_in_the_queue():
    review, (ann, bob) = review_of(["ccwudd", "cwwuwd"])
    # Both agree on the 1st, 3rd and 4th; one of them knows the 5th, nobody the last.
    assert standings(review, ann) == [(1, Standing.OPEN), (5, Standing.OPEN)] == standings(review, bob)
    assert [tally.state for tally in tallies_of(review)] == [
        *("correct", "disputed", "wrong", "unclear", "wrong", "disputed")
    ]


def test_nothing_of_a_page_is_shown_before_all_its_reviewers_have_judged_all_of_it():
    review, (ann, bob) = review_of(["cc", "w "])
    item = items_of(review)[0]
    researcher = make_member(review.batch.dataset, Role.RESEARCHER)
    for user in (ann, bob, researcher):
        assert not queue_of(review, user) and tally_for(item, user) is None and next_dispute(review, user) is None
        for act in (
            lambda user: add_comment(item=item, user=user, words="?"),
            lambda user: settle(item=item, user=user, decision=CORRECT, last=None),
            lambda user: reopen(item=item, user=user, last=None),
        ):
            with pytest.raises(NotInConsensus):
                act(user)
    judge(review, bob, " c")
    assert standings(review, bob) == [(0, Standing.OPEN)]
    assert not Comment.objects.exists() and not ConsensusVerdict.objects.exists()


def test_only_reviewers_of_the_page_and_researchers_see_it():
    review, (ann, _) = review_of(["c", "w"])
    item, dataset = items_of(review)[0], review.batch.dataset
    for role in (Role.REVIEWER, Role.LABELER, Role.READER):
        stranger = make_member(dataset, role)
        assert not queue_of(review, stranger) and tally_for(item, stranger) is None
    for role in (Role.OWNER, Role.RESEARCHER):
        assert standings(review, make_member(dataset, role)) == [(0, Standing.OPEN)]
    submission = Submission.objects.get(worker__identity__external_id=str(ann.pk))
    exclude_submission(submission=submission, reason="left")
    settle_votes(kind=kind_named("review"), submission_ids=[submission.pk])
    assert not queue_of(review, ann), "an excluded reviewer does not look in"
    assert not queue_of(review, make_member(dataset, Role.OWNER)), "and the page waits for somebody else"


def test_a_reviewer_of_another_page_does_not_see_it():
    review, (ann, bob) = review_of(["c", "w"])
    further = make_images(review.batch.dataset, 1, label=2)
    add_predictions(review=review, predictions=[(further[0].name, 1, 1)], with_dataset_label=False)
    other = make_member(review.batch.dataset, Role.REVIEWER)
    last = items_of(review)[-1]
    give_verdict(page=last.page, user=other, item=last, verdict="correct")
    assert not queue_of(review, other)
    give_verdict(page=last.page, user=ann, item=last, verdict="wrong")
    assert [tally.item_id for tally in queue_of(review, other)] == [last.pk]
    assert len(queue_of(review, ann)) == 2 and len(queue_of(review, bob)) == 1


def test_reviewers_are_letters_to_each_other_and_pseudonyms_to_researchers():
    review, reviewers = review_of(["c", "w", "u"])
    item, dataset = items_of(review)[0], review.batch.dataset
    workers = dict(Verdict.objects.values_list("worker__identity__external_id", "worker_id"))
    seen = {}
    for user in reviewers:
        add_comment(item=item, user=user, words=f"I am {user.pk}")
        opinions = discussed(item, user).opinions
        assert [opinion.name for opinion in opinions] == ["A", "B", "C"]
        assert [opinion.decision.verdict for opinion in opinions if opinion.is_reader] == [
            Verdict.objects.get(worker=workers[str(user.pk)]).verdict
        ]
        seen[user.pk] = {opinion.name: opinion.decision.verdict for opinion in opinions}
    assert len({str(names) for names in seen.values()}) == 1, "a letter is the same person to everybody"
    researcher = make_member(dataset, Role.RESEARCHER)
    add_comment(item=item, user=researcher, words="Settle it.")
    names = {opinion.name for opinion in discussed(item, researcher).opinions}
    assert names == {pseudonym(dataset, worker) for worker in workers.values()}
    comments = discussed(item, reviewers[0]).comments
    assert {comment.name for comment in comments[:3]} == {"A", "B", "C"} and comments[3].name == "Researcher"
    assert [comment.is_reader for comment in comments] == [True, False, False, False]


def test_letters_do_not_follow_the_order_in_which_reviewers_came():
    """Over many pages every reviewer has every letter; the keys of the studies are fixed here, so that none is luck."""
    orders = set()
    for n in range(12):
        review, (first, _) = review_of(["c", "w"])
        Dataset.objects.filter(pk=review.batch.dataset_id).update(pseudonym_key=f"key {n}")
        (item,) = Item.objects.filter(page__review=review).select_related("page__review__batch__dataset")
        orders.add(next(opinion.name for opinion in discussed(item, first).opinions if opinion.is_reader))
    assert orders == {"A", "B"}


def test_settling_stores_a_decision_and_opening_again_takes_it_away():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    row = settle(item=item, user=ann, decision=WRONG, last=None)
    assert settle(item=item, user=bob, decision=WRONG, last=None) == row, "the same again is the same"
    assert standings(review, bob) == [(0, Standing.SETTLED)]
    assert [tally.state for tally in tallies_of(review)] == ["wrong"]
    other = settle(item=item, user=bob, decision=UNCLEAR, last=row.pk)
    opened = reopen(item=item, user=ann, last=other.pk)
    assert standings(review, ann) == [(0, Standing.OPEN)]
    with pytest.raises(NotSettled):
        reopen(item=item, user=bob, last=opened.pk)
    settle(item=item, user=bob, decision=CORRECT, last=opened.pk)
    rows = ConsensusVerdict.objects.order_by("pk").values_list("verdict", "is_last")
    assert list(rows) == [("wrong", False), ("unclear", False), ("unreviewed", False), ("correct", True)]
    decisions = discussed(item, ann).decisions
    assert [(row.decision.verdict, row.is_reader) for row in decisions] == [
        *(("wrong", True), ("unclear", False), ("unreviewed", True), ("correct", False))
    ]


def test_whoever_did_not_see_the_last_decision_overrides_nobody():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    row = settle(item=item, user=ann, decision=WRONG, last=None)
    for decide in (
        lambda: settle(item=item, user=bob, decision=CORRECT, last=None),
        lambda: reopen(item=item, user=bob, last=None),
        lambda: reopen(item=item, user=bob, last=row.pk + 1),
    ):
        with pytest.raises(SettledMeanwhile):
            decide()
    assert ConsensusVerdict.objects.get() == row


@pytest.mark.parametrize("verdict", ["dontknow", "unreviewed", "disputed", ""])
def test_an_item_is_settled_as_correct_wrong_or_unclear_alone(verdict):
    review, (ann, _) = review_of(["c", "w"])
    with pytest.raises(BadVerdict):
        settle(item=items_of(review)[0], user=ann, decision=Decision(verdict), last=None)
    with pytest.raises(BadVerdict):
        settle(item=items_of(review)[0], user=ann, decision=Decision("wrong", "Other", "Major"), last=None)


def test_an_agreed_item_has_no_discussion():
    review, (ann, _) = review_of(["cc", "cw"])
    agreed, disputed = items_of(review)
    with pytest.raises(NotInConsensus):
        settle(item=agreed, user=ann, decision=WRONG, last=None)
    assert settle(item=disputed, user=ann, decision=WRONG, last=None)


@pytest.mark.parametrize("words", ["", "  \n ", "x" * 2001])
def test_a_comment_has_words(words):
    review, (ann, _) = review_of(["c", "w"])
    with pytest.raises(BadComment):
        add_comment(item=items_of(review)[0], user=ann, words=words)


def test_a_comment_keeps_its_lines():
    review, (ann, _) = review_of(["c", "w"])
    assert add_comment(item=items_of(review)[0], user=ann, words=" a\r\nb ").words == "a\nb"


def test_a_verdict_that_is_changed_in_the_discussion_shows_what_it_was_before():
    review, (ann, bob) = review_of(["cc", "ww"])
    first, second = items_of(review)
    give_verdict(page=first.page, user=bob, item=first, verdict="correct")
    add_comment(item=second, user=bob, words="A mug, you are right.")
    give_verdict(page=second.page, user=bob, item=second, verdict="correct")
    # Nobody talked of the first: it is agreed on, and leaves no trace in the queue.
    assert standings(review, ann) == [(1, Standing.AGREED)]
    theirs = next(opinion for opinion in discussed(second, bob).opinions if opinion.is_reader)
    assert (theirs.decision, theirs.blind) == (CORRECT, WRONG)
    other = next(opinion for opinion in discussed(second, bob).opinions if not opinion.is_reader)
    assert (other.decision, other.blind) == (CORRECT, None)


def test_a_verdict_that_is_changed_before_the_page_is_complete_was_blind():
    review, (ann, bob) = review_of(["cc", "w "])
    first, second = items_of(review)
    give_verdict(page=first.page, user=bob, item=first, verdict="unclear")
    judge(review, bob, " w")
    theirs = next(opinion for opinion in discussed(first, bob).opinions if opinion.is_reader)
    assert (theirs.decision, theirs.blind) == (UNCLEAR, None)


def test_a_settled_item_stays_settled_when_a_reviewer_changes_their_verdict_and_says_so():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    settle(item=item, user=ann, decision=WRONG, last=None)
    assert not queue_of(review, ann)[0].has_changed
    give_verdict(page=item.page, user=ann, item=item, verdict="wrong")
    (tally,) = queue_of(review, ann)
    assert (tally.standing, tally.state, tally.has_changed) == (Standing.SETTLED, "wrong", True)
    take_back(page=item.page, user=ann, item=item)
    take_back(page=item.page, user=ann, item=item)
    assert not queue_of(review, ann), "the page waits for the verdict that was taken back"
    assert [tally.state for tally in tallies_of(review)] == ["wrong"], "and the decision stands"


def test_new_predictions_hide_discussions_until_they_are_judged_and_change_no_decision():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    settle(item=item, user=ann, decision=WRONG, last=None)
    add_predictions(review=review, predictions=[(item.image.name, 2, 1)], with_dataset_label=False)
    assert not queue_of(review, ann)
    assert [tally.state for tally in tallies_of(review)] == ["wrong", "unreviewed"]
    for user in (ann, bob):
        judge(review, user, " c")
    assert standings(review, ann) == [(0, Standing.SETTLED)]


def test_in_a_closed_review_nobody_is_waited_for():
    review, (ann, bob) = review_of(["ccc", "wc "])
    assert not queue_of(review, ann)
    close_review(review=review)
    review.refresh_from_db()
    assert standings(review, ann) == [(0, Standing.OPEN)]
    assert settle(item=items_of(review)[0], user=bob, decision=CORRECT, last=None)


def test_the_next_dispute_goes_round():
    review, (ann, bob) = review_of(["cccc", "wcww"])
    items = items_of(review)

    def after(item):
        chosen = next_dispute(review, ann, item)
        return chosen and chosen.position

    assert [after(item) for item in (None, *items)] == [0, 2, 2, 3, 0]
    for number in (0, 2):
        settle(item=items[number], user=bob, decision=UNCLEAR, last=None)
    assert [after(item) for item in (None, *items)] == [3, 3, 3, 3, None]


def test_the_next_dispute_goes_over_pages():
    review, (ann, bob) = review_of(["cc", "wc"])
    further = make_images(review.batch.dataset, 2, label=2)
    add_predictions(review=review, predictions=[(row.name, 1, 1) for row in further], with_dataset_label=False)
    for user, letters in ((ann, "  cc"), (bob, "  cw")):
        judge(review, user, letters)
    first, *_, last = items_of(review)
    assert [require(next_dispute(review, ann, item)).pk for item in (None, first, last)] == [
        first.pk,
        last.pk,
        first.pk,
    ]


def test_no_moment_of_anybody_is_part_of_a_discussion():
    review, (ann, _) = review_of(["c", "w"])
    add_comment(item=items_of(review)[0], user=ann, words="x")
    assert not re.search(r"20\d\d-|datetime", repr(discussed(items_of(review)[0], ann).comments))


def test_reviewers_see_no_discussion_while_a_blind_review_of_the_study_is_open():
    review, (ann, _) = review_of(["c", "w"])
    dataset = review.batch.dataset
    blind = make_review(dataset=dataset, title="again", stage=Review.Stage.BLIND, earlier=review)
    assert not queue_of(review, ann) and tally_for(items_of(review)[0], ann) is None
    assert standings(review, make_member(dataset, Role.OWNER)) == [(0, Standing.OPEN)]
    close_review(review=blind)
    assert standings(review, ann) == [(0, Standing.OPEN)]
