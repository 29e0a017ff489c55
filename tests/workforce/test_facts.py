"""Facts that a page sends with an answer: what is stored of them, and which votes they take away."""

import json
import math
import re
from typing import Any, cast

import pytest
from django.template import engines
from hypothesis import given
from hypothesis import strategies as st

from classify_task.models import ClassifyVote
from contains_task.models import ContainsVote
from contains_task.reads import cells_by_handle
from tests.factories import make_form, make_grid, start, worker_client
from tests.required import require
from workforce.consents.reads import ConsentStanding
from workforce.facts.instructions import instructions_version
from workforce.facts.reads import MOST_MARKS, AnswerFacts, browser_of, facts_in
from workforce.models import HIT, Batch, Lease, Submission
from workforce.reads import image_handle

CHROME = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.6478.71 Mobile"
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("main"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def opened(hit: HIT) -> tuple[str, dict[str, str], Lease]:
    """Start a person on a batch of this HIT alone; return the page's address, its hidden fields and the lease."""
    page = start(hit.batch, "ann", follow=True)
    text = page.content.decode()
    hidden = {name: require(re.search(rf'name="{name}" value="([^"]+)"', text))[1] for name in ("token", "key")}
    return page.redirect_chain[-1][0], hidden, Lease.objects.get(hit=hit)


def submitted(hit: HIT, fields: dict[str, object]) -> Submission:
    address, hidden, _ = opened(hit)
    body = json.dumps({"selected": [], "none": "yes"} | hidden | fields)
    headers = {"User-Agent": CHROME, "Accept-Language": "de"}
    reply = worker_client().post(address, body, content_type="application/json", headers=headers)
    assert reply.status_code == 200, reply.content
    return Submission.objects.get(hit=hit)


@pytest.mark.django_db
def test_a_grid_stores_what_its_page_says_by_position():
    grid = make_grid(n_images=3)
    _, _, lease = opened(grid.hit)
    first, second, third = cells_by_handle(lease)
    page = {"active_ms": 4000.4, "open_ms": 9000, "input": ["pen", "touch", "nose"], "viewport": [390, 844, 2.625]}
    submission = submitted(
        grid.hit,
        {
            "photographs": {first: [1, 2500], second: [0, 0], third: [1, 99.4], "invented": [1, 5]},
            "marks": [[100, third, 1], [250.2, third, 0], [300, "invented", 1], [400, first, 3]],
            "page": page,
        },
    )
    facts = submission.answer["facts"]
    assert facts["photographs"] == [[1, 2500], [0, 0], [1, 99]]
    assert facts["marks"] == [[100, 2, 1], [250, 2, 0]]
    assert facts["page"] == {
        "active_ms": 4000,
        "open_ms": 9000,
        "input": ["touch", "pen"],
        "viewport": [390, 844, 2.62],
    }
    assert facts["browser"] == "Chrome 126.0.6478.71, Android"
    assert facts["language"] == "de"
    assert facts["versions"] == {"instructions": instructions_version("contains"), "consent": None}
    cells = cells_by_handle(lease)
    assert submission.answer["unseen"] == sorted([cells[second].public_id, cells[third].public_id])
    assert list(ContainsVote.objects.values_list("image__public_id", flat=True)) == [cells[first].public_id]


@pytest.mark.django_db
def test_without_scripts_a_photograph_can_be_named_as_not_loaded():
    grid = make_grid(n_images=3)
    address, hidden, lease = opened(grid.hit)
    _, second, _ = cells_by_handle(lease)
    worker_client().post(address, hidden | {"none": "yes", "unloaded": [second, "invented"]})
    image = cells_by_handle(lease)[second].public_id
    assert Submission.objects.get().answer["unseen"] == [image]
    assert ContainsVote.objects.count() == 2
    assert not ContainsVote.objects.filter(image__public_id=image).exists()


@pytest.mark.django_db
def test_a_form_stores_its_order_and_marks_by_class_index():
    form = make_form(labels=(0, 1, 2))
    marks = [[10, "1", 1], [20, 2, 1], [30, "main", "1"], [40, "main", 7], [50, 9, 1]]
    submission = submitted(form.hit, {"selected": ["1", "2"], "main": "1", "marks": marks})
    assert sorted(submission.answer["shown"]) == [0, 1, 2]
    assert submission.answer["facts"]["marks"] == [[10, 1, 1], [20, 2, 1], [30, "main", 1]]
    assert ClassifyVote.objects.count() == 1


@pytest.mark.django_db
def test_a_form_whose_photograph_was_not_seen_gives_no_vote():
    form = make_form(labels=(0, 1))
    _, _, lease = opened(form.hit)
    handle = image_handle(lease, form.image.public_id)
    submission = submitted(form.hit, {"selected": ["1"], "main": "1", "photographs": {handle: [0, 8000]}})
    assert submission.answer["unseen"] == [form.image.public_id]
    assert submission.state == "confirmed"
    assert not ClassifyVote.objects.exists()


class Request:
    """A request as far as facts are read from it."""

    headers = {"User-Agent": "x" * 5000}


def unsaved_lease() -> Lease:
    lease = Lease(hit=HIT(batch=Batch(kind="contains")))
    lease.standing = ConsentStanding(None, None, False, None, None, None, None)
    return lease


@given(photographs=JUNK, marks=JUNK, page=JUNK, unloaded=JUNK)
def test_an_absurd_fact_is_dropped(photographs, marks, page, unloaded):
    fields = {"photographs": photographs, "marks": marks, "page": page, "unloaded": unloaded}
    lease = unsaved_lease()
    for handles in (["a", "b"], []):
        facts = facts_in(cast(Any, Request()), lease, fields, handles, [0, 1])
        assert len(json.dumps(facts.stored, allow_nan=False)) < 1000
        assert facts.unseen <= set(handles)


def read(**fields: object) -> AnswerFacts:
    lease = unsaved_lease()
    return facts_in(cast(Any, Request()), lease, fields, ["a", "b"])


@pytest.mark.parametrize(
    "look",
    [
        [1],
        [1, 2, 3],
        [2, 500],
        [1, -1],
        [1, math.nan],
        [1, math.inf],
        [1, 10**30],
        [1, True],
        ["1", "0"],
        {},
        None,
        "1",
    ],
)
def test_a_photograph_with_an_absurd_fact_counts_as_seen(look):
    assert read(photographs={"a": look, "b": [1, 100]}) == read(photographs={"b": [1, 100]})
    assert not read(photographs={"a": look}).unseen


def test_without_facts_every_photograph_counts_as_seen():
    assert not read().unseen
    assert read(photographs={"a": [1, 99], "b": [1, 100]}).unseen == {"a"}


def test_marks_are_bounded():
    stored = read(marks=[[n, "a", 1] for n in range(MOST_MARKS + 5)]).stored["marks"]
    assert stored == [[n, 0, 1] for n in range(MOST_MARKS)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (CHROME, "Chrome 126.0.6478.71, Android"),
        (CHROME + " EdgA/126.0.2592.56", "Edge 126.0.2592.56, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile/15E148 Safari/604.1",)
        + ("Safari 17.5, iPhone",),
        ("Mozilla/5.0 <script>", ""),
        ("Firefox/" + "1" * 500, "Firefox " + "1" * 32),
    ],
)
def test_a_browser_is_named_by_its_build_alone(text, name):
    assert browser_of(text) == name


def forget_templates() -> None:
    instructions_version.cache_clear()
    for loader in cast(Any, engines["django"]).engine.template_loaders:
        loader.reset()


def test_the_version_of_instructions_follows_their_texts_and_not_their_markup(tmp_path, settings):
    def version(source: str) -> str:
        (tmp_path / "contains_task").mkdir(exist_ok=True)
        (tmp_path / "contains_task" / "grid.html").write_text(source)
        forget_templates()
        return instructions_version("contains")

    kept = instructions_version("contains")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    (tmp_path / "more.html").write_text("{% load i18n %}{% translate 'More' %}")
    first = version("{% load i18n %}<p>{% translate 'Select' %}</p>")
    assert first == version("{% load i18n %}<b>{% translate 'Select' %}</b><hr>") != kept
    assert first != version("{% load i18n %}<p>{% translate 'Select all' %}</p>")
    assert first != version("{% load i18n %}<p>{% translate 'Select' %}</p>{% include 'more.html' %}")
    assert first != version(
        "{% load i18n %}{% translate 'Select' %}{% blocktranslate %}{{ n }} b{% endblocktranslate %}"
    )
    forget_templates()
