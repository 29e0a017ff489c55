"""The researcher's pages of the study's introduction and of reported problems."""

import pytest
from django.contrib.auth import get_user_model

from tests.factories import sign_in, staff_client
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


def report_problem(frame: Frame, words: str = "Grey <b>squares</b>", *, submit: bool = True) -> Report:
    """Report a problem from a task page, and submit the task."""
    page = frame.open()
    frame.send(page, report="yes", report_kind="pictures", report_words=words)
    if submit:
        frame.send(page)
    return Report.objects.latest("pk")


def test_reported_problems_are_listed_by_pseudonym_and_counted_on_other_pages(client, frame):
    dataset = frame.hit.batch.dataset
    page = client.get(f"/setup/reports/{dataset.name}/").content.decode()
    assert "No problems reported." in page
    report = report_problem(frame)
    page = client.get(f"/setup/reports/{dataset.name}/").content.decode()
    for words in ("Photographs do not load: 1", "Grey &lt;b&gt;squares", pseudonym(dataset, report.lease.worker_id)):
        assert words in page
    assert frame.ids["workerId"] not in page and frame.ids["assignmentId"] not in page
    assert f'href="/setup/report/{report.pk}/exclude/?from=marketplace"' in page
    for address in (f"/datasets/{dataset.name}/", f"/setup/published/{frame.hit.batch_id}/"):
        assert "Reported problems (1)" in client.get(address).content.decode()


def test_a_submission_is_excluded_and_readmitted(client, frame):
    report = report_problem(frame)
    place = f"/setup/report/{report.pk}"
    assert client.post(f"{place}/exclude/", {"reason": " "}).status_code == 422
    assert not Exclusion.objects.exists()
    page = client.post(f"{place}/exclude/", {"reason": "The pictures were not there."}, follow=True)
    assert "is now excluded. It stays stored and paid." in page.content.decode()
    assert Exclusion.objects.get().submission == Submission.objects.get()
    assert client.post(f"{place}/exclude/", {"reason": "Twice."}).status_code == 422
    assert "is now included again" in client.post(f"{place}/readmit/", follow=True).content.decode()
    assert Exclusion.objects.get().lifted_at is not None


def test_a_worker_who_reported_and_could_not_submit_can_be_compensated(client, frame):
    report = report_problem(frame, submit=False)
    dataset = frame.hit.batch.dataset
    page = client.get(f"/setup/reports/{dataset.name}/").content.decode()
    way = f"/setup/published/{frame.hit.batch_id}/compensate/{pseudonym(dataset, report.lease.worker_id)}/"
    assert f'href="{way}?hit={report.lease.hit.public_id}"' in page
    assert client.get(way).status_code == 200
    assert client.get(f"/setup/report/{report.pk}/exclude/").status_code == 404, "there is no submission to exclude"


def test_only_researchers_see_and_decide(frame):
    report = report_problem(frame)
    name = frame.hit.batch.dataset.name
    places = [f"/setup/reports/{name}/", f"/setup/introduction/{name}/", f"/setup/report/{report.pk}/exclude/"]
    for place in places:
        assert staff_client(signed_in=False).get(place).status_code == 302
    guest = staff_client(signed_in=False)
    sign_in(guest, get_user_model().objects.create_user("guest"))
    assert [guest.get(place).status_code for place in places] == [403, 403, 403]
    assert guest.post(places[2], {"reason": "x"}).status_code == 403


def test_an_introduction_is_saved_shown_and_cleared(client, frame):
    dataset = frame.hit.batch.dataset
    place = f"/setup/introduction/{dataset.name}/"
    fields = {"requester_name": "The Vision Lab", "contact": "lab@example.org", "minutes_needed": "4"}
    fields |= {"consent": "a\r\nb", "pay": "£1 for each task", "trace": "on"}
    assert client.post(place, fields).status_code == 302
    assert Introduction.objects.values_list("pay", "trace").get() == ("£1 for each task", True)
    assert "Consent statement 1: 0 people agreed" in client.get(place).content.decode()
    frame.open()
    assert "Consent statement 1: 0 people agreed" in client.get(place).content.decode(), "not confirmed yet"
    row = Introduction.objects.get(dataset=dataset)
    assert (row.requester_name, row.minutes_needed, row.consent) == ("The Vision Lab", 4, "a\nb")
    assert 'value="The Vision Lab"' in client.get(place).content.decode()
    contacts = [{"contact": contact} for contact in ("a\tb", "javascript:alert(1)", "not an address")]
    for invalid in (*contacts, {"minutes_needed": "0"}, {"warning": "x" * 1001}):
        assert client.post(place, fields | invalid).status_code == 422
    assert client.post(place, {}).status_code in (200, 302)
    client.post(place, {"requester_name": ""})
    assert Introduction.objects.get().requester_name == ""


@pytest.mark.parametrize("origin", ["marketplace", "results"])
def test_the_reported_problems_highlight_the_tab_they_are_reached_from(client, frame, origin):
    report = report_problem(frame)
    dataset = frame.hit.batch.dataset
    links = {"marketplace": f"/setup/marketplace/{dataset.name}/", "results": f"/datasets/{dataset.name}/"}
    here = f'<a href="{links[origin]}" aria-current="page">'
    assert f'href="/setup/reports/{dataset.name}/?from=results"' in client.get(links["results"]).content.decode()
    places = [f"/setup/reports/{dataset.name}/", f"/setup/report/{report.pk}/exclude/"]
    for place in places:
        text = client.get(place, {"from": origin}).content.decode()
        assert here in text and text.count('aria-current="page"') == 1
        assert f"?from={origin}" in text
    response = client.post(f"{places[1]}?from={origin}", {"reason": "Grey."})
    assert response["Location"] == f"{places[0]}?from={origin}"
    assert '<a href="/setup/marketplace/' in client.get(places[0], {"from": '"><b>'}).content.decode()
