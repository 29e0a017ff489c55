"""The tab Review and the page of a class, without scripts and as the script asks: verdicts are stored as pressed."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from access.models import Role
from catalog.reads import now
from review_task.actions import close_review, open_review
from review_task.models import FurtherLabel, Press, ProblemMark, Verdict
from review_task.reads import page_content, reviews_of
from tests.factories import client_of, make_dataset, make_images, make_member, unique
from tests.required import require

pytestmark = pytest.mark.django_db


class Reviewing:
    """A review of images of class 0, of which models say 0, 1 and 2, and a reviewer at the page of that class."""

    def __init__(self, *, n_reviewers=1, n_images=2):
        self.dataset = make_dataset()
        self.images = make_images(self.dataset, n_images)
        said = [(image.name, label, 3 - label) for image in self.images for label in (0, 1, 2)]
        self.review = open_review(dataset=self.dataset, title="All of it", n_reviewers=n_reviewers, predictions=said)
        self.page = self.review.pages.get()
        self.items = [item.public_id for item in page_content(self.page, self.person()).items]
        self.user = self.person()
        self.client = client_of(self.user)

    def person(self, role=Role.REVIEWER):
        return make_member(self.dataset, role)

    @property
    def address(self):
        return f"/review/class/{self.page.pk}/"

    def say(self, *presses, client=None, person=None):
        body = {"person": str((person or self.user).pk), "presses": list(presses)}
        return (client or self.client).post(f"{self.address}presses/", json.dumps(body), "application/json")

    def verdicts(self, user=None):
        return [item.verdict for item in page_content(self.page, user or self.user).items]


def press(item, verdict, *, key=None, device="laptop", age=0, **rest):
    return {
        "key": key or unique("k"),
        "device": device,
        "kind": "verdict",
        "item": item,
        "verdict": verdict,
        "age": age,
    } | rest


def stored():
    return list(Verdict.objects.order_by("pk").values_list("verdict", flat=True))


def test_presses_are_stored_in_their_order_and_each_has_an_answer():
    here = Reviewing()
    first, second = here.items[:2]
    presses = [press(first, "correct"), press(second, "wrong"), press(first, "unclear")]
    answers = here.say(*presses).json()["answers"]
    assert [answers[each["key"]]["verdict"] for each in presses] == ["correct", "wrong", "unclear"]
    assert stored() == ["correct", "wrong", "unclear"]
    assert here.verdicts()[:3] == ["unclear", "wrong", "unreviewed"]


def test_a_press_that_is_sent_twice_is_stored_once_even_after_a_later_one():
    here = Reviewing()
    early = press(here.items[0], "correct")
    here.say(early)
    here.say(press(here.items[0], "wrong"))
    answer = here.say(early).json()["answers"][early["key"]]
    assert (stored(), answer["verdict"]) == (["correct", "wrong"], "wrong")


def test_a_press_that_waited_for_hours_does_not_undo_what_another_device_said_later():
    here = Reviewing()
    here.say(press(here.items[0], "wrong", device="desktop"))
    late = press(here.items[0], "correct", age=3_600_000)
    answer = here.say(late).json()["answers"][late["key"]]
    assert (answer, stored()) == ({"verdict": "wrong", "isLate": True}, ["wrong"])


def test_presses_of_one_device_are_all_stored_however_late():
    here = Reviewing()
    here.say(press(here.items[0], "wrong", age=3_600_000), press(here.items[0], "correct", age=3_500_000))
    assert stored() == ["wrong", "correct"]


def test_what_is_refused_has_a_message_and_the_rest_is_stored():
    here = Reviewing()
    elsewhere = Reviewing()
    bad = [press("absent", "correct"), press(elsewhere.items[0], "correct"), press(here.items[0], "perhaps")]
    bad += [press(here.items[0], "correct", age=-1), press(here.items[0], "correct", device="")]
    good = press(here.items[1], "dontknow")
    answers = here.say(*bad, good).json()["answers"]
    assert all(answers[each["key"]]["message"] for each in bad)
    assert answers[good["key"]] == {"verdict": "dontknow", "isLate": False}
    assert stored() == ["dontknow"]


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"presses": 3}', '{"presses": [{}]}', '{"person": "1", "presses": "x"}']
)
def test_what_is_no_list_of_presses_stores_nothing(body):
    here = Reviewing()
    answer = here.client.post(f"{here.address}presses/", body, "application/json")
    assert answer.status_code in (400, 403)
    assert (stored(), Press.objects.count()) == ([], 0)


def test_presses_of_one_person_are_never_stored_for_another_who_signed_in_since():
    here = Reviewing()
    other = here.person()
    assert here.say(press(here.items[0], "correct"), client=client_of(other)).status_code == 403
    assert stored() == []


def test_reviewers_of_one_class_have_verdicts_of_their_own_and_see_no_others():
    here = Reviewing(n_reviewers=2)
    other = here.person()
    here.say(press(here.items[0], "correct"))
    here.say(press(here.items[0], "wrong"), client=client_of(other), person=other)
    assert (here.verdicts()[0], here.verdicts(other)[0]) == ("correct", "wrong")
    words = client_of(here.user).get(here.address).content.decode()
    assert 'data-verdict="correct"' in words and 'data-verdict="wrong"' not in words


def test_a_class_with_all_its_reviewers_can_be_looked_at():
    here = Reviewing()
    here.say(press(here.items[0], "correct"))
    other = here.person()
    late = press(here.items[0], "wrong")
    assert "all its reviewers" in client_of(other).get(here.address).content.decode()
    assert here.say(late, client=client_of(other), person=other).json()["answers"][late["key"]]["message"]
    assert stored() == ["correct"]


def test_a_closed_review_refuses_presses_with_a_reason():
    here = Reviewing()
    close_review(review=here.review)
    late = press(here.items[0], "wrong")
    assert "closed" in here.say(late).json()["answers"][late["key"]]["message"]
    assert Press.objects.count() == 0
    assert "This review is closed" in here.client.get(here.address).content.decode()


def test_problems_and_further_labels_are_stored_and_taken_back():
    here = Reviewing()
    image = here.images[0].public_id
    about: dict[str, Any] = {"device": "laptop", "age": 0, "image": image}
    mark = about | {"key": "m", "kind": "problem", "reason": "drawing"}
    named = about | {"key": "n", "kind": "label", "words": "thing 3"}
    words = about | {"key": "w", "kind": "label", "words": "a boat"}
    here.say(mark, named, words)
    assert ProblemMark.objects.get().reason == "drawing"
    assert [(row.label and row.label.index, row.words) for row in FurtherLabel.objects.order_by("pk")] == [
        (3, ""),
        (None, "a boat"),
    ]
    back = [row | {"key": row["key"] + "b", "isSet": False} for row in (mark, named, words)]
    here.say(*back)
    content = page_content(here.page, here.user).images[0]
    assert (content.problem, content.further_labels) == ("", [])


# Without scripts


def fields_of(page):
    """Return what a browser without scripts would send of a page."""
    html = page.content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))
    fields |= dict(re.findall(r'<input type="radio" name="([^"]+)" value="([^"]+)"[^>]* checked', html))
    return fields


def test_without_scripts_a_form_stores_what_was_changed():
    here = Reviewing()
    fields = fields_of(here.client.get(here.address))
    first, second, third = here.items[:3]
    image = here.images[0].public_id
    changes = {
        f"verdict-{first}": "correct",
        f"verdict-{second}": "wrong",
        f"problem-{image}": "edited",
        f"label-{image}": "3",
    }
    answer = here.client.post(here.address, fields | changes, follow=True)
    assert "4 changes stored." in answer.content.decode()
    assert here.verdicts()[:3] == ["correct", "wrong", "unreviewed"]
    assert (ProblemMark.objects.get().reason, require(FurtherLabel.objects.get().label).index) == ("edited", 3)
    again = here.client.post(here.address, fields_of(answer), follow=True)
    assert "Nothing was changed." in again.content.decode()
    assert len(stored()) == 2


def test_a_form_that_was_opened_earlier_changes_only_what_its_reader_changed():
    here = Reviewing()
    first, second = here.items[:2]
    here.say(press(first, "correct"))
    old = fields_of(here.client.get(here.address))
    here.say(press(first, "wrong"))
    here.client.post(here.address, old | {f"verdict-{second}": "unclear"})
    assert here.verdicts()[:2] == ["wrong", "unclear"]


# The tab


def test_a_researcher_opens_assigns_and_closes_a_review():
    here = Reviewing()
    reader = client_of(here.person(Role.RESEARCHER))
    tab = reader.get(f"/review/study/{here.dataset.name}/").content.decode()
    assert "All of it" in tab and "6 predictions on 2 images" in tab
    page = f"/review/{here.review.pk}/"
    assert "thing 0" in reader.get(page).content.decode()
    reader.post(f"{page}assign/", {"family": "thing 0", "people": [here.user.pk]})
    assert here.user.username in reader.get(page).content.decode()
    other = here.person()
    assert "assigned to other reviewers" in client_of(other).get(here.address).content.decode()
    number = here.page.number
    reader.post(f"{page}unassign/{number}/")
    assert "assigned to other" not in client_of(other).get(here.address).content.decode()
    reader.post(f"{page}reason/", {"words": "A collage"})
    assert "A collage" in here.client.get(here.address).content.decode()
    reader.post(f"{page}close/")
    here.review.batch.refresh_from_db()
    assert require(here.review.batch.closed_at) <= now()


def test_the_next_class_is_one_that_waits_for_its_reader():
    here = Reviewing(n_images=1)
    assert here.client.get(f"/review/{here.review.pk}/next/").headers["Location"] == here.address
    here.say(*(press(item, "correct") for item in here.items))
    answer = here.client.get(f"/review/{here.review.pk}/next/", follow=True).content.decode()
    assert "no other class for you" in answer and "reviewed</span>" in answer


def test_an_image_without_a_file_is_shown_as_its_name():
    here = Reviewing()
    here.dataset.images.update(original="", display="", thumbnail="")
    words = here.client.get(here.address).content.decode()
    assert here.images[0].name in words and "no image file" in words


def test_a_review_is_opened_of_a_file_and_later_rows_of_another_are_added():
    here = Reviewing()
    reader, n_images = client_of(here.person(Role.RESEARCHER)), here.dataset.images.count()
    table = SimpleUploadedFile("said.csv", b"image,label,n_models\nfar.jpg,1,3\n")
    fields = {"title": "Of a file", "n_reviewers": "2", "file": table}
    page = reader.post(f"/review/open/{here.dataset.name}/", fields, follow=True)
    assert "Review “Of a file” is open." in page.content.decode()
    assert here.dataset.images.count() == n_images + 1
    later = SimpleUploadedFile("later.csv", b"image,label,n_models\nfar.jpg,1,3\nfar.jpg,2,1\n")
    page = reader.post(f"{page.redirect_chain[-1][0]}predictions/", {"file": later}, follow=True)
    assert "New predictions: 1. Their images: 1. Their classes: 1." in page.content.decode()
    bad = SimpleUploadedFile("bad.csv", b"photo\nfar.jpg\n")
    page = reader.post(f"/review/open/{here.dataset.name}/", fields | {"file": bad}, follow=True)
    assert "bad.csv" in page.content.decode()
    assert reviews_of(here.dataset).count() == 2
