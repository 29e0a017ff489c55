"""A researcher's way in a browser from a classifier to open grids, and a worker's to the first answer."""

import re

import pytest
from playwright.sync_api import Page, expect

from candidates.actions import predict_next_portions
from candidates.ensemble.reads import loaded
from candidates.models import PotentialLabel
from contains_task.models import ContainsVote
from jobs.actions import do_next_job
from tests.browser.looking import fits, submit
from tests.browser.researchers import open_as_researcher
from tests.candidates.small_ensemble import colour_network, coloured_dataset
from tests.factories import unique
from workforce.models import Batch

pytestmark = pytest.mark.django_db(transaction=True)
N_IMAGES = 16


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.MEDIA_ROOT, settings.MODELS_ROOT = tmp_path / "media", tmp_path / "models"
    settings.UPLOAD_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"
    loaded.cache_clear()
    colour_network(settings.MODELS_ROOT)


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="This dataset").get_by_role("link", name=name).click()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize("with_script", [True, False])
def test_from_a_classifier_to_the_first_answer_of_a_worker(with_script, site, settings, open_page, tmp_path):
    dataset = coloured_dataset(N_IMAGES, name=unique("study"), images_per_grid=8, contains_answers=1)
    page = open_page(java_script_enabled=with_script, viewport={"width": 390, "height": 800})
    open_as_researcher(page, f"{site}/setup/classifiers/{dataset.name}/")

    for name in ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"):
        page.get_by_label(name).uncheck()
    page.get_by_label("onnx:small.onnx").check()
    page.get_by_label("Other classifiers, one per line").fill("onnx:small.onnx@flip")
    page.get_by_role("button", name="Run classifiers").click()
    expect(page.get_by_role("heading", name="Starting classifiers")).to_be_visible()
    assert do_next_job()
    page.reload()
    expect(page.get_by_text("Started: ")).to_be_visible()
    runs = page.get_by_role("region", name="Runs")
    expect(runs.get_by_role("progressbar")).to_have_count(2)
    while predict_next_portions():
        pass
    if not with_script:
        page.reload()
    expect(runs).to_contain_text("No runs in progress")
    classifiers = page.get_by_role("region", name="Classifiers", exact=True).first
    expect(classifiers).to_contain_text(f"{N_IMAGES} of {N_IMAGES}")

    tab(page, "Potential labels")
    page.get_by_role("button", name="Compute potential labels").click()
    expect(page.get_by_role("heading", name="Computing potential labels")).to_be_visible()
    assert do_next_job()
    page.reload()
    expect(page.get_by_role("img", name=re.compile("Images by number"))).to_be_visible()
    expect(page.get_by_role("button", name="Recompute potential labels")).to_be_visible()

    tab(page, "Grids")
    page.get_by_label("This study’s settings").check()
    page.get_by_label("Completion code").fill("C0DE7")
    page.get_by_role("button", name="Open grids").click()
    expect(page.get_by_role("heading", name="Opening CONTAINS grids")).to_be_visible()
    assert do_next_job()
    page.reload()
    batch = Batch.objects.get(dataset=dataset)
    n_pairs = PotentialLabel.objects.filter(image__dataset=dataset).count()
    expect(page.get_by_text(f"{n_pairs} pairs were opened")).to_be_visible()
    expect(page.get_by_role("heading", name=f"Grids of batch {batch.pk}")).to_be_visible()
    assert fits(page)

    worker = open_page(java_script_enabled=with_script)
    worker.goto(f"{settings.WORKER_ORIGIN}/join/{batch.public_id}?worker=ann")
    worker.get_by_role("button", name="Start").click()
    expect(worker.get_by_role("checkbox").first).to_be_visible()
    first = worker.url
    worker.get_by_role("checkbox").first.check()
    submit(worker)
    expect(worker).not_to_have_url(first)
    assert ContainsVote.objects.filter(selected=True).count() == 1

    page.reload()
    page.get_by_role("button", name=f"Close batch {batch.pk}").click()
    expect(page.get_by_role("status")).to_contain_text(f"Batch {batch.pk} is closed.")


def test_a_figure_that_cannot_be_is_marked_where_it_stands(site, open_page):
    open_page.expect()  # the browser reports the refusal's status as an error
    dataset = coloured_dataset(1, name=unique("study"))
    page = open_page()
    open_as_researcher(page, f"{site}/setup/settings/{dataset.name}/")
    field = page.get_by_label("images_per_grid")
    field.fill("501")
    page.get_by_label("top_k").fill("7")
    page.get_by_role("button", name="Create version").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("at most 500"))
    expect(page.get_by_label("top_k")).to_have_value("7")
    field.fill("24")
    page.get_by_role("button", name="Create version").click()
    expect(page.get_by_role("status")).to_contain_text("From now on, version 2 is used")
    expect(page.get_by_role("table")).to_contain_text("24")
