"""Marks of simulated people and of what rests on their answers: on pages, in files, in REST, on the marketplace."""

import pytest
from django.urls import reverse

from aggregation.actions import aggregate
from aggregation.models import WorkerMeasure
from aggregation.quality.actions import recompute
from jobs.models import Job
from mturk.terms.reads import CannotPublish, check_can_publish
from studies.demo.actions import DEMO, NOTE
from tests.commands import refusal, said
from tests.factories import make_batch, make_dataset, make_grid, make_lease, staff_client, tick_images
from workforce.models import Bar, Submission, Worker
from workforce.simulated.actions import enrol
from workforce.simulated.reads import simulated_answers

pytestmark = pytest.mark.django_db
NOTICE = "1 simulated people, with 1 answers"


def make_simulated_answer(**study):
    """A study in which one simulated person has answered, and nobody else."""
    dataset = make_dataset(contains_answers=1, min_shown=1, **study)
    grid = make_grid(n_slots=1, batch=make_batch(dataset))
    enrol(dataset=dataset, names=["0-0-honest"])
    lease = make_lease(grid.hit.batch, Worker.objects.latest("pk"))
    tick_images(lease=lease, selected=[], idempotency_key="k" * 20)
    aggregate(dataset=dataset)
    return dataset


def test_pages_of_a_study_say_that_it_has_simulated_people(media):
    dataset, client = make_simulated_answer(), staff_client()
    for address in (reverse("dataset", args=[dataset.name]), reverse("datasets")):
        assert NOTICE in client.get(address).content.decode()
    assert "simulated people" not in client.get(reverse("dataset", args=[make_dataset().name])).content.decode()
    assert simulated_answers().keys() == {dataset.pk}


def test_one_press_removes_them(media):
    dataset, client = make_simulated_answer(), staff_client()
    recompute(dataset)
    Bar.objects.create(dataset=dataset, worker=Worker.objects.get(), reason="simulated")
    page = client.post(reverse("remove-simulated", args=[dataset.name]), follow=True).content.decode()
    assert "1 simulated people and their 1 answers are deleted." in page and NOTICE not in page
    assert not any(model._default_manager.exists() for model in (Submission, Worker, Bar, WorkerMeasure))


@pytest.mark.django_db(transaction=True)
def test_votes_name_them_and_results_are_refused_unless_they_are_accepted(media):
    dataset = make_simulated_answer()
    words = ("--dataset", dataset.name, "--format", "csv")
    rows = said("export", "contains_votes", *words)[0].splitlines()[1:]
    assert rows and all(",simulated-" in row for row in rows)
    assert "simulated people count" in refusal("export", "selection_frequencies", *words)
    assert said("export", "selection_frequencies", *words, "--with-simulated")[0].splitlines()[1:]


def test_rest_refuses_results_unless_they_are_accepted(media, reader):
    dataset = make_simulated_answer()
    refused = reader.get("selection_frequencies", dataset=dataset.name)
    assert refused.status_code == 400 and "simulated=1" in refused.content.decode()
    assert reader.results("selection_frequencies", dataset=dataset.name, simulated="1")
    assert reader.results("contains_votes", dataset=dataset.name)[0]["worker"].startswith("simulated-")


def test_a_downloaded_file_says_so_in_its_name(media):
    dataset, client = make_simulated_answer(), staff_client()
    names = [
        client.get(reverse("file-of-rows", args=[kind, "csv", dataset.name])).headers["Content-Disposition"]
        for kind in ("selection_frequencies", "potential_labels")
    ]
    assert ["with-simulated-people" in name for name in names] == [True, False]


def test_no_batch_of_the_study_is_published(media):
    dataset = make_simulated_answer()
    with pytest.raises(CannotPublish, match="simulated people"):
        check_can_publish(make_batch(dataset, kind="classify"))


def test_the_first_page_offers_them_for_the_demo_alone(media):
    demo, other = (make_dataset(name=name, note=note) for name, note in ((DEMO, NOTE), ("other", "")))
    for dataset in (demo, other):
        make_grid(batch=make_batch(dataset))
    client = staff_client()
    page = client.get(reverse("datasets")).content.decode()
    assert page.count("Let simulated people fill the demo") == 1
    assert client.post(reverse("simulate", args=[other.name])).status_code == 404
    assert client.post(reverse("simulate", args=[demo.name])).status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.dataset) == ("simulate", demo)
    assert "Simulated people are at work" in client.get(reverse("datasets")).content.decode()
