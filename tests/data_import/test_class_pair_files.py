"""Files of class pairs as people have them: odd bytes, columns in any order, and any registry out and in again."""

import csv
import io
import random
from pathlib import Path

import pytest

from audit.models import AuditEntry
from catalog.class_pairs.actions import BadPair
from catalog.class_pairs.reads import class_pair_row, class_pairs_of
from catalog.errors import UserError
from catalog.models import ClassPair, Dataset, PairKind
from csv_files.tables import BadTable
from data_export.reads import exported_files, write_rows
from data_import.class_pairs.actions import (
    ImportedPairs,
    import_class_pairs,
    imported_pairs_message,
    withdraw_class_pair,
)
from tests.catalog.guide.guide_texts import ODD_TEXTS, pair_of
from tests.chance import seeds
from tests.factories import make_account, make_dataset

pytestmark = pytest.mark.django_db
HEADER = "first,second,kind,narrower,provenance,note\n"
LINE = "0,1,confusable,,a paper,\n"


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=6)


def bring_in(dataset: Dataset, file: Path) -> ImportedPairs:
    return import_class_pairs(label_set=dataset.label_set, file=file)


def rows_of(dataset: Dataset) -> list[dict[str, object]]:
    return [class_pair_row(pair) for pair in class_pairs_of(dataset)]


def exported(dataset: Dataset, names: bool) -> str:
    target = io.StringIO()
    write_rows(exported_files()["class_pairs"], dataset, "csv", names, target)
    return target.getvalue()


# Any registry and back


@pytest.mark.parametrize("seed", seeds(6))
def test_any_registry_goes_out_and_comes_in_elsewhere_the_same(dataset, file, seed):
    chance = random.Random(seed)
    for _ in range(15):
        first, second = chance.sample(range(6), 2)
        try:
            pair_of(dataset, first, second, chance.choice(PairKind.values), chance.choice(ODD_TEXTS))
        except BadPair:
            continue
    withdraw_class_pair(pair=class_pairs_of(dataset)[0], reason="")
    other = make_dataset(n_labels=6)
    written = file(exported(dataset, names=chance.random() < 0.5), "pairs.csv")
    n_pairs = len(rows_of(dataset))
    assert bring_in(other, written) == (n_pairs, 0)
    assert rows_of(other) == rows_of(dataset)
    assert bring_in(other, written) == (0, n_pairs)
    assert exported(other, names=True) == exported(dataset, names=True)


def test_a_cell_that_a_spreadsheet_would_compute_is_guarded_and_comes_back(dataset, file):
    for number, text in enumerate(("=1+1", "+1", "-1", "@x", "'=1", "it's", "'quoted'")):
        pair_of(dataset, 0, 1, source=f"{text} {number}")
    cells = [row["provenance"] for row in csv.DictReader(io.StringIO(exported(dataset, names=False)))]
    assert not [cell for cell in cells if cell[0] in "=+-@"]
    other = make_dataset(n_labels=6)
    bring_in(other, file(exported(dataset, names=False)))
    assert rows_of(other) == rows_of(dataset)


# Files as people have them


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{HEADER}{LINE}",
        f"{HEADER}{LINE}".replace("\n", "\r\n"),
        f"{HEADER}{LINE}".rstrip("\n"),
        f"{HEADER}\n\n{LINE}\n",
        " first , second ,kind,narrower,provenance,note\n 1 , 0 , confusable , , a paper , \n",
        "note,provenance,narrower,kind,second,first\n,a paper,,confusable,1,0\n",
        "first,second,kind,provenance\n0,1,confusable,a paper\n",
        f'{HEADER}"n00000000","THING 1","confusable","","a paper",""\n',
        f"{HEADER}000,thing 1,confusable,,a paper,\n{LINE}{LINE}",
        "first,first_words,second,second_wnid,kind,provenance\n0,what people read,1,n00000001,confusable,a paper\n",
    ],
)
def test_a_table_is_read_whatever_made_it(dataset, file, content):
    assert bring_in(dataset, file(content)).n_new == 1
    expected = {"first": 0, "second": 1, "kind": "confusable", "narrower": None, "provenance": "a paper", "note": ""}
    assert rows_of(dataset) == [expected]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "has no column 'first' in its first line"),
        ("first,second,kind\n", "has no column 'provenance' in its first line"),
        (f"first,second,kind,provenance,sauce\n{LINE}", "has an unknown column 'sauce': remove it"),
        (f"first,first,second,kind,provenance\n{LINE}", "has a column twice in its first line"),
        (HEADER, "contains no pairs: write a line for each"),
        (f'{HEADER}"0,1,confusable,,a paper,\n', "Correct the quotes in that line"),
        (b"first,second,kind,provenance\n0,1,confusable,Andr\xe9\n", "is not UTF-8 text"),
        (b"\xff\xfef\x00i\x00", "is not UTF-8 text"),
        (f"{HEADER}0,1,confusable,,a\x00paper,\n", "contain"),
    ],
)
def test_what_is_no_table_is_refused_as_a_whole(dataset, file, content, reason):
    with pytest.raises(UserError, match=reason) as refused:
        bring_in(dataset, file(content, "my pairs.csv"))
    assert "my pairs.csv" in str(refused.value)
    assert not ClassPair.objects.exists() and not AuditEntry.objects.filter(action="class_pairs.import").exists()


