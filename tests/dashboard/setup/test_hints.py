"""Hints on the set-up pages: missing predictions, the work of opening grids, doubtful settings."""

import html

import pytest
from django.test import Client

from candidates.actions import (
    ensure_classifier,
    open_run,
    predict_next_portions,
    stop_run,
    store_predictions,
)
from candidates.models import PotentialLabel, Run
from candidates.reads import portions_to_do
from catalog.actions import change_settings
from catalog.models import Classifier, Dataset, Prediction
from catalog.reads import current_settings
from contains_task.models import Grid
from jobs.actions import do_next_job
from studies.settings.reads import doubts_about
from tests.candidates.small_ensemble import colour_network, coloured_dataset
from tests.chance import SOAK
from tests.factories import make_dataset, make_grid, staff_client, worker_client
from tests.required import require
from workforce.models import Batch, Slot

pytestmark = pytest.mark.django_db
N_IMAGES = 20


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.MEDIA_ROOT, settings.MODELS_ROOT = tmp_path / "media", tmp_path / "models"
    settings.UPLOAD_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"


@pytest.fixture
def dataset() -> Dataset:
    return coloured_dataset(N_IMAGES, images_per_grid=8)


@pytest.fixture
def client() -> Client:
    return staff_client()


def text_of(response) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def page(client: Client, name: str, dataset: Dataset) -> str:
    response = client.get(f"/setup/{name}/{dataset.name}/")
    assert response.status_code == 200
    return text_of(response)


def predicted_elsewhere(dataset: Dataset, name: str, n_images: int) -> Classifier:
    classifier = ensure_classifier(label_set=dataset.label_set, name=name)
    ids = dataset.images.order_by("pk").values_list("pk", flat=True)[:n_images]
    store_predictions(classifier=classifier, predictions=[(pk, [0, 1, 2, 3, 4], []) for pk in ids])
    return classifier


def run_over(dataset: Dataset, settings) -> Run:
    name = colour_network(settings.MODELS_ROOT)
    weights = "0" * 64
    classifier = ensure_classifier(label_set=dataset.label_set, name=name, weights=weights)
    return require(open_run(dataset=dataset, classifier=classifier, n_classes=dataset.label_set.labels.count()))


# Classifiers and potential labels


def test_selected_classifiers_without_predictions_are_named(client, dataset):
    predicted_elsewhere(dataset, "here", N_IMAGES)
    change_settings(dataset=dataset, classifiers=["here", "nowhere", "never"])
    text = page(client, "potential_labels", dataset)
    assert "has no predictions by: nowhere, never. Run the classifiers or import their predictions" in text
    assert "./manage" not in text


def test_an_incomplete_classifier_leads_to_an_import_or_a_run(client, dataset, settings):
    predicted_elsewhere(dataset, "elsewhere", N_IMAGES - 4)
    text = page(client, "potential_labels", dataset)
    assert "elsewhere has not predicted 4 images." in text
    assert "Import more of its predictions" in text and "Run it again" not in text
    run = run_over(dataset, settings)
    store_predictions(classifier=run.classifier, predictions=[(dataset.images.first().pk, [0, 1, 2, 3, 4], [])])
    assert "Run it again" in page(client, "potential_labels", dataset)


def test_an_unknown_network_is_rejected_beside_the_field_in_words_of_the_page(client, dataset):
    response = client.post(f"/setup/classifiers/{dataset.name}/", {"others": "resnet50"})
    text = text_of(response)
    assert response.status_code == 422
    assert "There is no network “resnet50”" in text and "onnx:FILE" in text
    assert "onnx:PATH" not in text
    assert 'aria-invalid="true"' in text and 'id="id_others_error"' in text


def test_a_run_is_stopped_from_its_page_and_resumed(client, dataset, settings):
    run = run_over(dataset, settings)
    assert f"Stop {run.classifier.name}" in page(client, "classifiers", dataset)
    response = client.post(f"/setup/stop_run/{run.pk}/")
    assert (response.status_code, response.url) == (302, f"/setup/classifiers/{dataset.name}/")
    assert not portions_to_do().exists()
    assert predict_next_portions() == 0
    text = page(client, "classifiers", dataset)
    assert "Stopped by researcher" in text and f"Stop {run.classifier.name}" not in text
    assert '<span class="tag bad">' not in text
    assert open_run(dataset=dataset, classifier=run.classifier, n_classes=100) == run
    assert portions_to_do().exists()


def test_only_researchers_stop_a_run_and_an_interrupted_run_stays_as_it_is(dataset, settings):
    run = run_over(dataset, settings)
    assert staff_client(signed_in=False).post(f"/setup/stop_run/{run.pk}/").status_code == 302
    assert worker_client().post(f"/setup/stop_run/{run.pk}/").status_code == 404
    assert Run.objects.get().problem == ""
    Run.objects.update(problem="A fault.")
    stop_run(run=run, by="anna")
    assert Run.objects.get().problem == "A fault."
    assert not Prediction.objects.exists()


# Grids


