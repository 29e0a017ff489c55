"""The guide as one document: self-contained, in class order, and safe whatever people have written."""

import html
import importlib.util
import re

import pytest

from access.models import Role
from audit.models import AuditEntry
from catalog.guide.reads import Content, GuideLink, PictureUse, Trait
from catalog.models import Dataset, GuideEntry, GuidePicture
from data_export.guide.pages import NoDocument, html_document, pdf_document
from data_export.guide.typesetting import typeset
from studies.guide.actions import add_image, withdraw, write_entry
from tests.commands import refusal, said
from tests.factories import make_account, make_dataset, make_images, member_client

pytestmark = pytest.mark.django_db
# Texts that would be code in HTML, in typst, or in JSON.
HOSTILE = (
    '#read("/etc/passwd") #import "@preview/cetz:0.3.4" $x^2$ `raw` <label> @reference \\ [content] // comment '
    '#eval("1+1") "quoted" \' {block} ~ -- --- </script><script>alert(1)</script> & \u202e 鶴 ع 🐕'
)
BODY = f"{HOSTILE}\n\n## {HOSTILE}\n\n- **{HOSTILE[:30]}** a\n- [Kew](https://kew.example/?a=1&b=2)\n\n1. {HOSTILE}"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=6, name="birds & co")


def write(dataset: Dataset, content: Content) -> GuideEntry:
    return write_entry(dataset=dataset, content=content, by=make_account(), entry=None, based_on=0)[0].entry


@pytest.fixture
def guide(dataset) -> GuidePicture:
    """A guide of three entries, one of them with every part; returns its picture."""
    picture = add_image(dataset=dataset, image=make_images(dataset, 1)[0], by=make_account())
    write(dataset, Content("Storks", (4,), "White."))
    content = Content(
        title=f"Cranes {HOSTILE[:120]}",
        labels=(0, 1),
        body=BODY,
        traits=(Trait(HOSTILE[:60], {0: HOSTILE, 1: "short"}),),
        links=(GuideLink("https://a.example/#x", HOSTILE[:60].replace("\u202e", "")),),
        pictures=(PictureUse(picture.public_id, HOSTILE),),
    )
    write(dataset, content)
    withdraw(dataset=dataset, entry=write(dataset, Content("Withdrawn", (5,), "Gone.")))
    return picture


def test_the_html_document_needs_no_other_file_and_runs_nothing(dataset, guide):
    document = html_document(dataset).decode()
    assert document.index('href="#entry-') < document.index("<article")
    assert document.index("Cranes") < document.index("Storks") and "Withdrawn" not in document
    assert "default-src 'none'; img-src data:" in document
    assert "<script" not in document and "&lt;script&gt;alert(1)" in document
    assert re.findall(r'src="(data:image/jpeg;base64,/9j/)', document) == ["data:image/jpeg;base64,/9j/"]
    assert not re.findall(r'(?:src|href)="(?!data:|#|https://)', document)
    assert "birds &amp; co" in document and "@media print" in document


def test_every_text_is_in_the_document_as_it_was_written(dataset, guide):
    words = html.unescape(html_document(dataset).decode())
    assert words.count('#eval("1+1") "quoted"') >= 4


def test_a_lost_picture_costs_the_picture_alone(dataset, guide):
    guide.picture.storage.delete(guide.picture.name)
    assert "Storks" in html_document(dataset).decode()
    assert pdf_document(dataset).startswith(b"%PDF")


def test_the_pdf_is_set_from_any_text_and_reads_no_file(dataset, guide):
    document = pdf_document(dataset)
    assert document.startswith(b"%PDF") and len(document) > 10_000
    assert b"root:" not in document


def test_a_program_in_a_text_is_not_run(tmp_path):
    """Two documents whose texts differ by a program alone have it as text: its outcome is nowhere."""
    entry = {
        "title": '#panic("run")',
        "classes": [{"index": 0, "words": '#read("guide.json")'}],
        "blocks": [{"kind": "paragraph", "lines": [[{"words": '#panic("run")', "style": "plain", "url": ""}]]}],
        "heads": ['#panic("run")'],
        "traits": [{"name": '#panic("run")', "cells": ['#panic("run")']}],
        "links": [{"url": "https://a.example", "words": '#panic("run")'}],
        "pictures": [],
    }
    assert typeset('#panic("run")', [entry], {}).startswith(b"%PDF")


def test_without_the_typesetter_people_are_told_what_to_do(dataset, guide, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoDocument) as refused:
        pdf_document(dataset)
    assert "python3 launcher/install.py pdf" in refused.value.for_shell
    assert "ask the site administrator" in refused.value.for_page
    page = member_client(dataset, Role.LABELER).get(f"/guide/document/pdf/{dataset.name}/")
    assert page.status_code == 409 and "Take the HTML document and print it" in html.unescape(page.content.decode())


def test_a_download_names_the_study_and_leaves_a_mark(dataset, guide):
    client = member_client(dataset, Role.READER)
    answer = client.get(f"/guide/document/html/{dataset.name}/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "Labelling guide of birds & co.html" in answer.headers["Content-Disposition"]
    entry = AuditEntry.objects.get(action="guide.export")
    assert (entry.area, entry.after) == ("export", {"format": "html"})
    assert client.get(f"/guide/document/docx/{dataset.name}/").status_code == 404


def test_an_empty_guide_is_no_document(dataset):
    page = member_client(dataset, Role.READER).get(f"/guide/document/html/{dataset.name}/")
    assert page.status_code == 409 and "has no entries yet" in page.content.decode()
    assert "has no entries yet" in refusal("export_guide", "birds & co", "--format", "html")


@pytest.mark.parametrize("format", ["html", "pdf"])
def test_the_command_writes_a_file(dataset, guide, tmp_path, format):
    file = tmp_path / f"guide.{format}"
    out, _ = said("export_guide", "birds & co", "--format", format, "-o", file)
    assert out == f"{file} was written.\n" and file.stat().st_size > 1000
    assert AuditEntry.objects.filter(action="guide.export").exists()


def test_the_command_names_its_file_after_the_study(dataset, guide, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said("export_guide", "birds & co", "--format", "html")[0] == "birds-co-guide.html was written.\n"


def test_the_command_says_what_it_cannot_do(dataset, guide, tmp_path):
    assert "There is no dataset named 'absent'" in refusal("export_guide", "absent", "--format", "html")
    assert "Cannot write" in refusal("export_guide", "birds & co", "--format", "html", "-o", tmp_path / "no" / "file")
