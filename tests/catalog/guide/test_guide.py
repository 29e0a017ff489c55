"""The labelling guide: versions that stay, people who write at once, and search."""

import psycopg2
import pytest
from django.db import IntegrityError, transaction

from audit.models import AuditEntry
from catalog.actions import create_dataset
from catalog.guide.actions import EditedMeanwhile, NoSharing, ensure_guide, restore_version, save_entry, share_guide
from catalog.guide.checks.reads import MOST_LABELS, MOST_TRAITS, BadContent
from catalog.guide.reads import (
    Content,
    GuideLink,
    PictureUse,
    Trait,
    content_of,
    entries_of,
    entries_of_label,
    guide_of,
    latest_versions,
    n_entries,
    pairs_without_entry,
    search_entries,
    versions_of,
)
from catalog.models import Dataset, Guide, GuideEntry, GuideUse, GuideVersion
from studies.guide.actions import reinstate, restore, use_guide_of, withdraw, write_entry
from tests.factories import make_account, make_dataset, make_label_set, unique

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset(n_labels=14)


def write(dataset: Dataset, content: Content, **rest) -> GuideVersion:
    return save_entry(dataset=dataset, content=content, **{"by": None} | rest)[0]


def terriers(**changed) -> Content:
    fields = {"title": "Norfolk or Norwich", "labels": (0, 1), "body": "Look at the **ears**."} | changed
    return Content(**fields)


# Versions


def test_an_entry_keeps_what_was_written_word_for_word(dataset):
    content = terriers(
        traits=(Trait("ears", {0: "folded", 1: "pointed"}), Trait("tail", {1: "docked"})),
        links=(GuideLink("https://kennel.example/norfolk", "Kennel club"),),
    )
    person = make_account()
    version = write(dataset, content, by=person, note="first draft")
    stored = GuideVersion.objects.get(pk=version.pk)
    assert content_of(stored) == content
    assert (stored.number, stored.written_by, stored.note) == (1, person, "first draft")
    assert (stored.entry.title, stored.entry.is_group) == ("Norfolk or Norwich", True)
    assert content_of(stored).rows() == [("ears", ["folded", "pointed"]), ("tail", ["", "docked"])]


def test_each_save_is_a_version_and_the_same_text_again_is_none(dataset):
    entry = write(dataset, terriers()).entry
    same, is_new = save_entry(dataset=dataset, content=terriers(), by=None, entry=entry, based_on=1)
    assert (same.number, is_new) == (1, False)
    write(dataset, terriers(body="Look at the tail."), entry=entry, based_on=1)
    entry.refresh_from_db()
    assert entry.version == 2
    assert [(row.number, row.body) for row in versions_of(entry)] == [
        (2, "Look at the tail."),
        (1, "Look at the **ears**."),
    ]


def test_an_older_version_comes_back_as_a_new_one(dataset):
    entry = write(dataset, terriers()).entry
    write(dataset, terriers(title="Two terriers", labels=(0, 1, 2)), entry=entry, based_on=1)
    version, _ = restore_version(dataset=dataset, entry=entry, number=1, by=None, based_on=2)
    entry.refresh_from_db()
    assert (version.number, version.restored_from, version.note) == (3, 1, "Version 1 restored")
    assert (entry.title, entry.labels) == ("Norfolk or Norwich", [0, 1])


@pytest.mark.parametrize("change", ["update", "delete"])
def test_the_database_refuses_to_change_or_remove_a_version(dataset, change):
    version = write(dataset, terriers())
    rows = GuideVersion.objects.filter(pk=version.pk)
    with pytest.raises(IntegrityError, match="never changed or removed"), transaction.atomic():
        rows.update(body="Nothing.") if change == "update" else rows.delete()


def test_two_people_at_once_the_second_gets_the_first_text_and_nothing_is_lost(dataset):
    anna = make_account()
    entry = write(dataset, terriers()).entry
    write(dataset, terriers(body="Anna’s."), entry=entry, based_on=1, by=anna)
    with pytest.raises(EditedMeanwhile) as meanwhile:
        write(dataset, terriers(body="Bela’s."), entry=entry, based_on=1)
    assert meanwhile.value.version.body == "Anna’s." and meanwhile.value.version.number == 2
    assert f"{anna} has saved version 2 meanwhile" in str(meanwhile.value)
    # Having seen it, the second may go on from there.
    assert write(dataset, terriers(body="Anna’s and Bela’s."), entry=entry, based_on=2).number == 3
    assert entry.versions.count() == 3


