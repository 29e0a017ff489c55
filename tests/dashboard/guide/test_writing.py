"""Writing the labelling guide on its pages, without scripts: drafts, previews, pictures, and two people at once."""

import html
import re
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image as Pillow

from access.models import Role
from audit.models import AuditEntry
from catalog.guide.reads import Content, PictureUse, Trait, content_of, entries_of
from catalog.models import Dataset, GuideEntry, GuidePicture, GuideVersion
from studies.guide.actions import write_entry
from tests.factories import make_account, make_dataset, make_images, member_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=6)


@pytest.fixture
def client(dataset) -> Client:
    return member_client(dataset, Role.LABELER)


def text_of(page) -> str:
    return html.unescape(page.content.decode())


def fields(**changed) -> dict[str, object]:
    """Return a form about the classes 0 and 1, as a browser sends it."""
    sent = {"title": "Norfolk or Norwich", "classes": "0\r\nthing 1", "body": "Look at the ears.", "based_on": "0"}
    return sent | {"act": "save"} | changed


def upload(colour: str = "green", name: str = "lawn.png") -> SimpleUploadedFile:
    file = BytesIO()
    Pillow.new("RGB", (60, 40), colour).save(file, "PNG")
    return SimpleUploadedFile(name, file.getvalue(), "image/png")


def latest(dataset: Dataset) -> GuideVersion:
    entry = entries_of(dataset).get()
    return entry.versions.get(number=entry.version)


def new(dataset: Dataset) -> str:
    return f"/guide/new/{dataset.name}/"


def edit(dataset: Dataset) -> str:
    return f"/guide/edit/{entries_of(dataset).get().pk}/{dataset.name}/"


# A new entry


def test_an_entry_is_written_with_traits_and_links(dataset, client):
    sent = fields(
        links="https://kennel.example/norfolk Kennel club\r\nhttps://b.example",
        note="first draft",
        **{"columns": ["0", "1"], "trait-0": "ears", "trait-0-0": "folded", "trait-0-1": "pointed", "trait-2": ""},
    )
    page = client.post(new(dataset), sent, follow=True)
    assert "Version 1 saved." in text_of(page) and "Kennel club" in text_of(page)
    content = content_of(latest(dataset))
    assert (content.title, content.labels) == ("Norfolk or Norwich", (0, 1))
    assert content.traits == (Trait("ears", {0: "folded", 1: "pointed"}),)
    assert [link.url for link in content.links] == ["https://kennel.example/norfolk", "https://b.example"]
    assert latest(dataset).note == "first draft"
    assert AuditEntry.objects.get(action="guide.write").reason == "first draft"


def test_an_address_may_name_the_classes_of_a_new_entry(dataset, client):
    page = text_of(client.get(new(dataset), {"class": ["2", "0", "99", "x", "9" * 400]}))
    assert 'value="thing 0 / thing 2"' in page
    assert "0: thing 0\n2: thing 2" in page
    assert 'name="trait-0-2"' in page and 'name="trait-0-99"' not in page


