"""The page Labels: who sees and changes the pages that explain labels to workers."""

import html

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.models import AuditEntry
from catalog.models import Dataset
from catalog.references.reads import study_references
from tests.factories import make_dataset, make_form, staff_client, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=60)


def text_of(response) -> str:
    return html.unescape(response.content.decode())


def test_labels_are_listed_page_by_page_and_found_by_word_or_index(dataset):
    client = staff_client()
    address = f"/setup/labels/{dataset.name}/"
    first = text_of(client.get(address))
    assert "thing 49" in first and "thing 50" not in first
    assert "thing 59" in text_of(client.get(address, {"page": 2}))
    found = text_of(client.get(address, {"search": "THING 57"}))
    assert "thing 57" in found and "thing 5<" not in found
    assert "a thing numbered 58" in text_of(client.get(address, {"search": "58"}))
    assert "No label matches." in text_of(client.get(address, {"search": "<b>"}))
    assert client.get(address, {"search": "9" * 400}).status_code == 200


def test_the_pages_of_a_label_are_changed_and_workers_see_them(dataset):
    form = make_form(labels=(0, 1))
    study = form.image.dataset
    client = staff_client()
    address = f"/setup/label/1/{study.name}/"
    sent = {"pages": "https://birds.example/crane The crane\r\nhttp://b.example\r\n"}
    page = client.post(address, sent, follow=True)
    assert "Pages of “thing 1” saved." in text_of(page)
    assert "https://birds.example/crane The crane\nhttp://b.example" in text_of(client.get(address))
    assert AuditEntry.objects.get(action="references.change").actor != ""
    work = start(form.hit.batch, "ann", follow=True).content.decode()
    assert 'href="https://birds.example/crane" target="_blank" rel="noopener noreferrer"' in work
    assert 'aria-label="thing 1: The crane (new tab)"' in work
    assert 'href="http://b.example"' in work


@pytest.mark.parametrize("line", ["javascript:alert(1)", "https://a.example\nhttps://a.example", "birds"])
def test_a_bad_page_is_refused_and_nothing_changes(dataset, line):
    response = staff_client().post(f"/setup/label/0/{dataset.name}/", {"pages": line})
    assert response.status_code == 422
    assert study_references(dataset) == {}


def test_a_file_is_imported_and_a_bad_one_refused(dataset):
    client = staff_client()
    address = f"/setup/labels/{dataset.name}/"
    file = SimpleUploadedFile("pages.csv", b"label,url\n0,https://a.example\n", content_type="text/csv")
    assert "1 reference page was imported" in text_of(client.post(address, {"file": file}, follow=True))
    bad = SimpleUploadedFile("pages.csv", b"label,url\n77,https://a.example\n", content_type="text/csv")
    response = client.post(address, {"file": bad})
    assert response.status_code == 422
    assert "line 2: '77' is no class of" in text_of(response)
    assert len(study_references(dataset)) == 1


def test_a_label_that_the_study_lacks_has_no_page(dataset):
    assert staff_client().get(f"/setup/label/60/{dataset.name}/").status_code == 404
