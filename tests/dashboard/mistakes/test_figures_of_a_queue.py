"""Figures of a mistake queue, recounted from what reviewers said and settled, and the images behind each of them."""

import csv
import io
import random
from collections import Counter
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access.models import Role
from audit.models import AuditEntry
from dashboard.mistakes.reads import OTHER_STATES, ids_behind, mistakes_shown, overview_of
from review_task.actions import give_verdict
from review_task.consensus.actions import settle
from review_task.consensus.reads import Decision, queue_of
from review_task.mistakes.actions import open_mistakes
from review_task.models import Item, MistakeCategory, Review, Severity
from tests.chance import seeds
from tests.dashboard.review.forms import words_of
from tests.factories import make_dataset, make_images, make_member, member_client
from tests.review_task.panels import items_of, make_reviewers, predict

pytestmark = pytest.mark.django_db
KINDS = [("Other", "Major"), ("Other", "Minor"), ("Spurious Correlation", "Major"), ("Spiegel / “Bild”", "Ernst")]


def queue_of_mistakes(n_images: int, *, n_reviewers: int = 1, name: str = "ViT-3B") -> Review:
    dataset = make_dataset()
    images = make_images(dataset, n_images)
    classifier = predict(dataset, images, [1 + n % 3 for n in range(n_images)], name)
    return open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=n_reviewers).review


@dataclass
class PlainMistake:
    """A mistake in a plain model: verdicts of reviewers with their kinds, and what was settled."""

    said: list[tuple[str, str, str]]
    settled: tuple[str, str, str] | None = None

    def outcome(self, n_reviewers: int) -> tuple[str, str, str]:
        """Return the state, and of a mistake its category and severity."""
        if self.settled is not None:
            return self.settled
        if len(self.said) < n_reviewers:
            return ("unreviewed", "", "")
        known = {row for row in self.said if row[0] != "dontknow"}
        return known.pop() if len(known) == 1 else ("disputed", "", "")


def judge_by_chance(chance: random.Random, review: Review) -> dict[int, PlainMistake]:
    """Have reviewers judge a queue, all but one item, and settle some disputes. Returns what they said, by item."""
    reviewers = make_reviewers(review.batch.dataset, review.n_reviewers)
    plain: dict[int, PlainMistake] = {item.pk: PlainMistake([]) for item in items_of(review)}
    pages = list(dict.fromkeys(item.page_id for item in items_of(review)))
    waiting = chance.choice([item for item in items_of(review) if item.page_id == pages[-1]])
    for item in items_of(review):
        for user in reviewers if item != waiting else reviewers[1:]:
            verdict = chance.choice(["wrong"] * 4 + ["correct", "unclear", "dontknow"])
            category, severity = chance.choice(KINDS[:2]) if chance.random() < 0.7 else chance.choice(KINDS)
            kind = (category, severity) if verdict == "wrong" else ("", "")
            give_verdict(page=item.page, user=user, item=item, verdict=verdict, category=kind[0], severity=kind[1])
            plain[item.pk].said.append((verdict, *kind))
    owner = make_member(review.batch.dataset, Role.OWNER)
    for tally in queue_of(review, owner):
        if chance.random() < 0.6:
            row = chance.choice([("wrong", *chance.choice(KINDS)), ("correct", "", ""), ("unclear", "", "")])
            item = Item.objects.select_related("page__review__batch__dataset").get(pk=tally.item_id)
            settle(item=item, user=owner, decision=Decision(*row), last=None)
            plain[item.pk].settled = row
    return plain


@pytest.mark.parametrize("seed", seeds(5))
def test_every_figure_is_what_a_plain_recount_says(seed):
    chance = random.Random(seed)
    review = queue_of_mistakes(14, n_reviewers=1 + seed % 3)
    plain = judge_by_chance(chance, review)
    outcomes = {pk: mistake.outcome(review.n_reviewers) for pk, mistake in plain.items()}
    wrong = Counter(row[1:] for row in outcomes.values() if row[0] == "wrong")
    overview = overview_of(review)
    assert list(overview.severities)[:3] == Severity.values
    assert [category for category, _ in overview.rows][:6] == MistakeCategory.values
    assert {name for name, _ in overview.rows} >= {category for category, _ in wrong}
    for category, cells in overview.rows:
        assert [cell.n for cell in cells[:-1]] == [wrong[category, severity] for severity in overview.severities]
        assert cells[-1].n == sum(n for (row, _), n in wrong.items() if row == category)
    assert overview.totals[-1].n == wrong.total()
    states = Counter(row[0] for row in outcomes.values())
    assert {state: cell.n for state, cell in overview.others} == {state: states[state] for state in OTHER_STATES}
    for state in OTHER_STATES:
        assert set(ids_behind(review, state=state)) == {pk for pk, row in outcomes.items() if row[0] == state}
    for category, severity in wrong:
        ids = ids_behind(review, category=category, severity=severity)
        assert set(ids) == {pk for pk, row in outcomes.items() if row == ("wrong", category, severity)}
    for shown in mistakes_shown(review, list(outcomes)):
        assert (shown.state, shown.category, shown.severity) == outcomes[shown.item.pk]
        assert [label.index for label in shown.beside] == [0]