def test_the_lines_of_the_form_name_their_classes_again(dataset, client):
    client.post(new(dataset), fields())
    shown = re.search(r'<textarea name="classes".*?>\s*(.*?)</textarea>', text_of(client.get(edit(dataset))), re.DOTALL)
    assert shown and shown[1] == "0: thing 0\n1: thing 1"
    client.post(edit(dataset), fields(classes=shown[1], body="Tail.", based_on="1"))
    assert content_of(latest(dataset)).labels == (0, 1)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"classes": "absent"}, "is no class of"),
        ({"classes": ""}, "Name the class of the entry"),
        ({"title": ""}, "The title is missing."),
        ({"body": "x" * 20_001}, "The text has 20,001 characters"),
        ({"links": "javascript:alert(1)"}, "must start with http"),
        ({"classes": "\n".join("012345012345x")}, "is no class of"),
        ({"picture": SimpleUploadedFile("a.png", b"<svg>")}, "unsupported format"),
        ({"image": "absent.jpg"}, "This study has no image of that name."),
        ({"title": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_faulty_form_says_why_and_keeps_what_was_typed(dataset, client, changed, reason):
    page = client.post(new(dataset), fields(**changed, **{"columns": "0", "trait-0": "ears", "trait-0-0": "folded"}))
    assert page.status_code == 422 and reason in text_of(page)
    assert not GuideEntry.objects.exists()
    if "classes" not in changed or changed["classes"]:
        assert 'value="folded"' in page.content.decode(), "the table is still there"
    if "body" not in changed:
        assert "Look at the ears." in text_of(page)


# Previews


def test_a_preview_stores_nothing_and_shows_markup_as_markup_and_html_as_text(dataset, client):
    body = "**bold** <script>alert(1)</script> [x](javascript:alert(2))\r\n\r\n- one\r\n- [Kew](https://kew.example/)"
    page = client.post(new(dataset), fields(body=body, act="preview", title="<b>Title</b>")).content.decode()
    assert "<strong>bold</strong> &lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(2))" in page
    assert '<li><a href="https://kew.example/" rel="noopener noreferrer nofollow">Kew</a></li>' in page
    assert "Preview: &lt;b&gt;Title&lt;/b&gt;" in page
    assert "<script>alert" not in page and "<b>Title" not in page
    assert not GuideEntry.objects.exists()
    assert body.replace("\r\n", "\n") in html.unescape(page).replace("\r\n", "\n"), "and the text is still in the form"


def test_rows_are_added_and_keep_what_was_typed(dataset, client):
    sent = fields(act="rows", **{"columns": ["0", "1"], "trait-0": "ears", "trait-0-1": "pointed"})
    page = client.post(new(dataset), sent).content.decode()
    assert 'name="trait-0" value="ears"' in page and 'name="trait-0-1" value="pointed"' in page
    assert 'name="trait-6-0"' in page and 'name="trait-7-0"' not in page


def test_a_table_gets_the_columns_of_other_classes(dataset, client):
    sent = fields(act="rows", classes="1\n4", **{"columns": ["0", "1"], "trait-0": "ears", "trait-0-1": "pointed"})
    page = client.post(new(dataset), sent).content.decode()
    assert 'name="trait-0-4" value=""' in page and 'name="trait-0-1" value="pointed"' in page
    assert 'name="trait-0-0"' not in page


# Pictures


def test_a_picture_comes_with_any_button_and_stays_in_the_draft(dataset, client):
    page = client.post(new(dataset), fields(act="picture", picture=upload())).content.decode()
    picture = GuidePicture.objects.get()
    assert f'name="pictures" value="{picture.public_id}"' in page
    shown = client.get(f"/guide/picture/{picture.public_id}/{dataset.name}/")
    assert shown.headers["Content-Type"] == "image/jpeg" and b"".join(shown.streaming_content)
    ids = {"pictures": picture.public_id, f"caption-{picture.public_id}": "A lawn."}
    client.post(new(dataset), fields(**ids))
    assert content_of(latest(dataset)).pictures == (PictureUse(picture.public_id, "A lawn."),)
    ids |= {f"remove-{picture.public_id}": "on"}
    client.post(edit(dataset), fields(based_on="1", **ids))
    assert content_of(latest(dataset)).pictures == ()
    assert GuidePicture.objects.exists(), "version 1 still shows it"


def test_a_picture_survives_a_fault_elsewhere_in_the_form(dataset, client):
    page = client.post(new(dataset), fields(title="", picture=upload()))
    assert page.status_code == 422
    assert f'name="pictures" value="{GuidePicture.objects.get().public_id}"' in page.content.decode()


def test_an_image_of_the_study_is_shown_by_its_name(dataset, client):
    (image,) = make_images(dataset, 1)
    page = client.post(new(dataset), fields(act="picture", image=image.name)).content.decode()
    picture = GuidePicture.objects.get()
    assert picture.source == image and picture.public_id in page


def test_a_picture_of_another_guide_is_neither_shown_nor_saved(dataset, client):
    other = make_dataset()
    member_client(other, Role.LABELER).post(new(other), fields(act="picture", picture=upload()))
    picture = GuidePicture.objects.get()
    assert client.get(f"/guide/picture/{picture.public_id}/{dataset.name}/").status_code == 404
    page = client.post(new(dataset), fields(pictures=picture.public_id))
    assert page.status_code == 422 and "does not belong to this guide" in text_of(page)


# Two people at once


@pytest.fixture
def meanwhile(dataset) -> GuideEntry:
    """Return an entry that somebody has changed since version 1."""
    content = Content("Norfolk or Norwich", (0, 1), "Look at the ears.")
    entry = write_entry(dataset=dataset, content=content, by=make_account(), entry=None, based_on=0)[0].entry
    content = Content("Norfolk or Norwich", (0, 1), "Look at the tail.")
    write_entry(dataset=dataset, content=content, by=make_account(), entry=entry, based_on=1)
    return entry


def test_the_second_gets_both_texts_and_the_differences(dataset, client, meanwhile):
    sent = fields(body="Look at the ears and the coat.", based_on="1", note="more", picture=upload())
    page = client.post(edit(dataset), sent)
    words = text_of(page)
    assert page.status_code == 409 and "has saved version 2 meanwhile. Nothing is lost" in words
    assert "Look at the ears and the coat.</textarea>" in words, "theirs is in the form"
    assert "Look at the tail.</textarea>" in words, "and the other to copy from"
    assert "<del>tail</del>" in words and "<ins>" in words
    assert 'name="based_on" value="2"' in words and 'value="more"' in words
    assert GuidePicture.objects.get().public_id in words, "the uploaded picture is still in the draft"
    assert meanwhile.versions.count() == 2
    client.post(edit(dataset), fields(body="Look at the ears, the tail and the coat.", based_on="2"))
    assert latest(dataset).body == "Look at the ears, the tail and the coat." and latest(dataset).number == 3


def test_a_new_entry_about_classes_that_have_one_becomes_an_edit_of_it(dataset, client, meanwhile):
    page = client.post(new(dataset), fields(body="By somebody who did not search.", classes="1\n0"))
    assert page.status_code == 409
    assert f'action="{edit(dataset)}"' in page.content.decode()
    assert "By somebody who did not search.</textarea>" in text_of(page)


def test_the_same_text_twice_is_one_version(dataset, client, meanwhile):
    page = client.post(edit(dataset), fields(body="Look at the tail.", based_on="1"), follow=True)
    assert "No change: this is version 2." in text_of(page)
    assert meanwhile.versions.count() == 2


# Who may


def test_a_reader_reads_and_is_offered_nothing_to_write(dataset, meanwhile):
    client = member_client(dataset, Role.READER)
    for address in (f"/guide/entries/{dataset.name}/", f"/guide/entry/{meanwhile.pk}/{dataset.name}/"):
        words = text_of(client.get(address))
        assert "Norfolk or Norwich" in words and "/guide/edit/" not in words and "/guide/new/" not in words
        assert "Withdraw entry" not in words
    assert client.get(new(dataset)).status_code == 403


def test_an_entry_of_another_study_is_not_there(dataset, client, meanwhile):
    other = make_dataset()
    stranger = member_client(other, Role.OWNER)
    for address in ("entry", "edit", "versions", "differences"):
        assert stranger.get(f"/guide/{address}/{meanwhile.pk}/{other.name}/").status_code == 404
