"""The queue of disputes and its discussions in words: headings, empty lists, long queues, odd texts, every role."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Role
from review_task.actions import close_review, give_verdict
from review_task.consensus.actions import add_comment, settle
from review_task.consensus.reads import Decision
from review_task.models import Comment, ConsensusVerdict, Review
from tests.dashboard.review.forms import words_of
from tests.factories import client_of, make_dataset, member_client
from tests.review_task.panels import items_of, review_of

pytestmark = pytest.mark.django_db
TEXTS = [
    "It's “odd” / that",
    "<script>alert(1)</script>",
    "Rübe & Öl",
    "مقبض الإبريق",
    "鍵 🔑",
    "{{ item }} %(n)s",
    "x" * 500,
]


def links_on(response) -> list[str]:
    return re.findall(r'<h3><a href="(/consensus/item/[^"]*)"', response.content.decode())


def address_of(item) -> str:
    return f"/consensus/item/{item.public_id}/"


def n_queries(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_an_empty_queue_says_so_under_every_filter():
    review, (ann, _) = review_of(["cc", "cc"])
    client, address = client_of(ann), f"/consensus/{review.pk}/"
    for query, words in (("", "No disputes."), ("?show=settled", "Nothing here."), ("?show=agreed", "Nothing here.")):
        page = client.get(address + query)
        assert words in words_of(page) and "Discuss the first" not in words_of(page)
        assert "In dispute 0 Settled 0 Agreed on since 0" in words_of(page)
        assert page.content.decode().count('aria-current="true"') >= 1
    for show in ("", "Open", "open ", "' OR 1", "x" * 500):
        assert client.get(address, {"show": show}).status_code == 404
    assert client.get(f"{address}next/").headers["Location"] == address


def test_a_long_queue_comes_24_at_a_time_and_costs_no_more_queries():
    (few, (ann, _)), (many, (ben, _)) = review_of(["ccc", "www"]), review_of(["c" * 27, "w" * 27])
    client, address = client_of(ben), f"/consensus/{many.pk}/"
    assert n_queries(client, address) == n_queries(client_of(ann), f"/consensus/{few.pk}/")
    pages = [client.get(address, {"page": number}) for number in (1, 2)]
    assert [link for page in pages for link in links_on(page)] == [address_of(item) for item in items_of(many)]
    assert len(links_on(pages[0])) == 24 and "?show=open&amp;page=2" in pages[0].content.decode()
    assert "In dispute 27" in words_of(pages[1])
    for number in ("0", "99", "-1", "x", ""):
        assert client.get(address, {"page": number}).status_code == 200


def test_a_discussion_costs_no_more_queries_with_more_words():
    review, (ann, bob) = review_of(["cc", "ww"])
    quiet, loud = items_of(review)
    for number in range(10):
        add_comment(item=loud, user=(ann, bob)[number % 2], words=f"word {number}")
    client = client_of(ann)
    assert n_queries(client, address_of(loud)) == n_queries(client, address_of(quiet))


@pytest.mark.parametrize("words", TEXTS)
def test_a_comment_in_any_words_is_shown_as_it_was_written(words):
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    page = client_of(ann).post(f"{address_of(item)}comment/", {"words": f"  {words}\r\n{words}  "}, follow=True)
    assert Comment.objects.get().words == f"{words}\n{words}"
    assert words_of(client_of(bob).get(address_of(item))).count(words) == 2
    assert "<script>alert" not in page.content.decode()


@pytest.mark.parametrize(
    ("words", "is_stored"),
    [("", False), (" \r\n\t ", False), ("x" * 2000, True), ("x" * 2001, False), ("ü\r\n" * 1000, True)],
)
def test_a_comment_has_1_to_2000_characters(words, is_stored):
    review, (ann, _) = review_of(["c", "w"])
    (item,) = items_of(review)
    page = client_of(ann).post(f"{address_of(item)}comment/", {"words": words}, follow=True)
    assert ("A comment has 1 to 2,000 characters." in words_of(page)) is not is_stored
    assert Comment.objects.exists() is is_stored


def test_headings_and_buttons_follow_the_state_of_the_item():
    review, (ann, bob) = review_of(["c", "w"])
    (item,) = items_of(review)
    client, address = client_of(ann), address_of(item)
    words = words_of(client.get(address))
    assert "Is this thing 1?" in words and "a thing numbered 1" in words and "On the page of class thing 0." in words
    assert "Settle as correct C Settle as wrong X Settle as unclear U Next dispute N" in words
    assert "Open again" not in words and "Decisions" not in words
    settle(item=item, user=bob, decision=Decision("unclear"), last=None)
    words = words_of(client.get(address))
    assert "Open again O" in words and "Decisions" in words and "Settled unclear" in words
    assert "changed their verdict after" not in words
    client.post(f"{address}open/", {"last": ConsensusVerdict.objects.get().pk})
    give_verdict(page=item.page, user=bob, item=item, verdict="correct")
    words = words_of(client.get(address))
    assert "All reviewers who know say the same by now." in words and "before the discussion: wrong" in words
    assert "opened it again" in words


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.RESEARCHER, 200), (Role.REVIEWER, 404), (Role.LABELER, 403), (Role.READER, 403)],
)
def test_a_discussion_is_for_its_reviewers_and_for_researchers(role, status):
    review, _ = review_of(["c", "w"])
    (item,) = items_of(review)
    client = member_client(review.batch.dataset, role)
    assert client.get(address_of(item)).status_code == status
    queue = client.get(f"/consensus/{review.pk}/")
    assert queue.status_code == (403 if status == 403 else 200)
    if status != 403:
        assert links_on(queue) == ([address_of(item)] if status == 200 else [])
    for end, fields in (("settle/", {"verdict": "wrong"}), ("comment/", {"words": "x"})):
        answer = client.post(address_of(item) + end, fields)
        assert answer.status_code == (403 if status == 403 else 302)
    assert ConsensusVerdict.objects.exists() is Comment.objects.exists() is (status == 200)


def test_for_strangers_and_in_no_study_there_is_nothing():
    review, _ = review_of(["c", "w"])
    (item,) = items_of(review)
    client = member_client(make_dataset(), Role.OWNER)
    assert {client.get(address).status_code for address in (address_of(item), f"/consensus/{review.pk}/")} == {404}
    reader = member_client(review.batch.dataset, Role.OWNER)
    for address in ("/consensus/999999/", "/consensus/item/absent/", f"/consensus/{10**30}/"):
        assert reader.get(address).status_code == 404
    for end in ("settle/", "open/", "comment/"):
        assert reader.get(address_of(item) + end).status_code == 405


def test_the_next_dispute_begins_anew_where_the_last_one_is_no_item_of_the_review():
    review, (ann, _) = review_of(["cc", "ww"])
    other, _ = review_of(["c", "w"])
    first, second = items_of(review)
    client, address = client_of(ann), f"/consensus/{review.pk}/next/"
    (elsewhere,) = items_of(other)
    for after, item in ((first, second), (second, first), (elsewhere, first)):
        assert client.get(address, {"after": after.public_id}).headers["Location"] == address_of(item)
    for text in ("", "absent", "x" * 500, "' OR 1", "é"):
        assert client.get(address, {"after": text}).headers["Location"] == address_of(first)
    page = client.get(f"/consensus/{review.pk}/", {"settled": elsewhere.public_id})
    assert "is settled as" not in words_of(page), "of another review nothing is said"


@pytest.mark.parametrize("verdict", ["correct", "wrong", "unclear"])
def test_each_decision_is_said_and_undone_from_the_page_after_it(verdict):
    review, (ann, _) = review_of(["c", "w"])
    (item,) = items_of(review)
    client = client_of(ann)
    page = client.post(f"{address_of(item)}settle/", {"verdict": verdict}, follow=True)
    assert f"“thing 1” is settled as {verdict}." in words_of(page)
    source = page.content.decode()
    (last,) = re.findall(rf'action="{address_of(item)}open/".*?name="last" value="(\d+)"', source, re.DOTALL)
    for _ in range(2):
        page = client.post(f"{address_of(item)}open/", {"last": last}, follow=True)
    assert "This is not settled." in words_of(page)
    assert list(ConsensusVerdict.objects.order_by("pk").values_list("verdict", flat=True)) == [verdict, "unreviewed"]


def test_images_without_a_file_are_named_but_not_in_a_blind_review():
    review, (ann, _) = review_of(["c", "w"])
    (item,) = items_of(review)
    review.batch.dataset.images.update(original="", display="", thumbnail="")
    client = client_of(ann)
    for address in (f"/consensus/{review.pk}/", address_of(item)):
        assert f"{item.image.name}: no image file" in words_of(client.get(address))
    earlier, _ = review_of(["c"])
    Review.objects.filter(pk=review.pk).update(stage="blind", earlier=earlier)
    for address in (f"/consensus/{review.pk}/", address_of(item)):
        page = client.get(address)
        assert "no image file" in words_of(page) and item.image.name not in page.content.decode()


def test_a_discussion_goes_on_in_a_closed_review_and_ends_with_the_role():
    review, (ann, bob) = review_of(["cc", "w "])
    close_review(review=review)
    first, _ = items_of(review)
    client = client_of(bob)
    assert links_on(client.get(f"/consensus/{review.pk}/")) == [address_of(first)]
    assert "1 × correct 1 × wrong" in words_of(client.get(f"/consensus/{review.pk}/"))
    review.batch.dataset.memberships.filter(user=bob).update(role=Role.LABELER)
    assert client.get(address_of(first)).status_code == 403
    review.batch.dataset.memberships.filter(user=ann).delete()
    # Who has no role in any study is refused alike whether there is something or not.
    without = client_of(ann)
    assert [without.get(address).status_code for address in (address_of(first), "/consensus/item/absent/")] == [
        403,
        403,
    ]
