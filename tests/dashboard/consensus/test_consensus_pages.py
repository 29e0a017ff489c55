"""The pages of the consensus: the queue of disputes and the discussion of an item, for reviewers and researchers."""

import html
import re

import pytest

from access.models import Role
from review_task.actions import give_verdict, open_review
from review_task.consensus.actions import add_comment, settle
from review_task.consensus.reads import Decision
from review_task.mistakes.actions import open_mistakes
from review_task.models import Comment, ConsensusVerdict, Verdict
from tests.factories import client_of, make_dataset, make_images, make_member, member_client
from tests.review_task.panels import items_of, judge, make_reviewers, predict, review_of
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode())))


def page_of(item) -> str:
    return f"/consensus/item/{item.public_id}/"


def test_the_queue_lists_disputes_settled_items_and_those_agreed_on_since():
    review, (ann, bob) = review_of(["ccccd", "wwwcd"])
    disputed, settled, agreed, _, unknown = items_of(review)
    settle(item=settled, user=ann, decision=Decision("unclear"), last=None)
    add_comment(item=agreed, user=ann, words="A mug?")
    give_verdict(page=agreed.page, user=bob, item=agreed, verdict="correct")
    address, client = f"/consensus/{review.pk}/", client_of(ann)
    for query, items, words in (
        ("", [disputed, unknown], "1 × correct 1 × wrong"),
        ("?show=settled", [settled], "Settled: unclear"),
        ("?show=agreed", [agreed], "2 × correct"),
    ):
        response = client.get(address + query)
        assert words in text_of(response)
        links = re.findall(r'<h3><a href="(/consensus/item/[^"]*)"', response.content.decode())
        assert links == [page_of(item) for item in items]
    assert "In dispute 2 Settled 1 Agreed on since 1" in re.sub(r"\s+", " ", text_of(client.get(address)))
    assert client.get(address + "?show=nothing").status_code == 404


def test_reviewers_read_letters_and_researchers_pseudonyms_and_nobody_a_name():
    review, reviewers = review_of(["c", "w", "u"])
    (item,) = items_of(review)
    for user in reviewers:
        add_comment(item=item, user=user, words="Look at the handle <b>there</b>.")
    names = [user.get_username() for user in reviewers]
    pseudonyms = [pseudonym(review.batch.dataset, pk) for pk in Verdict.objects.values_list("worker", flat=True)]
    for user in reviewers:
        response = client_of(user).get(page_of(item))
        words, source = text_of(response), response.content.decode()
        assert [words.count(f"{letter} (you)") for letter in "ABC"].count(2) == 1, "in the table and at the comment"
        assert not any(other in source for other in (*pseudonyms, *set(names) - {user.get_username()}))
        assert "&lt;b&gt;there" in source and not re.search(r"20\d\d", words)
    source = member_client(review.batch.dataset, Role.RESEARCHER).get(page_of(item)).content.decode()
    assert all(name in source for name in pseudonyms) and not any(name in source for name in names)


@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_is_shown_or_done_before_all_have_judged_the_whole_page(method):
    review, (ann, bob) = review_of(["cc", "w "])
    first, _ = items_of(review)
    researcher = make_member(review.batch.dataset, Role.RESEARCHER)
    for user in (ann, bob, researcher):
        client = client_of(user)
        assert "No disputes." in text_of(client.get(f"/consensus/{review.pk}/"))
        if method == "get":
            assert client.get(page_of(first)).status_code == 404
            assert client.get(f"/consensus/{review.pk}/next/").headers["Location"] == f"/consensus/{review.pk}/"
        else:
            for end, fields in (("settle/", {"verdict": "wrong"}), ("comment/", {"words": "?"}), ("open/", {})):
                answer = client.post(page_of(first) + end, fields, follow=True)
                assert "This is not in discussion" in text_of(answer)
    assert not Comment.objects.exists() and not ConsensusVerdict.objects.exists()


def test_an_item_is_settled_opened_again_and_settled_otherwise_without_a_script():
    review, (ann, bob) = review_of(["cc", "ww"])
    first, second = items_of(review)
    client = client_of(ann)
    answer = client.post(page_of(first) + "settle/", {"verdict": "wrong", "last": ""})
    assert answer.headers["Location"] == f"{page_of(second)}?settled={first.public_id}"
    following = client.get(answer.headers["Location"])
    assert "“thing 1” is settled as wrong." in text_of(following)
    last = ConsensusVerdict.objects.get()
    assert f'action="{page_of(first)}open/"' in following.content.decode()
    answer = client.post(page_of(first) + "open/", {"last": last.pk}, follow=True)
    assert "Open again." in text_of(answer) and "opened it again" in text_of(answer)
    opened = ConsensusVerdict.objects.get(is_last=True)
    for item, fields in ((second, {"verdict": "unclear"}), (first, {"verdict": "correct", "last": opened.pk})):
        answer = client.post(page_of(item) + "settle/", fields)
    assert answer.headers["Location"] == f"/consensus/{review.pk}/?settled={first.public_id}"
    assert "“thing 1” is settled as correct." in text_of(client.get(answer.headers["Location"]))
    assert "In dispute 0 Settled 2" in text_of(client_of(bob).get(f"/consensus/{review.pk}/"))


