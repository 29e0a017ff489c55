"""The committed label data: what must hold of the 1,000 classes and the synsets above them."""

import csv
import dataclasses
import gzip
import json
import re
import time
from collections import Counter, deque
from pathlib import Path
from statistics import mean
from urllib.parse import parse_qs, urlsplit

import pytest

from catalog import label_data
from catalog.label_data import DATA, HIERARCHY_FILE, LabelDataError, SynsetRecord

ROOT_WNID = "n00001740"
RELEASED = Path(__file__).parents[3] / "shared" / "released" / "imagenet_classes.csv"
SIZES = {
    "Dogs": 130,
    "Other mammals": 88,
    "Birds": 59,
    "Reptiles, fish, amphibians": 60,
    "Invertebrates": 61,
    "Food, plants, fungi": 63,
    "Devices": 172,
    "Structures, furnishing": 90,
    "Clothes, covering": 92,
    "Implements, containers, misc. objects": 117,
    "Vehicles": 68,
}


@pytest.fixture(scope="module")
def labels():
    return label_data.imagenet_labels()


@pytest.fixture(scope="module")
def synsets():
    return {synset.wnid: synset for synset in label_data.hierarchy()}


def steps_to_root(wnid, synsets):
    """The fewest hypernym steps up to `entity`, or None."""
    seen, waiting = {wnid}, deque([(wnid, 0)])
    while waiting:
        current, steps = waiting.popleft()
        if current == ROOT_WNID:
            return steps
        for above in synsets[current].hypernyms:
            if above not in seen:
                seen.add(above)
                waiting.append((above, steps + 1))
    return None


def wnids_above(wnid, synsets):
    above = set()
    waiting = [wnid]
    while waiting:
        for hypernym in synsets[waiting.pop()].hypernyms:
            if hypernym not in above:
                above.add(hypernym)
                waiting.append(hypernym)
    return above


def test_there_are_1000_labels_in_index_order_named_by_distinct_wnids_in_order(labels):
    assert [label.index for label in labels] == list(range(1000))
    wnids = [label.wnid for label in labels]
    assert len(set(wnids)) == 1000
    assert wnids == sorted(wnids)


def test_the_11_superclasses_have_the_sizes_of_the_paper(labels):
    assert Counter(label.superclass for label in labels) == SIZES


def test_every_label_has_words_a_definition_and_a_link(labels):
    for label in labels:
        assert label.words.strip() == label.words != ""
        assert label.gloss.strip() == label.gloss != ""
        assert label.wikipedia_url.startswith("https://en.wikipedia.org/wiki/Special:Search?search=")
        assert len(label.wikipedia_url) < 500


def test_there_are_1860_synsets_all_of_whose_hypernyms_are_there(synsets):
    assert len(synsets) == len(label_data.hierarchy()) == 1860
    assert {above for synset in synsets.values() for above in synset.hypernyms} <= set(synsets)


def test_entity_is_the_only_root(synsets):
    assert [wnid for wnid, synset in synsets.items() if not synset.hypernyms] == [ROOT_WNID]
    assert synsets[ROOT_WNID].words == "entity"


def test_no_synset_lies_above_itself(synsets):
    assert [wnid for wnid in synsets if wnid in wnids_above(wnid, synsets)] == []


def test_nothing_is_there_but_the_labels_and_what_lies_above_them(labels, synsets):
    wnids = {label.wnid for label in labels}
    assert wnids.union(*(wnids_above(wnid, synsets) for wnid in wnids)) == set(synsets)


def test_every_label_reaches_entity_in_4_to_17_steps(labels, synsets):
    steps = [steps_to_root(label.wnid, synsets) for label in labels]
    assert (min(steps), max(steps)) == (4, 17)
    assert round(mean(steps), 1) == 10.2


def test_a_tabby_is_a_cat_and_a_cat_a_carnivore(labels, synsets):
    tabby = labels[281]
    assert tabby.words == "tabby, tabby cat"
    (domestic_cat,) = synsets[tabby.wnid].hypernyms
    (cat, *_) = synsets[domestic_cat].hypernyms
    assert synsets[domestic_cat].words.startswith("domestic cat")
    assert synsets[cat].words == "cat, true cat"
    assert "carnivore" in {synsets[wnid].words for wnid in wnids_above(cat, synsets)}


def test_examples_of_use_are_not_part_of_a_definition(synsets):
    assert [synset.wnid for synset in synsets.values() if '; "' in synset.gloss] == []
    assert synsets["n00002684"].gloss == "a tangible and visible entity; an entity that can cast a shadow"


def search_of(label: label_data.LabelRecord) -> str:
    (search,) = parse_qs(urlsplit(label.wikipedia_url).query)["search"]
    return search


def test_the_link_searches_for_the_first_word_form_and_the_kind_of_thing(labels, synsets):
    for label in labels:
        name, kind = label.words.split(", ")[0], label_data.kind_of(synsets[label.wnid], synsets)
        assert kind, label
        assert search_of(label).startswith(name)
        assert set(kind.lower().split()) <= set(search_of(label).lower().split()), label


