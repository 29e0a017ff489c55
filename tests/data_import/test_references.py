"""Reference pages of a study: imported from a file as a whole, or set for one label."""

from pathlib import Path

import pytest

from audit.models import AuditEntry
from catalog.models import Dataset
from catalog.references.reads import Reference, checked_reference, references_of, study_references
from data_import.references.actions import change_references, import_references
from tests.commands import refusal, said
from tests.factories import make_dataset
from tests.required import require

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(name="birds")


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "pages.csv"


def pages_by_index(dataset: Dataset) -> dict[int, list[str]]:
    labels = list(dataset.label_set.labels.all())
    pages = references_of(dataset, labels)
    return {label.index: [page.url for page in pages[label.pk]] for label in labels if pages[label.pk]}


def test_a_file_sets_the_pages_of_labels_named_by_index_wnid_or_word(dataset, file):
    file.write_text(
        "label,url,title\n0,https://a.example/crane,Cranes\n0,http://b.example/crane,\n"
        "n00000001,https://a.example/1,\nThing 2,https://a.example/2,Two\n"
    )
    out, _ = said("import", "references", file, "--dataset", "birds")
    assert out == "4 reference pages were imported, for 3 labels. Other labels show their default page.\n"
    assert pages_by_index(dataset) == {
        0: ["https://a.example/crane", "http://b.example/crane"],
        1: ["https://a.example/1"],
        2: ["https://a.example/2"],
    }
    words = [page.words for page in study_references(dataset)[dataset.label_set.labels.get(index=0).pk]]
    assert words == ["Cranes", "b.example"]


def test_the_same_file_again_changes_nothing_and_another_replaces_all(dataset, file):
    file.write_text("label,url\n0,https://a.example/0\n1,https://a.example/1\n")
    assert import_references(dataset=dataset, file=file).is_new
    out, _ = said("import", "references", file, "--dataset", "birds")
    assert out == "No change: the study already has these reference pages.\n"
    assert AuditEntry.objects.filter(action="references.import").count() == 1
    file.write_text("label,url\n1,https://b.example/1\n")
    import_references(dataset=dataset, file=file)
    assert pages_by_index(dataset) == {1: ["https://b.example/1"]}
    entry = AuditEntry.objects.filter(action="references.import").latest("pk")
    assert (entry.before, entry.after) == ({"labels": 2, "pages": 2}, {"labels": 1, "pages": 1})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9,https://a.example", "'9' is no class of"),
        (",https://a.example", "'' is no class of"),
        ("1,javascript:alert(1)", "the address must start with http:// or https://"),
        ("1,ftp://a.example/1", "the address must start with http:// or https://"),
        ("1,", "the address must start with http:// or https://"),
        ("1,https://", "is not the address of a web page"),
        ("1,https://a b.example", "is not the address of a web page"),
        ("1,https://rosa:secret@a.example/", "must not contain a name or password"),
        ("1,https://a.example/" + "x" * 500, "more than 500 characters"),
        ("0,https://a.example/0", "“thing 0” has the page https://a.example/0 twice"),
        ("1", "the line has 1 cell"),
    ],
)
def test_a_bad_row_is_named_by_line_and_nothing_changes(dataset, file, row, reason):
    file.write_text(f"label,url\n0,https://a.example/0\n{row}\n")
    message = refusal("import", "references", file, "--dataset", "birds")
    assert "no reference pages were imported.\nline 3: " in message
    assert reason in message
    assert pages_by_index(dataset) == {}
    assert not AuditEntry.objects.filter(action="references.import").exists()


def test_a_label_has_at_most_five_pages(dataset, file):
    file.write_text("label,url\n" + "".join(f"0,https://a.example/{n}\n" for n in range(6)))
    assert "line 7: “thing 0” has more than 5 pages" in refusal("import", "references", file, "--dataset", "birds")


def test_a_file_without_pages_or_with_other_columns_is_refused(dataset, file):
    file.write_text("label,url\n")
    assert "contains no pages" in refusal("import", "references", file, "--dataset", "birds")
    file.write_text("label,page\n0,https://a.example\n")
    assert "no column 'url'" in refusal("import", "references", file, "--dataset", "birds")


def test_the_pages_of_one_study_are_not_those_of_another_on_the_same_labels(dataset):
    other = make_dataset()
    Dataset.objects.filter(pk=other.pk).update(label_set=dataset.label_set)
    label = dataset.label_set.labels.get(index=0)
    change_references(dataset=dataset, label=label, references=[Reference("https://a.example")])
    assert references_of(other, [label]) == {label.pk: []}


def test_a_label_without_pages_of_the_study_shows_its_own_link(dataset):
    label = dataset.label_set.labels.get(index=0)
    label.wikipedia_url = "https://en.wikipedia.org/wiki/Special:Search?search=crane+bird"
    label.save()
    assert [page.words for page in references_of(dataset, [label])[label.pk]] == ["Wikipedia"]
    assert change_references(dataset=dataset, label=label, references=[Reference("https://a.example", "Ours")])
    assert [page.words for page in references_of(dataset, [label])[label.pk]] == ["Ours"]
    assert not change_references(dataset=dataset, label=label, references=[Reference("https://a.example", "Ours")])
    assert change_references(dataset=dataset, label=label, references=[])
    assert [page.words for page in references_of(dataset, [label])[label.pk]] == ["Wikipedia"]
    entries = AuditEntry.objects.filter(action="references.change").order_by("pk")
    assert [require(entry.after)["pages"] for entry in entries] == [["https://a.example Ours"], []]


def test_a_title_is_one_short_line():
    assert checked_reference("https://a.example", "Ours") == ("https://a.example", "Ours")
    for title in ("x" * 101, "two\nlines"):
        with pytest.raises(ValueError, match="at most 100 characters, on one line"):
            checked_reference("https://a.example", title)