@pytest.mark.parametrize("seed", range(2))
def test_the_file_has_each_mistake_once_with_its_kind_and_a_look_is_recorded(seed):
    review = queue_of_mistakes(9, n_reviewers=2)
    plain = judge_by_chance(random.Random(seed), review)
    client = member_client(review.batch.dataset, Role.READER)
    rows = list(csv.DictReader(io.StringIO(client.get(f"/mistakes/{review.pk}/file/").content.decode())))
    items = {item.pk: item for item in items_of(review)}
    mistakes = {
        (items[pk].image.name, str(items[pk].label.index), *row[1:])
        for pk, row in ((pk, mistake.outcome(2)) for pk, mistake in plain.items())
        if row[0] == "wrong"
    }
    assert {tuple(row.values()) for row in rows} == mistakes and len(rows) == len(mistakes)
    entry = AuditEntry.objects.get(action="rows.download")
    assert f"mistakes of review {review.pk}" in entry.subject
    assert client.head(f"/mistakes/{review.pk}/file/").status_code == 200
    assert AuditEntry.objects.filter(action="rows.download").count() == 1, "a look at the headers is no download"


def test_images_come_24_at_a_time_and_their_queries_do_not_grow():
    few, many = queue_of_mistakes(2), queue_of_mistakes(26)
    numbers = []
    for review in (few, many):
        client, address = member_client(review.batch.dataset, Role.RESEARCHER), f"/mistakes/{review.pk}/images/"
        (user,) = make_reviewers(review.batch.dataset, 1)
        for item in items_of(review):
            give_verdict(page=item.page, user=user, item=item, verdict="wrong", category="Other", severity="Major")
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            page = client.get(address)
        numbers.append(len(queries))
        assert f"Mistakes ({len(items_of(review))})" in words_of(page)
    assert numbers[0] == numbers[1]
    for number, n_shown in ((1, 24), (2, 2), (3, 2), ("x", 24)):
        source = client.get(address, {"page": number, "category": "Other"}).content.decode()
        assert source.count('<li class="result">') == n_shown
    assert "?category=Other&amp;page=2" in client.get(address, {"category": "Other"}).content.decode()


@pytest.mark.parametrize("name", ["It's “all” / of <it>", "Netz Ü", "شبكة", "x" * 80])
def test_a_classifier_of_any_name_names_its_queue(name):
    review = queue_of_mistakes(1, name=name)
    client = member_client(review.batch.dataset, Role.RESEARCHER)
    words = words_of(client.get(f"/mistakes/study/{review.batch.dataset.name}/"))
    assert f"Classifier {name}. Images: 1. Reviewers of each: 1." in words
    page = client.get(f"/mistakes/{review.pk}/")
    assert f"The first prediction of {name}, outside the labels" in words_of(page)
    assert "<it>" not in page.content.decode()


@pytest.mark.parametrize(
    ("role", "overview", "file"),
    [
        (Role.OWNER, 200, 200),
        (Role.RESEARCHER, 200, 200),
        (Role.READER, 200, 200),
        (Role.REVIEWER, 403, 403),
        (Role.LABELER, 403, 403),
    ],
)
def test_figures_are_for_those_who_see_results_and_the_way_to_review_for_reviewers(role, overview, file):
    review = queue_of_mistakes(1)
    client, address = member_client(review.batch.dataset, role), f"/mistakes/{review.pk}/"
    page = client.get(address)
    assert (page.status_code, client.get(f"{address}file/").status_code) == (overview, file)
    assert client.get(f"{address}images/").status_code == overview
    if overview == 200:
        assert (f'href="/consensus/{review.pk}/"' in page.content.decode()) is (role != Role.READER)
    stranger = member_client(make_dataset(), Role.OWNER)
    assert {stranger.get(f"{address}{end}").status_code for end in ("", "file/", "images/")} == {404}


def test_an_image_without_a_file_has_its_name_and_no_picture():
    review = queue_of_mistakes(1)
    review.batch.dataset.images.update(original="", display="", thumbnail="")
    page = member_client(review.batch.dataset, Role.RESEARCHER).get(f"/mistakes/{review.pk}/images/?state=unreviewed")
    assert "no image file" in words_of(page) and review.batch.dataset.images.get().name in words_of(page)
    assert "<h2>not reviewed (1)</h2>" in page.content.decode()
