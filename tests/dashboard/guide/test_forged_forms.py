"""Forms and addresses that no page of the guide makes: each gets an answer in words, and nothing breaks or is lost."""

from typing import Any

import pytest
from django.test import Client

from access.models import Role
from catalog.guide.checks.reads import LONGEST_TITLE, MOST_LABELS
from catalog.guide.reads import content_of
from catalog.models import Dataset, GuideEntry, GuideUse, GuideVersion
from tests.catalog.guide.guide_texts import ODD_TEXTS, entry_about, words_of
from tests.factories import make_dataset, member_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
NUL = "a\x00b"
# To a terminal, it is a colour.
RED = "\x1b[31mred"
LONG = "9" * 40


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=14)


@pytest.fixture
def client(dataset) -> Client:
    return member_client(dataset, Role.OWNER)


@pytest.fixture
def entry(dataset) -> GuideEntry:
    return entry_about(dataset, 0, 1, title="Cranes")


def form(**changed: Any) -> dict[str, Any]:
    return {"title": "Cranes", "classes": "0\r\n1", "body": "Grey.", "based_on": "1"} | changed


FORGED: dict[str, dict[str, Any]] = {
    "a picture that no address can name": {"pictures": ["a b", "", "/../x", "é", "%2e"]},
    "a picture with a null character": {"pictures": NUL},
    "five hundred pictures": {"pictures": [str(n) for n in range(500)]},
    "a title with a null character": {"title": NUL},
    "a trait with a null character": {"trait-0": NUL, "trait-0-0": NUL},
    "classes with a null character": {"classes": NUL},
    "columns that are no numbers": {"columns": ["x", LONG, "-1", NUL], "classes": "absent"},
    "a version that is no number": {"based_on": "x"},
    "a version below none": {"based_on": "-1"},
    "a version beyond all": {"based_on": LONG},
    "an image with a null character": {"image": NUL},
    "an image with a long name": {"image": "x" * 500},
    "a note with a null character": {"note": NUL},
    "a link with a null character": {"links": f"https://a.example/{NUL}"},
    "a link that is half an address": {"links": "https://[::1"},
    "a host that is no host": {"links": "https://a.example:99999999/ x"},
    "an act that is no button": {"act": "burn"},
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_form_gets_an_answer_and_changes_nothing_that_was_there(dataset, client, entry, forged):
    first = content_of(entry.versions.get())
    for act in ("preview", "rows", "save"):
        for address in (f"/guide/edit/{entry.pk}/{dataset.name}/", f"/guide/new/{dataset.name}/"):
            assert client.post(address, {"act": act} | form() | FORGED[forged]).status_code in (200, 302, 400, 409, 422)
    assert content_of(entry.versions.get(number=1)) == first
    assert all(row.title and row.labels == [0, 1] for row in GuideVersion.objects.all())


def test_a_picture_that_no_address_can_name_is_left_out(dataset, client, entry):
    answer = client.post(f"/guide/new/{dataset.name}/", form(act="preview", pictures=["a b", "abc-_9", "/../x"]))
    page = answer.content.decode()
    assert 'name="pictures" value="abc-_9"' in page and page.count('name="pictures"') == 1


@pytest.mark.parametrize("number", ["0", "2147483648", LONG])
def test_numbers_that_no_row_has_are_not_there(dataset, client, entry, number):
    for address in ("entry", "edit", "versions", "differences", "version/1"):
        kind, _, rest = address.partition("/")
        path = f"/guide/{kind}/{number}/{rest}/{dataset.name}/" if rest else f"/guide/{kind}/{number}/{dataset.name}/"
        assert client.get(path).status_code == 404, path
    assert client.get(f"/guide/version/{entry.pk}/{number}/{dataset.name}/").status_code == 404
    assert client.post(f"/guide/restore/{entry.pk}/{number}/{dataset.name}/").status_code == 404
    assert client.post(f"/guide/about/{number}/withdraw/{dataset.name}/").status_code == 404


@pytest.mark.parametrize("side", ["from", "to"])
@pytest.mark.parametrize(
    ("text", "status"), [("0", 200), ("", 200), ("x", 200), ("-1", 200), ("2", 404), (LONG, 200), ("999999999", 404)]
)
def test_differences_are_of_versions_that_there_are(dataset, client, entry, side, text, status):
    assert client.get(f"/guide/differences/{entry.pk}/{dataset.name}/", {side: text}).status_code == status


@pytest.mark.parametrize("reason", [NUL, "x" * 5000, RED, " ", "\u202eesrever"])
def test_any_reason_withdraws_an_entry(dataset, client, entry, reason):
    answer = client.post(f"/guide/about/{entry.pk}/withdraw/{dataset.name}/", {"reason": reason}, follow=True)
    entry.refresh_from_db()
    # The whole site refuses control characters before any page reads them.
    assert (answer.status_code, bool(entry.withdrawn_at)) in ((200, True), (400, False))
    assert (answer.status_code == 400) == (reason in (NUL, RED))


@pytest.mark.parametrize("study", [NUL, "", "x" * 5000, "absent"])
def test_only_a_study_of_the_list_is_taken(dataset, client, study):
    answer = client.post(f"/guide/share/{dataset.name}/", {"study": study}, follow=True)
    assert answer.status_code == (400 if study == NUL else 200)
    assert study == NUL or "Choose a study of the list." in words_of(answer)
    assert not GuideUse.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        {"search": NUL},
        {"search": "x" * 5000},
        {"page": "x"},
        {"page": LONG},
        {"page": "-1"},
        {"only": "x"},
        {"only": NUL},
    ],
)
def test_any_search_gets_a_list(dataset, client, entry, query):
    answer = client.get(f"/guide/entries/{dataset.name}/", query)
    assert answer.status_code == (400 if NUL in query.values() else 200)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_words_in_every_field_come_back_as_they_were_typed(dataset, client, text):
    cells = {"columns": ["0", "1"], "trait-0": text[:100], "trait-0-1": text}
    sent = form(title=text, body=text, note=text, links=f"https://a.example/x {text[:100]}", **cells)
    preview = words_of(client.post(f"/guide/new/{dataset.name}/", sent | {"act": "preview"}))
    assert f"Preview: {text}" in preview and f'name="trait-0-1" value="{text}"' in preview
    page = words_of(client.post(f"/guide/new/{dataset.name}/", sent | {"act": "save"}, follow=True))
    assert "Version 1 saved." in page and f'<h2 id="entry-name">{text}' in page and f"<td>–</td><td>{text}</td>" in page
    content = content_of(GuideVersion.objects.get())
    assert (content.title, content.body, content.links[0].title) == (text, text, text[:100])
    assert words_of(client.get(f"/guide/entries/{dataset.name}/")).count(text) >= 2, "title and summary"


def test_the_title_that_the_form_begins_with_can_be_saved(client, dataset):
    dataset.label_set.labels.update(words="a class whose words are rather long, another word")
    indexes = [str(index) for index in range(MOST_LABELS + 2)]
    page = client.get(f"/guide/new/{dataset.name}/", {"class": indexes})
    title = page.context["form"].initial["title"]
    assert title.startswith("a class whose words are rather long / a class") and len(title) <= LONGEST_TITLE
    sent = {"title": title, "classes": page.context["form"].initial["classes"], "body": "Grey.", "act": "save"}
    assert "Version 1 saved." in words_of(client.post(f"/guide/new/{dataset.name}/", sent, follow=True))
    assert GuideVersion.objects.get().labels == list(range(MOST_LABELS))