def test_a_missing_file_and_a_folder_are_named(dataset, tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(BadTable, match="cannot be read"):
            bring_in(dataset, path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",1,confusable,,a paper,", "'' is no class of"),
        ("0,1,Confusable,,a paper,", "“Confusable” is no kind of pair: write equivalent, confusable, subset"),
        ("0,1,,,a paper,", "“” is no kind of pair"),
        ("0,1,subset,5,a paper,", "narrower names the class"),
        ("0,1,equivalent,0,a paper,", "narrower names the class"),
        ("0,1,subset,absent,a paper,", "'absent' is no class of"),
        ("-1,1,confusable,,a paper,", "'-1' is no class of"),
        ("1e0,1,confusable,,a paper,", "'1e0' is no class of"),
        ("٣,1,confusable,,a paper,", "is no class of"),
        (f"0,1,confusable,,{'x' * 301},", "at most 300 characters"),
        (f"0,1,confusable,,a paper,{'x' * 501}", "at most 500 characters"),
        ('0,1,confusable,,"two\nlines",', "on one line each"),
        ("n00000001,1,confusable,,a paper,", "“thing 1” cannot be paired with itself"),
        ("0,1,confusable,,a paper,,", "the line has 7 cells, but the first line has 6"),
    ],
)
def test_a_bad_line_stops_all_and_is_named(dataset, file, line, reason):
    with pytest.raises(UserError) as refused:
        bring_in(dataset, file(f"{HEADER}2,3,equivalent,,a paper,\n{line}\n4,5,equivalent,,a paper,\n"))
    words = str(refused.value)
    assert "no class pairs were imported" in words and "line 3: " in words and reason in words
    assert "line 2" not in words and "line 4" not in words and "line 5" not in words
    assert not ClassPair.objects.exists()


def test_of_many_bad_lines_the_first_are_shown_and_the_others_counted(dataset, file):
    with pytest.raises(UserError) as refused:
        bring_in(dataset, file(HEADER + "9,1,confusable,,a paper,\n" * 25))
    words = str(refused.value)
    assert "line 2: " in words and "line 21: " in words and "line 22: " not in words and "and 5 more" in words


def test_a_word_of_two_classes_asks_for_an_index(dataset, file):
    dataset.label_set.labels.filter(index__in=(2, 3)).update(words="crane")
    with pytest.raises(UserError, match="is a word of several classes of .*: write the index, 2, 3"):
        bring_in(dataset, file(f"{HEADER}Crane,1,confusable,,a paper,\n"))


# Directions, messages, and the record


@pytest.mark.parametrize(("narrower", "seen"), [("0", 0), ("thing 1", 1), ("n00000001", 1)])
def test_the_direction_of_a_subset_is_that_of_its_cell(dataset, file, narrower, seen):
    bring_in(dataset, file(f"{HEADER}0,1,subset,{narrower},WordNet,\n"))
    bring_in(dataset, file(f"{HEADER}1,0,subset,{narrower},WordNet,\n"))
    assert [row["narrower"] for row in rows_of(dataset)] == [seen]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ((0, 0), "0 class pairs were added; 0 existed already."),
        ((1, 0), "1 class pair was added; 0 existed already."),
        ((2, 1), "2 class pairs were added; 1 existed already."),
        ((12_345, 6_789), "12,345 class pairs were added; 6,789 existed already."),
    ],
)
def test_the_outcome_is_said_in_words(outcome, words):
    assert imported_pairs_message(ImportedPairs(*outcome)) == words


def test_what_changes_nothing_leaves_no_line_in_the_record(dataset, file):
    for _ in range(2):
        bring_in(dataset, file(f"{HEADER}{LINE}"))
    assert AuditEntry.objects.filter(action="class_pairs.import").count() == 1
    pair = ClassPair.objects.get()
    for reason in ("Not so.", "Again."):
        withdraw_class_pair(pair=pair, reason=reason)
    assert [entry.reason for entry in AuditEntry.objects.filter(action="class_pairs.withdraw")] == ["Not so."]
    assert bring_in(dataset, file(f"{HEADER}{LINE}")) == (1, 0), "a withdrawn statement may be made anew"


def test_a_person_who_imports_stands_at_the_pairs(dataset, file):
    person = make_account()
    import_class_pairs(label_set=dataset.label_set, file=file(f"{HEADER}{LINE}"), added_by=person)
    assert ClassPair.objects.get().added_by == person
    bring_in(dataset, file(f"{HEADER}{LINE}"))
    assert ClassPair.objects.get().added_by == person, "the first one stays"
