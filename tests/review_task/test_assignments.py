"""Classes that are assigned to people, and families of classes to groups."""

from typing import Any

import pytest

from access.models import Role
from catalog.actions import add_hierarchy, add_label_set, create_dataset
from catalog.label_data import LabelRecord, SynsetRecord
from review_task.actions import assign, give_verdict, make_group, open_review, take_part, unassign
from review_task.errors import NoName, NotAReviewer, NotAssigned, NothingToReview
from review_task.models import Group, PageAssignment, Review
from review_task.reads import next_page, pages_of
from tests.factories import make_images, make_member, unique
from tests.review_task.reviews import judge_all, make_reviewer
from workforce.actions import exclude_submission

pytestmark = pytest.mark.django_db

CLASSES = ("cock", "hen", "car", "cart")


@pytest.fixture
def review() -> Review:
    """A review of four classes: a cock and a hen below birds (of superclass Animals), a car and a cart."""
    records = [
        LabelRecord(n, f"n{n:08}", word, "", "Animals" if n < 2 else "Artifacts", "") for n, word in enumerate(CLASSES)
    ]
    add_hierarchy(
        synsets=[
            SynsetRecord("n90000000", "thing", "", ()),
            SynsetRecord("n90000001", "bird", "", ("n90000000",)),
            SynsetRecord("n90000002", "fowl", "", ("n90000001",)),
            SynsetRecord("n00000000", "cock", "", ("n90000002",)),
            SynsetRecord("n00000001", "hen", "", ("n90000002", "n90000001")),
            SynsetRecord("n00000002", "car", "", ("n90000000",)),
        ]
    )
    dataset = create_dataset(name=unique("d"), label_set=add_label_set(name=unique("l"), labels=records))
    images = [image for n in range(4) for image in make_images(dataset, 1, label=n)]
    said = [(image.name, n, 1) for n, image in enumerate(images)]
    return open_review(dataset=dataset, title="t", predictions=said)


def states(review, user):
    return [row.state for row in pages_of(review, user)]


def assigned(review):
    return set(review.pages.filter(assignments__isnull=False).values_list("label__words", flat=True))


@pytest.mark.parametrize("name", ["", " ", "\n\t "])
def test_a_group_has_a_name(review, name):
    with pytest.raises(NoName):
        make_group(review=review, name=name, people=[make_reviewer(review)])
    assert not Group.objects.exists()


def test_an_assigned_class_is_not_for_others(review):
    ann, ben = make_reviewer(review), make_reviewer(review)
    page = review.pages.get(label__index=2)
    assign(review=review, page=page, people=[ann])
    assert states(review, ben) == ["open", "open", "others", "open"]
    with pytest.raises(NotAssigned):
        give_verdict(page=page, user=ben, item=page.items.get(), verdict="correct")
    # What is assigned to somebody comes first for them.
    assert next_page(review, ann) == page
    assert [row.assigned_to for row in pages_of(review, ben)][2] == (ann.username,)
    take_part(page=page, user=ann)
    unassign(page=page, person=ann)
    assert states(review, ben)[2] == "full"


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ({"synset": "n90000001"}, {"cock", "hen"}),
        ({"synset": "n00000001"}, {"hen"}),
        ({"synset": "n90000000"}, {"cock", "hen", "car"}),
        ({"superclass": "Artifacts"}, {"car", "cart"}),
    ],
)
def test_families_of_classes_are_assigned_to_a_group(review, family: dict[str, Any], words):
    ann, ben = make_reviewer(review), make_reviewer(review)
    group = make_group(review=review, name="experts", people=[ann])
    assert assign(review=review, group=group, **family) == len(words)
    assert assign(review=review, group=group, **family) == len(words)
    assert assigned(review) == words
    assert PageAssignment.objects.count() == len(words)
    assert states(review, ann) == ["open"] * 4
    assert states(review, ben).count("others") == len(words)
    # Another member sees to the same classes.
    make_group(review=review, name="experts", people=[ben])
    assert states(review, ann).count("others") == len(words)


def test_an_empty_family_is_refused(review):
    group = make_group(review=review, name="experts", people=[])
    with pytest.raises(NothingToReview):
        assign(review=review, group=group, synset="n99999999")
    with pytest.raises(NothingToReview):
        assign(review=review, group=group, superclass="Plants")


def test_only_reviewers_are_assigned(review):
    reader = make_member(review.batch.dataset, Role.READER)
    with pytest.raises(NotAReviewer):
        assign(review=review, page=review.pages.first(), people=[reader])
    with pytest.raises(NotAReviewer):
        make_group(review=review, name="readers", people=[reader])


def test_reviewed_and_taken_classes_are_skipped(review):
    ann, ben = make_reviewer(review), make_reviewer(review)
    first, second, third, fourth = review.pages.order_by("number")
    judge_all(first, ann)
    take_part(page=second, user=ben)
    assert states(review, ann) == ["done", "full", "open", "open"]
    assert states(review, ben) == ["full", "mine", "open", "open"]
    assert next_page(review, ann) == third
    assert next_page(review, ann, after=third) == fourth
    assert next_page(review, ben) == second


def test_an_excluded_reviewer_is_not_led_back(review):
    ann = make_reviewer(review)
    page = review.pages.get(label__index=0)
    exclude_submission(submission=take_part(page=page, user=ann), reason="a test")
    assert states(review, ann)[0] == "full"