def test_a_second_entry_about_the_same_classes_is_the_same_entry(dataset):
    first = write(dataset, terriers())
    with pytest.raises(EditedMeanwhile) as meanwhile:
        write(dataset, terriers(title="Another", labels=(1, 0)))
    assert meanwhile.value.version == first
    other = write(dataset, terriers(title="One of them", labels=(0,))).entry
    with pytest.raises(EditedMeanwhile):
        write(dataset, terriers(title="Both of them"), entry=other, based_on=1)
    assert GuideEntry.objects.count() == 2


def test_a_withdrawn_entry_is_away_but_not_gone(dataset):
    entry = write(dataset, terriers()).entry
    assert "is withdrawn" in withdraw(dataset=dataset, entry=entry, reason="Wrong breed.")
    assert "was withdrawn before" in withdraw(dataset=dataset, entry=entry)
    assert not entries_of(dataset) and list(entries_of(dataset, withdrawn=True)) == [entry]
    assert not search_entries(dataset, "ears")
    assert "again" in reinstate(dataset=dataset, entry=entry)
    assert list(entries_of(dataset)) == [entry] and entry.versions.count() == 1


def test_a_withdrawn_entry_stays_away_if_its_classes_have_another(dataset):
    entry = write(dataset, terriers()).entry
    withdraw(dataset=dataset, entry=entry)
    write(dataset, terriers(title="Better"))
    with pytest.raises(EditedMeanwhile):
        reinstate(dataset=dataset, entry=entry)


# What can be written


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"title": " \n"}, "The title is missing"),
        ({"title": "x" * 201}, "The title has more than 200 characters"),
        ({"body": ""}, "The entry is empty"),
        ({"body": "x" * 20_001}, "The text has 20,001 characters"),
        ({"labels": ()}, "Name the class"),
        ({"labels": (0, 99)}, "has no class 99"),
        ({"labels": tuple(range(MOST_LABELS + 1))}, "at most 12 classes; this one has 13"),
        ({"traits": (Trait("", {0: "folded"}),)}, "Name the trait of “folded”"),
        ({"traits": (Trait("ears", {}), Trait("Ears", {}))}, "The trait “ears” is there twice"),
        ({"traits": tuple(Trait(f"t{n}", {}) for n in range(MOST_TRAITS + 1))}, "at most 30 traits"),
        ({"traits": (Trait("ears", {0: "x" * 301}),)}, "A trait has more than 300"),
        ({"links": (GuideLink("javascript:alert(1)"),)}, "must start with http"),
        ({"links": (GuideLink("https://rosa:secret@a.example"),)}, "must not contain a name or password"),
        ({"pictures": (PictureUse("absent"),)}, "does not belong to this guide"),
    ],
)
def test_what_is_no_entry_is_refused_with_a_reason(dataset, changed, reason):
    with pytest.raises((BadContent, ValueError), match=reason):
        write(dataset, terriers(**changed))
    assert not GuideEntry.objects.exists()


def test_control_characters_and_turning_marks_are_left_out(dataset):
    content = terriers(title="Nor\x00folk\n or \u202eNorwich", body="a\x00\r\nb  \r\n\r\n", labels=(1, 0, 1))
    stored = content_of(write(dataset, content))
    assert (stored.title, stored.body, stored.labels) == ("Norfolk or Norwich", "a\nb", (0, 1))


def test_traits_keep_texts_of_the_classes_of_the_entry_alone(dataset):
    rows = (Trait("ears", {0: "folded", 5: "none"}), Trait("", {5: "x"}), Trait("", {}))
    assert content_of(write(dataset, terriers(traits=rows))).traits == (Trait("ears", {0: "folded"}),)


# Search