def test_no_two_labels_have_the_same_link(labels):
    assert len({label.wikipedia_url for label in labels}) == len(labels)
    first_names = Counter(label.words.split(", ")[0].lower() for label in labels)
    assert {name for name, n in first_names.items() if n > 1} == {"crane", "cardigan", "maillot"}


@pytest.mark.parametrize(
    ("index", "search"),
    [
        (134, "crane bird"),
        (517, "crane lifting device"),
        (242, "boxer dog"),
        (339, "sorrel horse"),
        (3, "tiger shark"),
        (264, "Cardigan dog"),
        (474, "cardigan sweater"),
        (638, "maillot tights"),
        (639, "maillot swimsuit"),
    ],
)
def test_the_link_names_the_thing_meant(labels, index, search):
    assert search_of(labels[index]) == search


def test_a_link_is_a_search_and_quotes_what_it_must():
    address = label_data.wikipedia_url("tam-o'-shanter & co, tam", "hat")
    assert address == "https://en.wikipedia.org/wiki/Special:Search?search=tam-o%27-shanter+%26+co+hat"


@pytest.mark.skipif(not RELEASED.exists(), reason="the released class list (../shared/released) is absent")
def test_words_order_and_superclasses_are_those_of_the_release(labels):
    respelled = {"inverterbrates": "Invertebrates", "vehicles": "Vehicles"}
    with RELEASED.open(newline="", encoding="utf-8") as file:
        released = [
            (
                int(row["index"]),
                row["wnid"],
                row["words"],
                respelled.get(row["superclass"], row["superclass"]),
            )
            for row in csv.DictReader(file)
        ]
    assert [(label.index, label.wnid, label.words, label.superclass) for label in labels] == released


def test_the_hierarchy_is_small_and_carries_wordnets_notice_beside_the_full_terms():
    assert HIERARCHY_FILE.stat().st_size < 150_000
    content = json.loads(gzip.decompress(HIERARCHY_FILE.read_bytes()))
    assert content["licence"].startswith("WordNet 3.0 Copyright 2006 by Princeton University")
    terms = (DATA / "WORDNET_LICENSE").read_text()
    assert "Permission to use, copy, modify and distribute" in terms
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in terms


def test_the_notice_speaks_of_every_file_of_the_folder():
    notice = (DATA / "NOTICE.md").read_text()
    names = {path.name for path in DATA.iterdir()} - {"NOTICE.md"}
    assert [name for name in names if f"`{name}`" not in notice] == []
    assert all(f"{name} {size}" in " ".join(notice.split()) for name, size in SIZES.items())


def test_loading_takes_less_than_a_tenth_of_a_second_of_processor_time():
    def seconds():
        start = time.process_time()
        label_data.imagenet_labels()
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.1


def test_records_cannot_be_changed(labels, synsets):
    for record in (labels[0], synsets[ROOT_WNID]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            record.words = "other"


def test_a_class_without_a_synset_is_named():
    synset = SynsetRecord("n00000001", "one", "the first", ())
    with pytest.raises(LabelDataError) as refused:
        label_data.label_records([("n00000001", "Dogs"), ("n00000002", "Dogs")], [synset])
    assert re.search(r"no synset n00000002, the wnid of class 1.*build_hierarchy", refused.value.for_shell)


def gzipped(content):
    return gzip.compress(json.dumps(content).encode())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is missing"),
        (b"not packed", "is damaged"),
        (gzip.compress(b'{"synsets": []}', mtime=0)[:-9], "is damaged"),
        (gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 20, "is damaged"),
        (gzip.compress(b"{", mtime=0), "is damaged"),
        (gzipped({}), "has no list of synsets"),
        (gzipped({"synsets": [{"wnid": "n1"}]}), "has no list of synsets"),
        (gzipped([]), "has no list of synsets"),
    ],
    ids=["absent", "not gzip", "cut off", "bad stream", "bad json", "no synsets", "no words", "a list"],
)
def test_a_missing_or_damaged_hierarchy_is_named_with_the_way_out(tmp_path, content, reason):
    path = tmp_path / "hierarchy.json.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LabelDataError) as refused:
        label_data.hierarchy(path)
    assert re.search(rf"hierarchy\.json\.gz.*{reason}.*build_hierarchy DATA_NOUN", refused.value.for_shell)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is missing"),
        ("{", "is damaged"),
        ("[]", "(is not a|has no) list"),
        ('{"superclasses": ["Dogs"], "classes": [["n1", 1]]}', "(is not a|has no) list"),
        ('{"superclasses": ["Dogs"], "classes": [["n1"]]}', "(is not a|has no) list"),
    ],
)
def test_a_missing_or_damaged_class_list_is_named_with_the_way_out(tmp_path, content, reason):
    path = tmp_path / "classes.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LabelDataError) as refused:
        label_data.imagenet_classes(path)
    assert re.search(rf"classes\.json.*{reason}.*from the repository", refused.value.for_shell)
