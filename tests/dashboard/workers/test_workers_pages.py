"""The pages about workers: their table, one worker, one answer, and the decision to exclude."""

import pytest

from aggregation.models import SelectionFrequency
from tests.dashboard.workers.studies_of_workers import SmallStudy
from tests.factories import make_dataset, make_worker, staff_client
from workforce.models import Bar, Exclusion
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return staff_client()


@pytest.fixture
def study() -> SmallStudy:
    return SmallStudy()


def words_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_an_answer_shows_roles_controls_and_what_others_said(client, study):
    submission = study.answer([0, 3])
    study.answer([0, 1, 2])
    study.answer([0, 2])
    study.aggregate()
    response = client.get(f"/setup/submission/{submission.pk}/")
    page = words_of(response)
    cells = {cell.image: cell for cell in response.context["answer"]["content"]["cells"]}
    assert [cell.image.public_id for cell in response.context["answer"]["content"]["cells"]] == submission.answer[
        "shown"
    ]
    assert [cells[image].is_passed for image in study.images] == [None, None, False, False]
    assert [tuple(cells[image].others) for image in study.images] == [(2, 2), (2, 1), (2, 2), (2, 0)]
    assert "Controls: <b>0 of 2</b> passed." in page and "control: does not show it" in page
    assert "others: 2 of 2" in page


def test_excluded_answers_are_no_longer_what_others_said(client, study):
    submission, other = study.answer([0]), study.answer([1])
    study.aggregate()
    client.post(decision(study, other.worker, "exclude"), {"reason": "Robots."})
    response = client.get(f"/setup/submission/{submission.pk}/")
    assert {cell.others.n for cell in response.context["answer"]["content"]["cells"]} == {0}


def decision(study: SmallStudy, worker, act: str) -> str:
    return f"/setup/worker-decision/{pseudonym(study.dataset, worker.pk)}/{act}/{study.dataset.name}/"


def test_a_worker_has_a_timeline_with_controls_and_states(client, study):
    submission = study.answer([0, 2])
    page = words_of(client.get(f"/setup/worker/{pseudonym(study.dataset, submission.worker_id)}/{study.dataset.name}/"))
    assert f'href="/setup/submission/{submission.pk}/"' in page and "2 / 4" in page and "2 / 2" in page
    assert "Exclude all answers…" in page and "Readmit…" not in page


def test_a_worker_is_excluded_and_readmitted_with_the_effect_shown_before(client, study):
    submissions = [study.answer([0, 1]), study.answer([0]), study.answer([])]
    worker = submissions[0].worker
    study.aggregate()
    effect = client.get(decision(study, worker, "exclude")).context["effect"]
    assert (effect.n_submissions, effect.n_votes, effect.n_images) == (1, 2, 2)
    assert (effect.n_short, effect.n_short_after, effect.n_images_short_after) == (0, 2, 2)
    assert client.post(decision(study, worker, "exclude"), {"reason": " "}).status_code == 422
    assert not Exclusion.objects.exists()
    page = words_of(client.post(decision(study, worker, "exclude"), {"reason": "Robots."}, follow=True))
    assert "1 submission is now excluded." in page and "All work of this worker: Robots." in page
    study.aggregate()
    assert set(SelectionFrequency.objects.values_list("n_shown", flat=True)) == {2}
    effect = client.get(decision(study, worker, "readmit")).context["effect"]
    assert (effect.n_submissions, effect.n_votes, effect.n_images) == (1, 2, 2)
    assert (effect.n_short, effect.n_short_after) == (2, 0)
    assert "1 submission is included again." in words_of(client.post(decision(study, worker, "readmit"), follow=True))
    study.aggregate()
    assert set(SelectionFrequency.objects.values_list("n_shown", flat=True)) == {3}


def test_an_excluded_worker_gets_no_more_work_until_readmitted(client, study):
    worker = study.answer([0, 1]).worker
    assert "checked" in words_of(client.get(decision(study, worker, "exclude")))
    client.post(decision(study, worker, "exclude"), {"reason": "Robots.", "stop": "on"})
    assert Bar.objects.get(lifted_at=None).reason == "Robots."
    client.post(decision(study, worker, "readmit"))
    assert not Bar.objects.filter(lifted_at=None).exists()


def test_unknown_workers_and_decisions_have_no_page(client, study):
    submission = study.answer([0])
    worker = pseudonym(study.dataset, submission.worker_id)
    elsewhere = make_dataset()
    for place in (
        f"/setup/worker/{worker}/{elsewhere.name}/",
        f"/setup/worker/absent/{study.dataset.name}/",
        f"/setup/worker-decision/{worker}/delete/{study.dataset.name}/",
    ):
        assert client.get(place).status_code == 404


class TestTable:
    @pytest.fixture
    def people(self, study):
        people = [make_worker() for _ in range(3)]
        for n, (worker, share) in enumerate(zip(people, (0.5, 0.999, None), strict=True)):
            study.measure(worker, "answers", None, n=n + 1)
            study.measure(worker, "share_selected", share)
        study.measure(people[0], "answers", None, n=7, batch=study.batch)
        return people

    def names(self, client, study, query: str = "") -> list[str]:
        table = client.get(f"/setup/workers/{study.dataset.name}/{query}").context["table"]
        return [item.row.pseudonym for item in table.rows]

    def test_it_sorts_by_each_column_with_unmeasured_workers_last(self, client, study, people):
        names = [pseudonym(study.dataset, worker.pk) for worker in people]
        assert self.names(client, study) == names[::-1]
        assert self.names(client, study, "?sort=answers&order=up") == names
        assert self.names(client, study, "?sort=share_selected") == [names[1], names[0], names[2]]
        assert self.names(client, study, "?sort=share_selected&order=up") == names
        assert self.names(client, study, "?sort=worker") == sorted(names)
        for column in ("recall", "false_alarms", "agreement", "seconds", "pay", "flags"):
            assert sorted(self.names(client, study, f"?sort={column}")) == sorted(names)

    def test_it_filters_and_links_keep_the_filters(self, client, study, people):
        names = [pseudonym(study.dataset, worker.pk) for worker in people]
        assert self.names(client, study, "?fewest=3") == [names[2]]
        assert self.names(client, study, f"?worker={names[1][:6].upper()}") == [names[1]]
        assert self.names(client, study, "?show=flagged") == []
        assert self.names(client, study, f"?batch={study.batch.pk}") == [names[0]]
        page = words_of(client.get(f"/setup/workers/{study.dataset.name}/?fewest=2"))
        assert "?fewest=2&amp;sort=agreement&amp;order=up" in page and 'aria-sort="descending"' in page
        assert "99 %" in page and "100 %" not in page.partition("<tbody>")[2].partition("0–100 %")[0]

    def test_bad_filters_are_named_and_nothing_else_happens(self, client, study, people):
        for query in ("?batch=0", "?sort=password", "?show=x", "?fewest=-1", "?page=x"):
            response = client.get(f"/setup/workers/{study.dataset.name}/{query}")
            assert response.status_code == (200 if "page" in query else 422)

    def test_an_empty_study_says_so(self, client):
        assert "No answers yet." in words_of(client.get(f"/setup/workers/{make_dataset().name}/"))