def test_a_decision_that_somebody_else_has_taken_meanwhile_is_said():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    settle(item=item, user=ann, decision=Decision("wrong"), last=None)
    for fields in ({"verdict": "correct", "last": ""}, {"verdict": "correct"}, {"verdict": "correct", "last": "²"}):
        words = text_of(client_of(bob).post(page_of(item) + "settle/", fields, follow=True))
        assert "Somebody else has decided this since you opened the page." in words
    assert ConsensusVerdict.objects.get().verdict == "wrong"
    for verdict in ("", "dontknow", "none"):
        words = text_of(client_of(bob).post(page_of(item) + "settle/", {"verdict": verdict}, follow=True))
        assert "Settle it as correct, wrong or unclear." in words


def test_a_comment_is_stored_and_an_empty_one_refused():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    client = client_of(ann)
    assert "A comment has 1 to 2,000 characters." in text_of(
        client.post(page_of(item) + "comment/", {"words": " "}, follow=True)
    )
    client.post(page_of(item) + "comment/", {"words": "The spout, lower left."})
    assert "The spout, lower left." in text_of(client_of(bob).get(page_of(item)))


def test_the_page_says_what_changed_since():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    settle(item=item, user=ann, decision=Decision("correct"), last=None)
    give_verdict(page=item.page, user=bob, item=item, verdict="unclear")
    words = text_of(client_of(ann).get(page_of(item)))
    assert "unclear before the discussion: wrong" in words
    assert "A reviewer changed their verdict after this was settled." in words
    assert "a verdict was changed since" in text_of(client_of(ann).get(f"/consensus/{review.pk}/?show=settled"))


def test_other_labels_of_the_image_stand_beside_with_their_states():
    dataset = make_dataset()
    (image,) = make_images(dataset, 1)
    review = open_review(
        dataset=dataset, title="t", n_reviewers=2, predictions=[(image.name, 1, 3), (image.name, 2, 2)]
    )
    for user, letters in zip(make_reviewers(dataset, 2), ("ccw", "wcc"), strict=True):
        judge(review, user, letters)
    first, _, last = items_of(review)
    source = member_client(dataset, Role.OWNER).get(page_of(first)).content.decode()
    beside = source.partition("Other labels of the image")[2]
    assert page_of(last) in beside and "in dispute" in beside and "correct" in beside


def test_a_mistake_is_settled_with_category_and_severity():
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 2), [1, 1])
    review = open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=2).review
    ann, bob = make_reviewers(dataset, 2)
    first, second = items_of(review)
    for item in (first, second):
        give_verdict(page=item.page, user=ann, item=item, verdict="wrong", category="Other", severity="Major")
        give_verdict(page=item.page, user=bob, item=item, verdict="wrong", category="Other", severity="Minor")
    client = client_of(ann)
    words = text_of(client.get(page_of(first)))
    assert "wrong Other, Major" in words and "wrong Other, Minor" in words and "Fine-grained error with OOV" in words
    answer = client.post(page_of(first) + "settle/", {"verdict": "wrong", "category": "Other"}, follow=True)
    assert "A mistake needs a category" in text_of(answer)
    kind = {"verdict": "wrong", "category": "Other", "severity": "Borderline"}
    client.post(page_of(first) + "settle/", kind)
    client.post(page_of(second) + "settle/", kind | {"other_category": " Reflection "})
    rows = ConsensusVerdict.objects.order_by("pk").values_list("category", "severity")
    assert list(rows) == [("Other", "Borderline"), ("Reflection", "Borderline")]
    # What is correct after all has neither, whatever the form holds.
    last = ConsensusVerdict.objects.get(item=second)
    client.post(page_of(second) + "settle/", kind | {"verdict": "correct", "last": last.pk})
    assert ConsensusVerdict.objects.get(item=second, is_last=True).category == ""


def test_the_queue_is_read_in_few_queries(django_assert_max_num_queries):
    review, (ann, _) = review_of(["c" * 30, "w" * 30])
    client = client_of(ann)
    client.get(f"/consensus/{review.pk}/")
    with django_assert_max_num_queries(25):
        client.get(f"/consensus/{review.pk}/")
    (item, *_) = items_of(review)
    with django_assert_max_num_queries(45):
        client.get(page_of(item))