def test_search_ranks_titles_above_texts(dataset):
    in_text = write(dataset, terriers(title="Others", body="Sometimes a crane.", labels=(2,))).entry
    in_title = write(dataset, terriers(title="Crane", body="A bird.", labels=(3,))).entry
    write(dataset, terriers(title="Herons", body="Grey.", labels=(4,)))
    assert list(search_entries(dataset, "cranes")) == [in_title, in_text]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("norw", True),
        ("folded", True),
        ("kennel", True),
        ("thing 1", True),
        ("n00000001", True),
        ('"norfolk or norwich"', True),
        ("ears -folded", False),
        ("norwich absent", False),
        ("'", False),
        ("a' & b | !c:*", False),
        ("\x00ears", True),
        ("the", False),
    ],
)
def test_words_of_every_part_are_found_and_odd_searches_do_no_harm(dataset, words, expected):
    traits, links = (Trait("ears", {0: "folded"}),), (GuideLink("https://a.example", "Kennel club"),)
    write(dataset, terriers(traits=traits, links=links))
    assert bool(search_entries(dataset, words)) == expected


def test_a_search_sees_the_latest_version_alone(dataset):
    entry = write(dataset, terriers(body="folded")).entry
    write(dataset, terriers(body="pointed"), entry=entry, based_on=1)
    assert list(search_entries(dataset, "pointed")) == [entry] and not search_entries(dataset, "folded")


# Classes and groups


def test_a_class_meets_its_own_entry_and_then_its_groups(dataset):
    group = write(dataset, terriers(labels=(0, 1, 3))).entry
    pair = write(dataset, terriers(labels=(0, 1))).entry
    single = write(dataset, terriers(labels=(1,))).entry
    write(dataset, terriers(labels=(2,)))
    label = dataset.label_set.labels.get(index=1)
    assert entries_of_label(dataset, label) == [single, pair, group]
    assert latest_versions([single, pair]).keys() == {single.pk, pair.pk}
    assert [entry.labels for entry in entries_of(dataset)] == [[0, 1], [0, 1, 3], [1], [2]]
    assert n_entries(dataset) == {"entries": 4, "groups": 2, "classes": 4}
    assert pairs_without_entry(dataset, [(0, 3), (2, 3), (0, 1)]) == [(2, 3)]


# Studies that share a guide


def test_each_study_has_a_guide_of_its_own_unless_one_is_shared(dataset):
    other = create_dataset(name=unique("dataset"), label_set=dataset.label_set)
    write(dataset, terriers())
    assert not entries_of(other) and guide_of(other) is None
    use_guide_of(dataset=other, other=dataset)
    assert list(entries_of(other)) == list(entries_of(dataset))
    write(other, terriers(title="By the other", labels=(5,)))
    assert entries_of(dataset).count() == 2
    assert AuditEntry.objects.get(action="guide.share").after == {"guide of": dataset.name}


def test_a_guide_with_entries_is_not_given_up_and_label_sets_must_agree(dataset):
    other = create_dataset(name=unique("dataset"), label_set=dataset.label_set)
    write(other, terriers())
    with pytest.raises(NoSharing, match="has a guide with entries already"):
        share_guide(dataset=other, other=dataset)
    with pytest.raises(NoSharing, match="different label sets"):
        share_guide(dataset=make_dataset(), other=dataset)


def test_the_database_refuses_a_guide_of_another_label_set(dataset):
    guide = ensure_guide(dataset=dataset)
    foreign = Guide.objects.create(label_set=make_label_set(), created_at=guide.created_at)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        GuideUse.objects.filter(dataset=dataset).update(guide=foreign)
    cause = refusal.value.__cause__
    assert isinstance(cause, psycopg2.Error) and cause.diag.constraint_name == "guide_is_of_the_label_set"


# The record of decisions


def test_what_people_decide_is_recorded(dataset):
    person = make_account()
    version, _ = write_entry(dataset=dataset, content=terriers(), by=person, entry=None, based_on=0, note="a draft")
    entry = version.entry
    write_entry(dataset=dataset, content=terriers(), by=person, entry=entry, based_on=1)
    write_entry(dataset=dataset, content=terriers(body="Tail."), by=person, entry=entry, based_on=1)
    restore(dataset=dataset, entry=entry, number=1, by=person, based_on=2)
    withdraw(dataset=dataset, entry=entry, reason="Wrong.")
    reinstate(dataset=dataset, entry=entry)
    rows = AuditEntry.objects.filter(action__startswith="guide.").order_by("pk")
    assert [(row.action, row.reason) for row in rows] == [
        ("guide.write", "a draft"),
        ("guide.write", ""),
        ("guide.restore", ""),
        ("guide.withdraw", "Wrong."),
        ("guide.reinstate", ""),
    ]
    assert rows[0].after == {"version": 1, "classes": [0, 1]}
