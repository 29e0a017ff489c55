"""A new SECRET_KEY in the middle of the work: with the old one among the earlier keys, nothing becomes void."""

import re
import secrets
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.core import signing
from django.urls import reverse

from contains_task.models import ContainsVote
from dashboard.payments.decisions import SECOND_SALT
from tests.contains_task.test_views import address, answer, hidden, joined, shown
from tests.factories import make_form, make_grid, sign_in, staff_client, start, unique, worker_client
from tests.required import require
from tests.workforce.assignments_by_hand import make_offered_grid
from tests.workforce.test_frame_pages import Frame, handed_over, listed
from workforce.models import Submission
from workforce.reads import image_handle
from workforce.votes.actions import take_in_recovered

pytestmark = pytest.mark.django_db
PICTURE = re.compile(r'(?:src|href)="(/i/[^"]*)"')
REPORT = {"report": "1", "report_kind": "other", "report_words": "The third photograph is upside down."}


@pytest.fixture(params=["kept", "kept among others", "dropped"])
def change_key(request, settings):
    """Return a function that changes the key, and whether the earlier one is kept among SECRET_KEY_FALLBACKS."""

    def change() -> bool:
        earlier, settings.SECRET_KEY = settings.SECRET_KEY, secrets.token_urlsafe(50)
        others = [secrets.token_urlsafe(50)] if request.param == "kept among others" else []
        settings.SECRET_KEY_FALLBACKS = [] if request.param == "dropped" else [*others, earlier]
        return request.param != "dropped"

    return change


def loads(page) -> set[int]:
    """The statuses of a page's pictures."""
    addresses = PICTURE.findall(page.content.decode())
    assert addresses
    answers = [worker_client().get(picture) for picture in addresses]
    # Read to its end, a file is closed.
    assert all(b"".join(answer) for answer in answers)
    return {answer.status_code for answer in answers}


def images_of(grid, handles: list[str], name: str = "ann") -> list[str]:
    """The images of a page's cells, in its order."""
    lease = grid.hit.leases.get(worker__identity__external_id=name)
    by_handle = {image_handle(lease, cell.image.public_id): cell.image.public_id for cell in grid.cells.all()}
    return [by_handle[handle] for handle in handles]


@pytest.mark.parametrize("n_selected", [0, 2])
def test_a_page_from_before_loads_its_pictures_and_its_answer_counts_as_it_was_meant(change_key, n_selected):
    grid = make_grid(n_images=6)
    page = joined(grid)
    handles = shown(page)
    images = images_of(grid, handles)
    is_kept = change_key()
    assert loads(page) == ({200} if is_kept else {404})
    fields = hidden(page) | {"selected": handles[:n_selected]}
    response = answer(grid, fields)
    if not is_kept:
        assert response.status_code == 403 and not Submission.objects.exists()
        return
    assert response.status_code == 303
    stored = Submission.objects.get().answer
    assert (stored["shown"], stored["selected"]) == (images, sorted(images[:n_selected]))
    votes = ContainsVote.objects.filter(selected=True).values_list("image__public_id", flat=True)
    assert (sorted(votes), ContainsVote.objects.count()) == (sorted(images[:n_selected]), 6)
    assert answer(grid, fields).status_code == 303, "the same again is the same answer"
    assert Submission.objects.count() == 1 and Submission.objects.get().answer == stored


def test_a_page_shown_again_keeps_its_handles_and_its_selection(change_key):
    grid = make_grid(n_images=6)
    page = joined(grid)
    handles = shown(page)
    images = images_of(grid, handles)
    if not change_key():
        return
    again = answer(grid, hidden(page) | {"selected": handles[1:3]} | REPORT)
    assert shown(again) == handles
    marked = re.findall(r'value="([^"]+)" checked', again.content.decode())
    assert marked == handles[1:3] and loads(again) == {200}
    assert answer(grid, hidden(again) | {"selected": marked}).status_code == 303
    assert Submission.objects.get().answer["selected"] == sorted(images[1:3])


