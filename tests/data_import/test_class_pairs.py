"""Class pairs from a file, and into a file that comes in again."""

import pytest

from audit.models import AuditEntry
from catalog.class_pairs.reads import pairs_in
from catalog.models import ClassPair, Dataset
from data_export.reads import exported_files, write_rows
from data_import.class_pairs.actions import withdraw_class_pair
from tests.commands import refusal, said
from tests.factories import make_dataset, make_label_set

pytestmark = pytest.mark.django_db
ROWS = (
    "first,second,kind,narrower,provenance,note\n"
    "3,1,equivalent,,Vasudevan et al. 2022,\n"
    "n00000000,thing 2,confusable,,=a review,hard to tell\n"
    "0,1,subset,1,WordNet,\n"
)


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(name="birds")


def statements(dataset: Dataset) -> list[tuple[object, ...]]:
    rows = pairs_in(dataset.label_set).values_list(
        "first__index", "second__index", "kind", "narrower__index", "provenance", "note"
    )
    return list(rows)


def test_a_file_adds_pairs_once_and_the_export_goes_in_elsewhere(dataset, tmp_path):
    file, out = tmp_path / "pairs.csv", tmp_path / "exported.csv"
    file.write_text(ROWS)
    name = dataset.label_set.name
    assert said("import", "class-pairs", file, "--label-set", name)[0] == (
        "3 class pairs were added; 0 existed already.\n"
    )
    assert said("import", "class-pairs", file, "--label-set", name)[0] == (
        "0 class pairs were added; 3 existed already.\n"
    )
    assert statements(dataset) == [
        (0, 1, "subset", 1, "WordNet", ""),
        (0, 2, "confusable", None, "=a review", "hard to tell"),
        (1, 3, "equivalent", None, "Vasudevan et al. 2022", ""),
    ]
    assert AuditEntry.objects.get(action="class_pairs.import").after == {"pairs": 3}
    with out.open("w") as target:
        assert write_rows(exported_files()["class_pairs"], dataset, "csv", True, target) == 3
    assert "'=a review" in out.read_text(), "no spreadsheet computes it"
    other = make_dataset(name="other birds", n_labels=4)
    said("import", "class-pairs", out, "--label-set", other.label_set.name)
    assert statements(other) == statements(dataset)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("0,9,confusable,,a paper,", "'9' is no class of"),
        ("0,0,confusable,,a paper,", "cannot be paired with itself"),
        ("0,1,rival,,a paper,", "is no kind of pair"),
        ("0,1,confusable,,,", "the provenance is missing"),
        ("0,1,subset,,a paper,", "narrower names the class that is a kind of the other"),
        ("0,1,subset,2,a paper,", "narrower names the class that is a kind of the other"),
        ("0,1,confusable,1,a paper,", "narrower names the class that is a kind of the other"),
        ("1,0,subset,0,WordNet,", "withdraw it first"),
        ("0,1", "the line has 2 cells"),
    ],
)
def test_a_bad_row_is_named_by_line_and_nothing_changes(dataset, tmp_path, row, reason):
    file = tmp_path / "pairs.csv"
    file.write_text(f"{ROWS}{row}\n")
    words = refusal("import", "class-pairs", file, "--label-set", dataset.label_set.name)
    assert "no class pairs were imported" in words and "line 5: " in words and reason in words
    assert not ClassPair.objects.exists()


def test_an_empty_file_and_an_unknown_label_set_are_refused(dataset, tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text("first,second,kind,provenance\n")
    assert "contains no pairs" in refusal("import", "class-pairs", file, "--label-set", dataset.label_set.name)
    assert "no label set named" in refusal("import", "class-pairs", file, "--label-set", "absent")


def test_a_withdrawal_is_recorded(dataset, tmp_path):
    file = tmp_path / "pairs.csv"
    file.write_text(ROWS)
    said("import", "class-pairs", file, "--label-set", make_label_set().name)
    withdraw_class_pair(pair=ClassPair.objects.get(kind="subset"), reason="WordNet says the reverse.")
    entry = AuditEntry.objects.get(action="class_pairs.withdraw")
    assert (entry.before, entry.reason) == ({"pair": "thing 0 – thing 1: subset"}, "WordNet says the reverse.")
