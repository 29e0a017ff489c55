"""Presses about images, and refusals of any press: nothing is stored of what is refused, not even its key."""

import random
from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from access.models import Role
from catalog.errors import UserError
from review_task.actions import assign, close_review, take_part
from review_task.models import FurtherLabel, Press, ProblemMark, Verdict, VerdictValue
from review_task.presses.actions import Outcome, store_press
from review_task.presses.reads import ReviewerPress
from review_task.reads import page_content
from review_task.reasons.actions import add_reason
from tests.chance import seeds
from tests.factories import make_images
from tests.review_task.presses.reviewing import Class, label_press, problem_press, verdict_press
from workforce.models import Submission

pytestmark = pytest.mark.django_db


def refusal_of(here: Class, user, press: ReviewerPress) -> str:
    """Return the message of a press that is refused; nothing may be stored of it."""
    before = Press.objects.count(), Verdict.objects.count(), ProblemMark.objects.count(), FurtherLabel.objects.count()
    with pytest.raises(UserError) as refusal:
        store_press(page=here.page, user=user, press=press)
    rows = Press.objects.count(), Verdict.objects.count(), ProblemMark.objects.count(), FurtherLabel.objects.count()
    assert rows == before
    return refusal.value.for_page


@pytest.mark.parametrize("seed", seeds(3))
def test_marks_and_further_labels_come_to_what_a_plain_model_says(seed):
    chance, here = random.Random(seed), Class()
    user, images = here.member(), [image.public_id for image in here.images]
    marks: dict[str, str] = dict.fromkeys(images, "")
    labels: dict[str, list[str]] = {image: [] for image in images}
    for _ in range(40):
        image, is_set = chance.choice(images), chance.random() < 0.6
        if chance.random() < 0.5:
            reason = chance.choice(["label", "drawing", "edited"]) if is_set or not marks[image] else marks[image]
            press = problem_press(image, reason, is_set=is_set)
            marks[image] = reason if is_set else ""
        else:
            words = chance.choice(["a boat", "ein Kahn", "thing 3", "قارب", 'it\'s "it" / that'])
            press = label_press(image, words, is_set=is_set)
            if is_set != (words in labels[image]):
                labels[image] = [*labels[image], words] if is_set else [each for each in labels[image] if each != words]
        for _ in range(chance.choice([1, 2])):
            assert store_press(page=here.page, user=user, press=press) == Outcome()
    rows = {row.public_id: row for row in page_content(here.page, user).images}
    assert {image: row.problem for image, row in rows.items()} == marks
    named = {
        image: [row.label.words if row.label else row.words for row in rows[image].further_labels] for image in images
    }
    assert named == labels


@pytest.mark.parametrize(
    ("words", "index", "words_stored"),
    [
        ("thing 3", 3, ""),
        ("  THING   3 ", 3, ""),
        ("n00000002", 2, ""),
        ("003", 3, ""),
        ("0", 0, ""),
        ("4", None, "4"),
        ("thing", None, "thing"),
        (" a\t boat\n", None, "a boat"),
        ("x" * 200, None, "x" * 200),
        ("دراجة", None, "دراجة"),
        ("<b>bold</b> & “quoted”", None, "<b>bold</b> & “quoted”"),
    ],
)
def test_words_that_name_a_class_are_that_class_and_others_stay_words(words, index, words_stored):
    here = Class()
    store_press(page=here.page, user=here.member(), press=label_press(here.images[0].public_id, words))
    row = FurtherLabel.objects.select_related("label").get()
    assert (row.label and row.label.index, row.words) == (index, words_stored)


def test_a_label_by_its_index_leaves_what_its_words_say_aside():
    here = Class()
    user, image = here.member(), here.images[0].public_id
    store_press(page=here.page, user=user, press=label_press(image, "a boat", index=2))
    store_press(page=here.page, user=user, press=label_press(image, "thing 2", is_set=False))
    assert [(row.is_set, row.counted) for row in FurtherLabel.objects.order_by("pk")] == [(True, False), (False, True)]
    assert not page_content(here.page, user).images[0].further_labels


@pytest.mark.parametrize("press", [label_press("", ""), label_press("", " \n "), label_press("", index=99)])
def test_a_label_without_words_is_refused(press):
    here = Class()
    message = refusal_of(here, here.member(), replace(press, image=here.images[0].public_id))
    assert message == "Choose a label, or write one of at most 200 characters."


@pytest.mark.parametrize("reason", ["", "Drawing", "DRAWING", "collage", "x" * 200])
def test_a_reason_that_the_review_does_not_know_is_refused(reason):
    here, other = Class(), Class()
    add_reason(review=other.review, words="collage")
    message = refusal_of(here, here.member(), problem_press(here.images[0].public_id, reason))
    assert message == "Choose a reason of this review why the image is problematic."


