"""The parser of data.noun: on lines of ours in its format, and on WordNet 3.0 where it is installed."""

import gzip
import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.label_data import DATA, HIERARCHY_FILE, encode_hierarchy, imagenet_classes
from catalog.wordnet import WordNetError, definition, hypernym_closure, parse_synset, read_synsets

DATA_NOUN = Path("/usr/share/wordnet/data.noun")
needs_wordnet = pytest.mark.skipif(not DATA_NOUN.exists(), reason=f"{DATA_NOUN} (Debian: wordnet-base) is absent")

HEAD = "  1 Terms of use.  \n  2 WordNet 3.0 Copyright 2006 by somebody.  \n"
ROOT = '00000100 03 n 01 something 0 001 ~ 00000200 n 0000 | whatever there is; "something is there"  \n'
VESSEL = "00000200 06 n 02 vessel 0 water_craft 1 001 @ 00000100 n 0000 | what floats and carries  \n"
FERRY = "00000300 06 n 01 ferry 0 003 @ 00000200 n 0000 + 00000900 v 0101 ~i 00000400 n 0000 | a ship to cross by\n"
NAMED_FERRY = "00000400 06 n 01 Old_Ferry 0 002 @i 00000300 n 0000 %p 00000200 n 0000 | one ferry that has a name  \n"
LINES = [*HEAD.splitlines(keepends=True), ROOT, VESSEL, FERRY, NAMED_FERRY]


def test_a_line_gives_wnid_word_forms_definition_and_hypernyms():
    synset = parse_synset(VESSEL)
    assert synset.wnid == "n00000200"
    assert synset.lemmas == ("vessel", "water craft")
    assert synset.gloss == "what floats and carries"
    assert synset.hypernyms == ("n00000100",)


def test_only_hypernym_pointers_are_followed_and_those_of_instances_are_among_them():
    assert parse_synset(FERRY).hypernyms == ("n00000200",)
    assert parse_synset(NAMED_FERRY).hypernyms == ("n00000300",)


def test_the_number_of_words_is_hexadecimal():
    words = " ".join(f"word{i} 0" for i in range(12))
    assert len(parse_synset(f"00000500 06 n 0c {words} 001 @ 00000100 n 0000 | many names\n").lemmas) == 12


@pytest.mark.parametrize(
    ("gloss", "expected"),
    [
        ("a thing", "a thing"),
        ('a thing; or another; "use it"; "use it again"', "a thing; or another"),
        ('a thing;"use it"', "a thing"),
        ('praise as in "well done"; "well done, they said"', 'praise as in "well done"'),
        ('a call: "here"  \n', 'a call: "here"'),
    ],
)
def test_the_definition_ends_before_the_first_quoted_example(gloss, expected):
    assert definition(gloss) == expected


def test_the_closure_holds_each_synset_on_the_way_up_once_in_order():
    closure = hypernym_closure(read_synsets(LINES), ["n00000400", "n00000300"])
    assert [synset.wnid for synset in closure] == ["n00000100", "n00000200", "n00000300", "n00000400"]


def test_the_closure_leaves_out_what_lies_below():
    closure = hypernym_closure(read_synsets(LINES), ["n00000200"])
    assert [synset.wnid for synset in closure] == ["n00000100", "n00000200"]


def test_wnids_that_are_not_there_are_named():
    with pytest.raises(WordNetError, match=r"n00000777, n00000888"):
        hypernym_closure(read_synsets(LINES), ["n00000888", "n00000100", "n00000777"])


def test_many_missing_wnids_are_counted_instead_of_listed():
    with pytest.raises(WordNetError, match=r"n00000905 and 4 more"):
        hypernym_closure(read_synsets(LINES), [f"n{number:08}" for number in range(901, 910)])


def test_a_missing_hypernym_is_named_too():
    with pytest.raises(WordNetError, match="n00000200"):
        hypernym_closure(read_synsets([*LINES[:3], FERRY]), ["n00000300"])


def test_another_wordnet_version_is_refused_by_name():
    with pytest.raises(WordNetError, match=r"this is WordNet 3\.1.*3\.0.*wordnet-base"):
        read_synsets([line.replace("3.0", "3.1") for line in LINES])


@pytest.mark.parametrize("lines", [[], LINES[2:], ["wnid,words\n"]])
def test_a_file_without_the_notice_is_not_data_noun(lines):
    with pytest.raises(WordNetError, match="no WordNet copyright notice"):
        read_synsets(lines)