def with_potential_labels(dataset: Dataset) -> None:
    """Give every image its dataset label as its only potential label."""
    for image in dataset.images.select_related("dataset_label"):
        label, sources = require(image.dataset_label), [{"classifier": "some", "rank": 1}]
        PotentialLabel.objects.create(image=image, label=label, is_dataset_label=True, sources=sources)


def test_the_page_estimates_the_work_before_grids_are_opened(client, dataset):
    with_potential_labels(dataset)
    change_settings(dataset=dataset, positive_controls=2, contains_answers=3, min_shown=3)
    text = page(client, "grids", dataset)
    assert f"{N_IMAGES} potential labels are not in any grid yet" in text
    n_labels = PotentialLabel.objects.values("label").distinct().count()
    per_label = [
        -(-n // 6)
        for n in (
            PotentialLabel.objects.filter(label=pk).count()
            for pk in PotentialLabel.objects.values_list("label", flat=True).distinct()
        )
    ]
    assert len(per_label) == n_labels
    assert f"This study’s settings: {sum(per_label)} grids, {3 * sum(per_label)} answers" in text
    client.post(f"/setup/grids/{dataset.name}/", {"profile": "own"})
    assert do_next_job()
    assert (Grid.objects.count(), Slot.objects.count()) == (sum(per_label), 3 * sum(per_label)), "as estimated"
    assert "not in any grid yet" not in page(client, "grids", dataset)


def test_replayed_answers_leave_a_pair_unopened(client, dataset):
    with_potential_labels(dataset)
    image = dataset.images.first()
    batch = Batch.objects.create(
        dataset=dataset, kind="contains", settings=current_settings(dataset), marketplace="replay"
    )
    make_grid(images=[image], label=image.dataset_label.index, batch=batch)
    assert f"{N_IMAGES} potential labels are not in any grid" in page(client, "grids", dataset)


def test_errors_of_the_form_come_before_the_report_of_the_last_job(client, dataset):
    with_potential_labels(dataset)
    client.post(f"/setup/grids/{dataset.name}/", {"profile": "own"})
    assert do_next_job()
    text = page(client, "grids", dataset)
    assert text.index('id="job-open_contains"') < text.index('enctype="multipart')
    text = text_of(client.post(f"/setup/grids/{dataset.name}/", {"profile": "plain"}))
    assert text.index('role="alert"') < text.index('id="job-open_contains"')


# Settings


def test_too_few_answers_for_candidate_labels_give_a_warning(client, dataset):
    change_settings(dataset=dataset, contains_answers=6, min_shown=5)
    assert not doubts_about(current_settings(dataset))
    assert "is less than min_shown" not in page(client, "settings", dataset)
    change_settings(dataset=dataset, contains_answers=3)
    words = "contains_answers (3) is less than min_shown (5). A single batch then shows each pair to too few workers"
    assert all(words in page(client, name, dataset) for name in ("settings", "grids"))


def test_settings_that_need_every_single_answer_are_warned_of_before_opening(client, dataset):
    change_settings(dataset=dataset, contains_answers=5, min_shown=5)
    words = "contains_answers and min_shown are both 5. After an exclusion, the images of that grid get no candidate"
    assert all(words in page(client, name, dataset) for name in ("settings", "grids"))
    change_settings(dataset=dataset, asks_again=False)
    words = "are both 5, and excluded answers are not replaced."
    assert all(words in page(client, name, dataset) for name in ("settings", "grids"))
    change_settings(dataset=dataset, min_shown=4)
    assert not doubts_about(current_settings(dataset))


def test_every_setting_has_a_title_and_the_name_of_commands(client, dataset):
    text = page(client, "settings", dataset)
    assert 'Answers per grid <code class="code-name">contains_answers</code></label>' in text
    assert "See ratio_numerator" not in text


# Any page


ODD_NAMES = ["a/b", "100 % sure?", "#1", "ä;b", "a\\b", "x..y"]


# In the short form, one name has what is odd about all of them.
@pytest.mark.parametrize("name", ODD_NAMES if SOAK else ["#1 a/b ä;b, 100 % sure? a\\b x..y"])
def test_every_valid_name_has_all_pages(client, name):
    dataset = make_dataset(name=name)
    links = {part.partition('"')[0] for part in text_of(client.get("/")).split('href="')[1:]}
    start = [link for link in links if link.startswith(("/setup/images/", "/datasets/", "/setup/files/"))]
    assert len(start) == 3
    for first in start:
        text = text_of(client.get(first))
        assert dataset.name in text
        for part in text.split('href="')[1:]:
            link = part.partition('"')[0]
            if link.startswith(("/setup/", "/datasets/")):
                assert client.get(link).status_code == 200, link


def test_without_javascript_a_page_says_how_to_update_it(client, dataset):
    address = f"/setup/classifiers/{dataset.name}/"
    assert (
        f'<noscript><p class="soft">Without JavaScript this page does not update itself. <a href="{address}"'
        in page(client, "classifiers", dataset)
    )