def test_a_reason_of_the_review_is_taken_and_stays_with_its_quotes():
    here = Class()
    user, words = here.member(), "“Collage” / montage's <edge>"
    add_reason(review=here.review, words=words)
    store_press(page=here.page, user=user, press=problem_press(here.images[0].public_id, words))
    assert page_content(here.page, user).images[0].problem == words


@pytest.mark.parametrize("press", [problem_press("", "drawing"), label_press("", "a boat")])
def test_an_image_of_another_page_or_study_or_of_none_is_refused(press):
    here, elsewhere = Class(), Class()
    (unsaid,) = make_images(here.dataset, 1)
    for image in ("", "absent", "x" * 43, unsaid.public_id, elsewhere.images[0].public_id):
        assert refusal_of(here, here.member(), replace(press, image=image)) == "That image is not on this page."


@pytest.mark.parametrize("verdict", ["", "Correct", "right", "disputed", "x" * 200])
def test_a_verdict_that_there_is_not_is_refused(verdict):
    here = Class()
    message = refusal_of(here, here.member(), verdict_press(here.items[0], verdict))
    assert message == "A verdict is correct, wrong, unclear or don’t know."


@pytest.mark.parametrize(
    "kind", [{"category": "Other"}, {"severity": "Major"}, {"category": "Other", "severity": "Major"}]
)
@pytest.mark.parametrize("verdict", VerdictValue.values)
def test_a_first_review_has_no_kinds_of_mistakes(kind, verdict):
    here = Class()
    message = refusal_of(here, here.member(), replace(verdict_press(here.items[0], verdict), **kind))
    assert message == "Only a mistake of a mistake queue has a category and a severity."


def test_a_label_of_another_page_is_refused():
    here, elsewhere = Class(), Class()
    user = here.member()
    store_press(page=here.page, user=user, press=verdict_press(here.items[0], "wrong"))
    for item in (elsewhere.items[0].public_id, "", "absent"):
        press = replace(verdict_press(here.items[0], "correct"), item=item)
        assert refusal_of(here, user, press) == "That label is not on this page."
    assert page_content(here.page, user).items[0].verdict == "wrong"


@pytest.mark.parametrize("role", [Role.LABELER, Role.READER])
@pytest.mark.parametrize("about", ["verdict", "problem", "label"])
def test_who_may_not_review_stores_nothing_and_takes_no_place(role, about):
    here = Class()
    image = here.images[0].public_id
    presses = {
        "verdict": verdict_press(here.items[0], "correct"),
        "problem": problem_press(image, "drawing"),
        "label": label_press(image, "a boat"),
    }
    assert refusal_of(here, here.member(role), presses[about]) == "Your role in this study is not to review."
    assert not Submission.objects.filter(hit=here.page.hit).exists()


@pytest.mark.parametrize("role", [Role.OWNER, Role.RESEARCHER, Role.REVIEWER])
def test_owners_and_researchers_review_as_reviewers_do(role):
    here = Class()
    assert store_press(page=here.page, user=here.member(role), press=verdict_press(here.items[0], "correct")).verdict


def test_places_assignments_and_the_end_of_a_review_are_said():
    here = Class()
    ann, ben = here.member(), here.member()
    assign(review=here.review, page=here.page, people=[ann])
    press = verdict_press(here.items[0], "correct")
    assert refusal_of(here, ben, press) == "This class is assigned to other reviewers. Choose another class."
    take_part(page=here.page, user=ann)
    owner = here.member(Role.OWNER)
    assert refusal_of(here, owner, press).startswith("This class is assigned to other reviewers.")
    store_press(page=here.page, user=ann, press=press)
    close_review(review=here.review)
    assert refusal_of(here, ann, verdict_press(here.items[0], "wrong")) == "The review “all” is closed."
    assert store_press(page=here.page, user=ann, press=press) == Outcome("correct"), "what is stored is answered still"


def test_a_full_class_is_said():
    here = Class()
    take_part(page=here.page, user=here.member())
    message = refusal_of(here, here.member(), verdict_press(here.items[0], "correct"))
    assert message == "This class has all its reviewers. Choose another class."


def test_after_a_refusal_the_same_press_is_stored_once_it_can_be():
    here = Class()
    user, press = here.member(), problem_press(here.images[0].public_id, "A collage")
    refusal_of(here, user, press)
    add_reason(review=here.review, words="A collage")
    store_press(page=here.page, user=user, press=press)
    assert ProblemMark.objects.get().reason == "A collage"


@pytest.mark.parametrize("values", [{"key": ""}, {"key": "k"}])
def test_the_database_keeps_keys_apart(values):
    here = Class()
    user = here.member()
    store_press(page=here.page, user=user, press=verdict_press(here.items[0], "correct", key="k"))
    submission = Submission.objects.get(hit=here.page.hit)
    with pytest.raises(IntegrityError), transaction.atomic():
        Press.objects.create(submission=submission, device="laptop", **values)