@pytest.mark.parametrize(
    "bad",
    [
        "\n",
        "00000300 06 n\n",
        VESSEL.replace(" | ", " "),
        VESSEL.replace(" n 02 ", " v 02 "),
        VESSEL.replace(" n 02 ", " n 03 "),
        VESSEL.replace(" 001 @", " 002 @"),
        VESSEL.replace("00000200", "200"),
    ],
)
def test_a_line_out_of_format_is_named_by_its_number(bad):
    with pytest.raises(WordNetError, match="line 4 "):
        read_synsets([*LINES[:3], bad])


def test_the_same_synsets_give_the_same_bytes_without_a_time_or_name_in_the_head():
    synsets = hypernym_closure(read_synsets(LINES), ["n00000400"])
    packed = encode_hierarchy(synsets)
    assert packed == encode_hierarchy(synsets)
    assert packed[3:8] == bytes(5)  # flags (no file name) and the four bytes of the time
    first = json.loads(gzip.decompress(packed))["synsets"][0]
    assert first == {"wnid": "n00000100", "words": "something", "gloss": "whatever there is", "hypernyms": []}


def write_classes_as_data_noun(path, version="3.0", wnids=None):
    """A data.noun of ours in which every ImageNet class stands right under the root."""
    wnids = [wnid for wnid, _ in imagenet_classes()] if wnids is None else wnids
    rows = [f"{wnid[1:]} 06 n 01 word_{wnid} 0 001 @ 00001740 n 0000 | what {wnid} is  \n" for wnid in wnids]
    root = "00001740 03 n 01 root 0 000 | all there is  \n"
    path.write_text(HEAD.replace("3.0", version) + root + "".join(rows))
    return path


def test_the_command_writes_the_hierarchy_and_a_second_run_the_same_bytes(tmp_path):
    source, output, out = (
        write_classes_as_data_noun(tmp_path / "data.noun"),
        tmp_path / "h.json.gz",
        StringIO(),
    )
    call_command("build_hierarchy", source, "--output", output, stdout=out)
    first = output.read_bytes()
    call_command("build_hierarchy", source, "--output", output, stdout=out)
    assert output.read_bytes() == first
    assert "1,001 synsets" in out.getvalue()
    assert len(json.loads(gzip.decompress(first))["synsets"]) == 1001
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.noun", "h.json.gz"]


def test_the_command_names_a_class_that_the_file_lacks_and_leaves_the_old_output(tmp_path):
    wnids = [wnid for wnid, _ in imagenet_classes() if wnid != "n02123045"]
    source, output = write_classes_as_data_noun(tmp_path / "data.noun", wnids=wnids), tmp_path / "h.json.gz"
    output.write_bytes(b"old")
    with pytest.raises(CommandError, match="n02123045"):
        call_command("build_hierarchy", source, "--output", output)
    assert output.read_bytes() == b"old"


def test_the_command_refuses_another_version_a_missing_file_and_what_is_not_text(tmp_path):
    other = write_classes_as_data_noun(tmp_path / "data.noun", version="3.1")
    packed = tmp_path / "data.noun.gz"
    packed.write_bytes(gzip.compress(other.read_bytes()))
    for source, reason in [
        (other, r"this is WordNet 3\.1"),
        (tmp_path / "nowhere", ".*nowhere cannot be read: No such file"),
        (tmp_path, " cannot be read: Is a directory"),
        (packed, "is not text"),
    ]:
        with pytest.raises(CommandError, match=reason):
            call_command("build_hierarchy", source, "--output", tmp_path / "h.json.gz")
    assert not (tmp_path / "h.json.gz").exists()


def test_the_command_says_where_it_cannot_write(tmp_path):
    source = write_classes_as_data_noun(tmp_path / "data.noun")
    with pytest.raises(CommandError, match="no/such/h.json.gz cannot be written.*--output"):
        call_command("build_hierarchy", source, "--output", tmp_path / "no/such/h.json.gz")


@needs_wordnet
def test_wordnet_gives_the_committed_hierarchy(tmp_path):
    call_command("build_hierarchy", DATA_NOUN, "--output", tmp_path / "h.json.gz", stdout=StringIO())
    # Compared unpacked: another compression library may pack the same content differently.
    rebuilt, committed = (gzip.decompress(path.read_bytes()) for path in (tmp_path / "h.json.gz", HIERARCHY_FILE))
    assert rebuilt == committed


@needs_wordnet
def test_the_licence_file_is_the_notice_at_the_head_of_wordnet():
    with DATA_NOUN.open() as lines:
        head = [re.sub(r"^ +\d+", "", next(lines)).strip() for _ in range(29)]
    assert (DATA / "WORDNET_LICENSE").read_text().split() == " ".join(head).split()
