"""Reading files of votes: what is taken, and the line and reason of what is not."""

import gzip
import re
from functools import partial

import pytest

from classify_task.kind import CLASSIFY as CLASSIFY_KIND
from contains_task.kind import CONTAINS as CONTAINS_KIND
from data_import.votes.files import BadFile, read_votes
from tests.required import require
from tests.votes_files import CLASSIFY, CONTAINS, FURTHER, LABELS, THREE_ANSWERS, with_label

read_classify = partial(read_votes, require(CLASSIFY_KIND.replay))
read_contains = partial(read_votes, require(CONTAINS_KIND.replay))


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ("a,1,0,1,1\na,1,0,1,1\n", 3, "the same image and annotator as in line 2"),
        ("a,1,0,1,1\na,2,1,1,1\n", 3, "dataset_label is 2, but 1 in line 2"),
        ("a,1,0,2,1\n", 2, "main is 2. It must be one of the selected labels: 1"),
        ("a,1,0,1,1 3 1\n", 2, "selected has a label twice"),
        ("a,1,0,1,\n", 2, "selected is empty"),
        ("a,1,0,1,1 20\n", 2, "selected is “20”. It must be a class index"),
        ("a,20,0,1,1\n", 2, "dataset_label is “20”. It must be a class index"),
        ("a,1,0,-1,1\n", 2, "main is “-1”"),
        ("a,1,0,1.0,1\n", 2, "main is “1.0”"),
        ("a,1,x,1,1\n", 2, "annotator is “x”. It must be a whole number"),
        ("a,1,²,1,1\n", 2, "annotator is “²”. It must be a whole number"),
        (",1,0,1,1\n", 2, "image: a name has 1 to 500 characters"),
        ("a\0,1,0,1,1\n", 2, "a cell contains control characters"),
        (f"{'a' * 501},1,0,1,1\n", 2, "image: a name has 1 to 500 characters"),
        ("a,1,0,1\n", 2, "4 cells, but the header names 5 columns"),
        ("a,1,0,1,1,9\n", 2, "6 cells, but the header names 5 columns"),
        ("a,1,0,1,1 2 3 4 5 6 7\na,1,1,8,8 9 10 11 12 13\n", 3, "more than 12 labels"),
        ("a,19,0,1,1 2 3 4 5 6 7 8 9 10 11 12\n", 2, "more than 12 labels"),
    ],
)
def test_a_bad_classify_row_is_named_with_line_and_reason(file, rows, line, reason):
    with pytest.raises(BadFile, match=f"line {line}: ") as caught:
        read_classify(file(CLASSIFY + rows), LABELS)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ("a,1,r,perhaps\n", 2, "answer is “perhaps”. It must be one of: yes, maybe, no"),
        ("a,1,r,yes\nb,1,r,yes\na,1,r,no\n", 4, "the same image, label and rater as in line 2"),
        ("a,99,r,yes\n", 2, "label is “99”"),
        ("a,1,,yes\n", 2, "rater is “”"),
        ("a,1,r\x1b,yes\n", 2, "a cell contains control characters"),
    ],
)
def test_a_bad_contains_row_is_named_with_line_and_reason(file, rows, line, reason):
    with pytest.raises(BadFile, match=f"line {line}: ") as caught:
        read_contains(file(CONTAINS + rows), LABELS)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("w,padding,confirmed,,1", "role is “padding”. It must be one of: control, question, repeat"),
        ("w,question,lost,,1", "state is “lost”"),
        ("w,question,confirmed,yesterday,1", "submitted_at is “yesterday”"),
        ("w,question,confirmed,2020-01-01T10:00:00,1", "without its offset from UTC"),
        (",question,confirmed,,1", "worker is “”"),
    ],
)
def test_a_bad_further_cell_is_named(file, cells, reason):
    text = CLASSIFY.rstrip() + FURTHER + f"a,1,0,1,1,{cells}\n"
    with pytest.raises(BadFile) as caught:
        read_classify(file(text), LABELS)
    assert "line 2: " in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "votes.csv", "the file is empty"),
        (b"image,label,rater\n", "votes.csv", "the header lacks answer"),
        (b'{"image": "a", "label": 1, "rater": "r"}\n', "votes.csv", "JSON lines are not supported. Export as csv"),
        (b'{"image": "a", "label": 1, "rater": "r"}\n', "votes.jsonl", "JSON lines are not supported. Export as csv"),
        (gzip.compress(b"{}", mtime=0), "votes.jsonl.gz", "JSON lines are not supported. Export as csv"),
        (b"image,label,rater,answer,wroker\n", "votes.csv", "unknown column “wroker”"),
        (b"image,label,rater,answer,label\n", "votes.csv", "names a column twice"),
        (CONTAINS.encode() + b"a\xff,1,r,yes\n", "votes.csv", "not UTF-8"),
        (CONTAINS.encode() + b'"a,1,r,yes\n', "votes.csv", "not CSV"),
        (b"not gzipped", "votes.csv.gz", "cannot be read"),
        (gzip.compress(CONTAINS.encode(), mtime=0)[:-9], "votes.csv.gz", "cannot be read"),
        (gzip.compress(CONTAINS.encode(), mtime=0)[:10] + b"\xff" * 20, "votes.csv.gz", "cannot be read"),
    ],
)
def test_a_file_that_is_not_one_is_refused_with_the_reason(file, content, name, reason):
    with pytest.raises(BadFile) as refused:
        read_contains(file(content, name), LABELS)
    assert re.search(reason, refused.value.for_shell)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadFile, match="There is no file .*missing.csv"):
        read_contains(tmp_path / "missing.csv", LABELS)


def test_a_gzipped_file_with_other_line_ends_and_a_byte_order_mark_reads_the_same(file):
    plain = read_classify(file(THREE_ANSWERS), LABELS)
    odd = gzip.compress(b"\xef\xbb\xbf" + THREE_ANSWERS.replace("\n", "\r\n").encode())
    assert read_classify(file(odd, "votes.csv.gz"), LABELS) == plain


def test_maybe_is_an_answer_and_a_guarded_name_loses_its_apostrophe(file):
    answers = read_contains(file(CONTAINS + "'=a,1,r,yes\n'tis,1,r,no\n''-b,1,r,maybe\n"), LABELS)
    assert [(answer.origin.image, answer.answer) for answer in answers] == [
        ("=a", "yes"),
        ("'tis", "no"),
        ("'-b", "maybe"),
    ]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("a,1,r,yes,1,1\na,2,r,yes,2,1\n", "line 3: dataset_label is 2, but 1 in line 2"),
        ("a,1,r,yes,1,1\na,2,r,yes,,1\n", "line 3: dataset_label is empty, but 1 in line 2"),
        ("a,1,r,yes,99,1\n", "line 2: dataset_label is “99”"),
    ],
)
def test_a_dataset_label_of_contains_votes_that_cannot_be_is_refused_by_line(file, rows, reason):
    with pytest.raises(BadFile, match=reason):
        read_contains(file(with_label(rows)), LABELS)


def test_the_same_person_twice_in_a_hit_of_the_file_needs_another_time(file):
    rows = "a,1,0,1,1,ann,question,confirmed,,1\na,1,1,1,1,ann,repeat,confirmed,,1\n"
    with pytest.raises(BadFile, match="line 3: the same image and worker as in line 2"):
        read_classify(file(CLASSIFY.rstrip() + FURTHER + rows), LABELS)