def test_a_page_opened_afterwards_is_made_under_the_new_key(change_key):
    grid = make_grid(n_images=6)
    before = shown(joined(grid))
    is_kept = change_key()
    page = worker_client().get(address(grid))
    assert set(shown(page)).isdisjoint(before) and loads(page) == {200}
    assert answer(grid, hidden(page) | {"selected": shown(page)[:1]}).status_code == 303
    # Where it was dropped for being known to others, an old page opens nothing.
    assert is_kept or before


def test_a_form_is_answered_across_the_change(change_key):
    form = make_form(labels=(1, 2))
    client = worker_client()
    page = start(form.hit.batch, client=client, follow=True)
    is_kept = change_key()
    assert loads(page) == ({200} if is_kept else {404})
    sent = hidden(page) | {"selected": ["2"], "main": "2"}
    response = client.post(f"/classify/{form.hit.public_id}/?worker=ann", sent)
    assert response.status_code == (303 if is_kept else 403)


@pytest.mark.parametrize("proof", ["receipt", "copy", "both"])
def test_an_answer_in_a_frame_is_proven_across_the_change(change_key, proof):
    grid, external_hit_id = make_offered_grid()
    frame = Frame(grid.hit, external_hit_id)
    page = frame.open()
    fields = frame.send(page, selected=frame.handles()[:1]).json()["hand_over"]["fields"]
    named = {"receipt": ["receipt"], "copy": ["lease", "selected"], "both": list(fields)}[proof]
    is_kept = change_key()
    outcome = listed(frame, {name: fields[name] for name in named})[0]
    assert outcome == ("confirmed" if is_kept else "recovered" if proof != "receipt" else "unreadable")


@pytest.mark.parametrize("n_selected", [0, 1])
def test_an_answer_that_came_through_the_marketplace_alone_is_read_across_the_change(change_key, n_selected):
    grid, external_hit_id = make_offered_grid()
    frame = Frame(grid.hit, external_hit_id)
    frame.open()
    handles = frame.handles()[:n_selected]
    images = [cell.image.public_id for cell in grid.cells.select_related("image")][:n_selected]
    is_kept = change_key()
    fields = {"lease": frame.lease.public_id, "selected": " ".join(handles) or "none"}
    assert listed(frame, fields)[0] == "recovered"
    take_in_recovered()
    answered = Submission.objects.get().answer
    if is_kept or not n_selected:
        assert (answered["selected"], len(answered["shown"])) == (images, 3)
    else:
        assert "selected" not in answered


def test_an_answer_sent_before_is_handed_over_afterwards(change_key):
    grid, external_hit_id = make_offered_grid()
    frame = Frame(grid.hit, external_hit_id)
    frame.send(frame.open())
    change_key()
    _, fields = handed_over(frame.open())
    assert listed(frame, fields)[0] == "confirmed"


def test_a_preview_keeps_its_pictures(change_key):
    grid, external_hit_id = make_offered_grid()
    page = Frame(grid.hit, external_hit_id, assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE").open()
    assert loads(page) == {200}
    is_kept = change_key()
    assert loads(page) == ({200} if is_kept else {404})


def test_who_is_signed_in_stays_so_and_the_link_for_a_second_person_opens(change_key):
    client = staff_client(signed_in=False)
    person = get_user_model().objects.create_user(unique("researcher"), password="a long pass phrase", is_staff=True)
    sign_in(client, person)
    token = signing.dumps({"listed": 0, "reason": "x", "by": person.pk}, salt=SECOND_SALT, compress=True)
    is_kept = change_key()
    answer = client.get(reverse("datasets"))
    assert answer.status_code == (200 if is_kept else 302)
    assert is_kept or urlsplit(require(answer.headers["Location"])).path == "/login/"
    if is_kept:
        assert signing.loads(token, salt=SECOND_SALT, max_age=60)["by"] == person.pk
        assert client.get(reverse("datasets")).status_code == 200, "the session goes on under the new key"
