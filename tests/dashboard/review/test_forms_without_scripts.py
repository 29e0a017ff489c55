"""The class page of a browser without scripts: all is in its form, and only what its reader changed is stored."""

import random

import pytest

from access.models import Role
from review_task.actions import give_verdict, mark_problem, open_review
from review_task.mistakes.actions import open_mistakes
from review_task.models import FurtherLabel, Press, ProblemMark, Review, Verdict
from review_task.reads import page_content
from tests.chance import seeds
from tests.dashboard.review.forms import form_of, words_of
from tests.factories import client_of, make_dataset, make_images, make_member
from tests.review_task.panels import predict
from tests.review_task.presses.reviewing import Class

pytestmark = pytest.mark.django_db


class Sheet(Class):
    """A class with a reviewer in a browser without scripts."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.user = self.member()
        self.client = client_of(self.user)
        self.address = f"/review/class/{self.page.pk}/"
        self.image = self.images[0].public_id

    def form(self):
        return form_of(self.client.get(self.address))[0]

    def send(self, fields) -> str:
        return words_of(self.client.post(self.address, fields, follow=True))

    def standing(self):
        return [row.verdict for row in page_content(self.page, self.user).items]


@pytest.mark.parametrize("seed", seeds(4))
def test_forms_that_are_filled_by_chance_come_out_as_they_were_filled(seed):
    chance, here = random.Random(seed), Sheet(n_images=3)
    for _ in range(4):
        fields, choices = form_of(here.client.get(here.address))
        changes = {}
        for name, values in choices.items():
            if not name.startswith("remove") and chance.random() < 0.5:
                changes[name] = chance.choice(values)
        n_changes = sum(fields.get(name) != value for name, value in changes.items())
        words = here.send(fields | changes)
        said = {0: "Nothing was changed.", 1: "1 change stored."}.get(n_changes, f"{n_changes} changes stored.")
        assert said in words
        assert form_of(here.client.get(here.address))[0].items() >= (fields | changes | {"shown": ""}).items() - {
            ("shown", ""),
            *((name, value) for name, value in fields.items() if name.startswith("shown")),
        }
        n_rows = Verdict.objects.count(), ProblemMark.objects.count()
        assert "Nothing was changed." in here.send(here.form())
        assert (Verdict.objects.count(), ProblemMark.objects.count()) == n_rows


def test_a_form_that_is_sent_twice_stores_its_verdicts_once():
    here = Sheet()
    fields = here.form() | {f"verdict-{item.public_id}": "wrong" for item in here.items}
    for _ in range(2):
        here.send(fields)
    assert Verdict.objects.count() == len(here.items) and here.standing() == ["wrong"] * 4


def test_two_tabs_of_a_reviewer_keep_what_the_other_stored():
    here = Sheet()
    first, second = here.form(), here.form()
    for number, (item, tab) in enumerate(zip(here.items, [first, second, first, second], strict=True)):
        tab |= {f"verdict-{item.public_id}": ["correct", "wrong"][number % 2]}
    here.send(first)
    here.send(second)
    assert here.standing() == ["correct", "wrong", "correct", "wrong"]
    # Each tab still shows nothing of what it stored: it stores no further row of it.
    assert Verdict.objects.count() == 4


def test_a_verdict_is_taken_back_by_the_form():
    here = Sheet()
    (item, *_) = here.items
    give_verdict(page=here.page, user=here.user, item=item, verdict="correct")
    fields = here.form()
    assert fields[f"verdict-{item.public_id}"] == "correct"
    assert "1 change stored." in here.send(fields | {f"verdict-{item.public_id}": "unreviewed"})
    assert here.standing()[0] == "unreviewed"


def test_reasons_change_and_are_taken_back():
    here = Sheet()
    name = f"problem-{here.image}"
    _, choices = form_of(here.client.get(here.address))
    assert choices[name] == ["", "label", "drawing", "edited", "inappropriate"]
    for reason in ("drawing", "edited", "", "label"):
        assert "1 change stored." in here.send(here.form() | {name: reason})
        assert here.form()[name] == reason
    rows = ProblemMark.objects.order_by("pk").values_list("reason", "is_set", "counted")
    assert list(rows) == [
        ("drawing", True, False),
        ("edited", True, False),
        ("edited", False, False),
        ("label", True, True),
    ]


TEXTS = [
    "a boat",
    "it's “it” / that",
    'a "quoted" & <b>bold</b> thing',
    "Fußgängerbrücke",
    "دراجة هوائية",
    "鍵",
    "x" * 200,
]


def test_a_further_label_in_any_words_is_shown_and_removed():
    here = Sheet()
    for words in TEXTS:
        assert "1 change stored." in here.send(here.form() | {f"label-{here.image}": words})
        assert FurtherLabel.objects.get(counted=True, is_set=True).words == words
        page = here.client.get(here.address)
        (value,) = form_of(page)[1][f"remove-{here.image}"]
        assert value == f":{words}" and words in words_of(page) and "<b>bold" not in page.content.decode()
        assert "1 change stored." in here.send(here.form() | {f"remove-{here.image}": value})
        assert f"remove-{here.image}" not in form_of(here.client.get(here.address))[1]


def test_several_labels_are_removed_at_once_and_the_rest_stays():
    here = Sheet()
    for words in ("a boat", "thing 2", "thing 3", "a mast"):
        here.send(here.form() | {f"label-{here.image}": words})
    values = form_of(here.client.get(here.address))[1][f"remove-{here.image}"]
    assert values == [":a boat", "2:", "3:", ":a mast"]
    assert "3 changes stored." in here.send(here.form() | {f"remove-{here.image}": [values[0], values[1], values[3]]})
    assert form_of(here.client.get(here.address))[1][f"remove-{here.image}"] == ["3:"]


FAULTS = [
    ("verdict-{item}", "perhaps", "A verdict is correct, wrong, unclear or don’t know."),
    ("verdict-{item}", "disputed", "A verdict is correct, wrong, unclear or don’t know."),
    ("verdict-absent", "correct", "That label is not on this page."),
    ("verdict-", "correct", "That label is not on this page."),
    ("problem-{image}", "ugly", "Choose a reason of this review why the image is problematic."),
    ("problem-absent", "drawing", "That image is not on this page."),
    ("label-absent", "a boat", "That image is not on this page."),
    ("remove-{image}", "77:", "Choose a label, or write one of at most 200 characters."),
    ("remove-{image}", ":", "Choose a label, or write one of at most 200 characters."),
    ("remove-{image}", ":" + "x" * 201, "Choose a label, or write one of at most 200 characters."),
    ("remove-{image}", "9" * 40 + ":", "Choose a label, or write one of at most 200 characters."),
    ("remove-{image}", "9" * 5000 + ":", "Choose a label, or write one of at most 200 characters."),
]


def test_a_form_with_a_fault_stores_nothing_of_it_and_says_why():
    here = Sheet()
    good = {f"verdict-{here.items[0].public_id}": "correct", f"label-{here.images[1].public_id}": "a boat"}
    for name, value, words in FAULTS:
        field = name.format(item=here.items[1].public_id, image=here.image)
        assert words in here.send(here.form() | good | {field: value}), (name, value)
        assert not Verdict.objects.exists() and not FurtherLabel.objects.exists() and not Press.objects.exists()


def test_a_form_without_fields_changes_nothing():
    here = Sheet()
    forms: list[dict[str, str]] = [{}, {"shown": "="}, {"shown": "a b=c = =="}, {"csrf": "x"}, {"reason": "x"}]
    for fields in forms:
        assert "Nothing was changed." in here.send(fields), fields
        assert not Verdict.objects.exists()


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 302),
        (Role.RESEARCHER, 302),
        (Role.REVIEWER, 302),
        (Role.LABELER, 403),
        (Role.READER, 403),
        (None, 404),
    ],
)
def test_a_form_is_for_those_who_review(role, status):
    here = Sheet()
    user = here.member(role) if role else make_member(make_dataset(), Role.OWNER)
    client, fields = client_of(user), {f"verdict-{here.items[0].public_id}": "correct"}
    assert client.get(here.address).status_code == (200 if status == 302 else status)
    assert client.post(here.address, fields).status_code == status
    assert Verdict.objects.count() == (status == 302)


# Mistake queues


def mistakes_sheet() -> tuple[Review, Sheet]:
    """The page of a mistake queue with one image, whose classifier says 1 of class 0."""
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, 1), [1])
    review = open_mistakes(dataset=dataset, classifier=classifier).review
    sheet = Sheet(dataset=dataset)
    sheet.page = review.pages.select_related("review__batch__dataset__label_set", "hit").get()
    sheet.items, sheet.address = list(sheet.page.items.all()), f"/review/class/{sheet.page.pk}/"
    return review, sheet


def test_a_mistake_has_its_kind_in_the_form_and_loses_it_with_the_verdict():
    _, here = mistakes_sheet()
    item = here.items[0].public_id
    names = {f"verdict-{item}": "wrong", f"category-{item}": "Other", f"severity-{item}": "Major"}
    refused = here.send(here.form() | {f"verdict-{item}": "wrong"})
    assert "A mistake needs a category of at most 60 characters, and a severity of at most 20." in refused
    assert "1 change stored." in here.send(here.form() | names)
    assert here.form().items() >= names.items() and "Other, Major" in words_of(here.client.get(here.address))
    assert "1 change stored." in here.send(here.form() | {f"severity-{item}": "Minor"})
    # The form still names a kind when its reader takes another verdict: it is none of that verdict.
    assert "1 change stored." in here.send(here.form() | {f"verdict-{item}": "correct"})
    rows = Verdict.objects.order_by("pk").values_list("verdict", "category", "severity")
    assert list(rows) == [("wrong", "Other", "Major"), ("wrong", "Other", "Minor"), ("correct", "", "")]


def test_a_category_in_words_of_its_own_stays_a_choice():
    _, here = mistakes_sheet()
    (item,) = here.items
    words = "Spiegelbild “links”"
    give_verdict(page=here.page, user=here.user, item=item, verdict="wrong", category=words, severity="Major")
    fields, choices = form_of(here.client.get(here.address))
    assert fields[f"category-{item.public_id}"] == words
    assert len(choices[f"category-{item.public_id}"]) == 8 and "Nothing was changed." in here.send(fields)


def test_pages_of_other_reviews_ask_for_no_kind():
    dataset = make_dataset()
    (image,) = make_images(dataset, 1)
    review = open_review(dataset=dataset, title="all", predictions=[(image.name, 1, 1)])
    user, page = make_member(dataset, Role.REVIEWER), review.pages.get()
    mark_problem(page=page, user=user, image=image, reason="label")
    response = client_of(user).get(f"/review/class/{page.pk}/")
    fields, _ = form_of(response)
    assert not [name for name in fields if name.startswith(("category", "severity", "shown-category"))]
    assert fields[f"problem-{image.public_id}"] == "label"
    assert "What kind of mistake is it?" not in words_of(response)
