"""The researcher's pages of what people are told before they begin, and of the problems that they told of."""

import pytest
from django.contrib.auth import get_user_model

from tests.factories import staff_client
from tests.workforce.assignments_by_hand import make_offered_grid
from tests.workforce.test_frame_pages import Frame
from workforce.models import Exclusion, Introduction, Report, Submission
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return staff_client()


@pytest.fixture
def frame() -> Frame:
    grid, external_hit_id = make_offered_grid()
    return Frame(grid.hit, external_hit_id)


def told(frame: Frame, words: str = "Grey <b>squares</b>", *, hand_in: bool = True) -> Report:
    page = frame.open()
    frame.send(page, report="yes", report_kind="pictures", report_words=words)
    if hand_in:
        frame.send(page)
    return Report.objects.latest("pk")


def test_problems_are_listed_by_pseudonym_and_counted_where_a_researcher_looks(client, frame):
    dataset = frame.hit.batch.dataset
    page = client.get(f"/setup/reports/{dataset.name}/").content.decode()
    assert "No problems reported." in page
    report = told(frame)
    page = client.get(f"/setup/reports/{dataset.name}/").content.decode()
    for words in ("Pictures do not load: 1", "Grey &lt;b&gt;squares", pseudonym(dataset, report.lease.worker_id)):
        assert words in page
    assert frame.ids["workerId"] not in page and frame.ids["assignmentId"] not in page
    assert f'href="/setup/report/{report.pk}/exclude/?from=marketplace"' in page
    for address in (f"/datasets/{dataset.name}/", f"/setup/published/{frame.hit.batch_id}/"):
        assert "Reported problems (1)" in client.get(address).content.decode()


def test_an_answer_is_taken_out_by_a_person_and_let_in_again(client, frame):
    report = told(frame)
    place = f"/setup/report/{report.pk}"
    assert client.post(f"{place}/exclude/", {"reason": " "}).status_code == 422
    assert not Exclusion.objects.exists()
    done = client.post(f"{place}/exclude/", {"reason": "The pictures were not there."}, follow=True)
    assert "is now excluded. It stays stored and paid." in done.content.decode()
    assert Exclusion.objects.get().submission == Submission.objects.get()
    assert client.post(f"{place}/exclude/", {"reason": "Twice."}).status_code == 422
    assert "counts again" in client.post(f"{place}/readmit/", follow=True).content.decode()
    assert Exclusion.objects.get().lifted_at is not None


def test_who_told_and_could_not_hand_in_can_be_compensated(client, frame):
    report = told(frame, hand_in=False)
    dataset = frame.hit.batch.dataset
    page = client.get(f"/setup/reports/{dataset.name}/").content.decode()
    way = f"/setup/published/{frame.hit.batch_id}/compensate/{pseudonym(dataset, report.lease.worker_id)}/"
    assert f'href="{way}?hit={report.lease.hit.public_id}"' in page
    assert client.get(way).status_code == 200
    assert client.get(f"/setup/report/{report.pk}/exclude/").status_code == 404, "there is no answer to take out"


def test_only_researchers_look_and_decide(frame):
    report = told(frame)
    name = frame.hit.batch.dataset.name
    places = [f"/setup/reports/{name}/", f"/setup/introduction/{name}/", f"/setup/report/{report.pk}/exclude/"]
    for place in places:
        assert staff_client(signed_in=False).get(place).status_code == 302
    guest = staff_client(signed_in=False)
    guest.force_login(get_user_model().objects.create_user("guest"))
    assert [guest.get(place).status_code for place in places] == [403, 403, 403]
    assert guest.post(places[2], {"reason": "x"}).status_code == 403


def test_what_people_are_told_is_filled_in_shown_again_and_taken_back(client, frame):
    dataset = frame.hit.batch.dataset
    place = f"/setup/introduction/{dataset.name}/"
    told = {"requester_name": "The Vision Lab", "contact": "lab@example.org", "minutes_needed": "4"}
    told |= {"consent": "a\r\nb"}
    assert client.post(place, told).status_code == 302
    stored = Introduction.objects.get(dataset=dataset)
    assert (stored.requester_name, stored.minutes_needed, stored.consent) == ("The Vision Lab", 4, "a\nb")
    assert 'value="The Vision Lab"' in client.get(place).content.decode()
    contacts = [{"contact": wrong} for wrong in ("a\tb", "javascript:alert(1)", "not an address")]
    for wrong in (*contacts, {"minutes_needed": "0"}, {"warning": "x" * 1001}):
        assert client.post(place, told | wrong).status_code == 422
    assert client.post(place, {}).status_code in (200, 302)
    client.post(place, {"requester_name": ""})
    assert Introduction.objects.get().requester_name == ""
