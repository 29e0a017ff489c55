"""Rules of all pages of the guide: every field has a label, nothing stands inline, and odd words stay words."""

import html
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client

from access.models import Role
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait
from catalog.models import Dataset, GuideEntry
from launcher.places import ROOT
from studies.guide.actions import add_image, write_entry
from tests.factories import make_account, make_dataset, make_images, member_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
TEMPLATES = sorted((ROOT / "templates/dashboard/guide").glob("*.html"))
ODD = "<img src=x onerror=alert(1)> \"'&"


class Page(HTMLParser):
    """The fields, labels, ids, headings and event handlers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: list[dict[str, str | None]] = []
        self.labelled: set[str | None] = set()
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.inline: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.depth_of_labels = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if values.get("id"):
            self.ids.append(values["id"])
        if tag == "label":
            self.labelled.add(values.get("for"))
            self.depth_of_labels += 1
        if tag in ("input", "textarea", "select") and values.get("type") != "hidden" and not self.depth_of_labels:
            self.fields.append(values)
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.images.append(values)
        if tag in ("script", "style") and not values.get("src"):
            self.inline.append(tag)

    def handle_endtag(self, tag):
        self.depth_of_labels -= tag == "label"


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=6)


@pytest.fixture
def client(dataset) -> Client:
    return member_client(dataset, Role.OWNER)


@pytest.fixture
def entry(dataset) -> GuideEntry:
    """Return an entry of two versions whose every text is odd."""
    picture = add_image(dataset=dataset, image=make_images(dataset, 1)[0], by=make_account())
    content = Content(
        title=f"Title {ODD}",
        labels=(0, 1),
        body=f"Body {ODD}\n\n## Heading {ODD}\n\n- **Item {ODD}**",
        traits=(Trait(f"Trait {ODD}", {0: f"Cell {ODD}"}),),
        links=(GuideLink("https://a.example/?a=1&b='", f"Link {ODD}"),),
        pictures=(PictureUse(picture.public_id, f"Caption {ODD}"),),
    )
    first, _ = write_entry(dataset=dataset, content=content, by=make_account(), entry=None, based_on=0, note=ODD)
    later = Content(f"Title {ODD}", (0, 1), f"Other {ODD}", content.traits, content.links, content.pictures)
    write_entry(dataset=dataset, content=later, by=make_account(), entry=first.entry, based_on=1, note=ODD)
    return GuideEntry.objects.get(pk=first.entry.pk)


ADDRESSES = {
    "list": "/guide/entries/{name}/",
    "search": "/guide/entries/{name}/?search=title+%3Cimg",
    "entry": "/guide/entry/{pk}/{name}/",
    "new": "/guide/new/{name}/?class=0&class=1",
    "edit": "/guide/edit/{pk}/{name}/",
    "versions": "/guide/versions/{pk}/{name}/",
    "version": "/guide/version/{pk}/1/{name}/",
    "differences": "/guide/differences/{pk}/{name}/",
}


@pytest.fixture(params=ADDRESSES)
def text(request, dataset, client, entry) -> str:
    address = ADDRESSES[request.param].format(pk=entry.pk, name=dataset.name)
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_odd_words_are_words_on_every_page(text):
    page = Page(text)
    assert not page.inline
    assert not [image for image in page.images if image.get("src") == "x"]
    assert "<img src=x" not in text


def test_every_field_has_a_label_and_every_id_is_there_once(text):
    page = Page(text)
    unlabelled = [
        field for field in page.fields if field.get("id") not in page.labelled and not field.get("aria-label")
    ]
    assert not unlabelled
    assert len(page.ids) == len(set(page.ids))


def test_headings_skip_no_level(text):
    levels = Page(text).headings
    assert levels[0] == 1
    assert all(later <= former + 1 or later == 4 for former, later in zip(levels, levels[1:], strict=False))


def test_every_picture_has_an_alternative(text):
    assert all("alt" in image for image in Page(text).images)


def test_a_conflict_keeps_all_of_it_too(dataset, client, entry):
    sent = {"title": ODD, "classes": "0\n1", "body": f"Mine {ODD}", "based_on": "1", "act": "save"}
    answer = client.post(f"/guide/edit/{entry.pk}/{dataset.name}/", sent)
    page = Page(answer.content.decode())
    assert answer.status_code == 409 and not page.inline
    assert f"Mine {ODD}" in html.unescape(answer.content.decode())
    assert not [field for field in page.fields if field.get("id") not in page.labelled]
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_marks_a_text_as_safe(template: Path):
    text = template.read_text()
    assert "|safe" not in text and "autoescape" not in text and "style=" not in text


def test_the_tab_leads_there_from_every_page_of_the_study(dataset, client):
    page = client.get(f"/datasets/{dataset.name}/").content.decode()
    assert f'href="/guide/entries/{dataset.name}/"' in page
