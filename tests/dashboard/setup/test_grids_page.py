"""The page Grids: each request is carried out once, reported in words, and leaves no files behind."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from aggregation.models import ConfidenceTable
from candidates.models import PotentialLabel
from catalog.models import Dataset
from catalog.reads import current_settings
from contains_task.models import Grid, GridCell
from jobs.actions import do_next_job
from jobs.models import Job
from studies import jobs
from tests.candidates.small_ensemble import coloured_dataset
from tests.factories import make_batch, make_dataset, make_grid, make_images, staff_client
from tests.required import require
from workforce.models import Batch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.MEDIA_ROOT, settings.UPLOAD_ROOT = tmp_path / "media", tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"


@pytest.fixture
def client() -> Client:
    return staff_client()


def with_potential_labels(n_images: int = 36, n_labels: int = 4, **figures: Any) -> Dataset:
    """Return a dataset of images with two potential labels. Grids are small, so that images are left for controls."""
    dataset = coloured_dataset(n_images, n_labels=n_labels, **({"images_per_grid": 12} | figures))
    labels = list(dataset.label_set.labels.order_by("index"))
    for image in dataset.images.select_related("dataset_label"):
        dataset_label = require(image.dataset_label)
        for label in (dataset_label, labels[(dataset_label.index + 1) % n_labels]):
            sources = [{"classifier": "some", "rank": 1}]
            PotentialLabel.objects.create(
                image=image, label=label, is_dataset_label=label == dataset_label, sources=sources
            )
    return dataset


@pytest.fixture
def dataset() -> Dataset:
    return with_potential_labels()


def address(dataset: Dataset) -> str:
    return f"/setup/grids/{dataset.name}/"


def text_of(response) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def page(client: Client, dataset: Dataset, **query: str) -> str:
    response = client.get(address(dataset), query)
    assert response.status_code == 200
    return text_of(response)


def ask(client: Client, dataset: Dataset, **fields: object):
    return client.post(address(dataset), {"profile": "tsipras"} | fields)


def opened(client: Client, dataset: Dataset, **fields: object) -> str:
    """Return the page after the job is done."""
    response = ask(client, dataset, **fields)
    assert (response.status_code, response.url) == (302, address(dataset)), text_of(response)
    assert do_next_job()
    return page(client, dataset)


def csv(*rows: str, name: str = "mine.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(rows).encode())


def opposite() -> SimpleUploadedFile:
    """Return similar labels such that negative controls have none of the label's questions."""
    return csv("label,similar", *(f"{label},{(label + 2) % 4}" for label in range(4)), name="similar.csv")


def uploads_left(settings) -> list[Path]:
    return list(Path(settings.UPLOAD_ROOT).rglob("*.csv"))


def n_of(role: str, expected: bool | None = None) -> int:
    return GridCell.objects.filter(role=role, expected=expected).count()


# Opening


def test_grids_of_a_profile_are_opened_by_a_job_with_their_shortfalls_and_address(client, settings):
    dataset = with_potential_labels(images_per_grid=48)
    settings.WORKER_ORIGIN = "http://work.example.org:8000"
    text = opened(client, dataset, completion_code="C0DE", decline_code="N0", hits_per_worker="5", answers="three")
    batch = Batch.objects.get()
    assert (batch.decline_code, batch.answers) == ("N0", "three")
    assert (batch.completion_code, batch.hits_per_worker) == ("C0DE", 5)
    assert "72 pairs were opened in 4 grids." in text
    assert f"Batch {batch.pk}: http://work.example.org:8000/join/{batch.public_id}" in text
    assert "4 labels have too few images to fill their grids" in text
    assert current_settings(dataset).positive_controls == 5, "the profile's figure is the study's now"
    assert n_of("question") == 72


def test_imagenetv2_has_negative_controls_too(client, dataset):
    opened(client, dataset, profile="imagenetv2", similar=opposite())
    assert Grid.objects.count() == 12, "four labels of 18 pairs, 6 to a grid"
    assert n_of("control", True) == n_of("control", False) == 3 * 12


def test_the_settings_of_the_study_stay_unchanged(client):
    dataset = with_potential_labels(positive_controls=2)
    opened(client, dataset, profile="own")
    assert n_of("control", True) == 2 * Grid.objects.count() == 2 * 8
    assert current_settings(dataset).version == 1


def test_pairs_of_a_file_without_controls_are_opened_and_the_file_is_removed(client, settings):
    dataset = coloured_dataset(3)
    text = opened(client, dataset, profile="plain", pairs=csv("image,label", "00000.jpg,2", "00001.jpg,2"))
    assert "2 pairs were opened in 1 grid." in text
    assert n_of("question") == 2
    assert not uploads_left(settings)


def test_pairs_and_similar_labels_of_files_are_used_with_a_profile(client, dataset, settings):
    text = opened(
        client,
        dataset,
        profile="imagenetv2",
        pairs=csv("image,label", "00000.jpg,0", name="pairs.csv"),
        similar=csv("label,similar", "0,3", "0,2", name="similar.csv"),
    )
    assert "1 pair was opened in 1 grid." in text
    negatives = GridCell.objects.filter(role="control", expected=False)
    # Class 3 is left out: its images have label 0 among their potential ones.
    assert {require(cell.image.dataset_label).index for cell in negatives} == {2}
    assert not uploads_left(settings)


def test_a_bad_file_opens_nothing_and_keeps_its_name(client, dataset, settings):
    text = opened(client, dataset, pairs=csv("image,label", "nobody.jpg,0", "00000.jpg,zebra"))
    assert "failed" in text
    assert "mine.csv: no grids were opened." in text
    assert "line 2: the dataset has no image “nobody.jpg”" in text
    assert str(settings.UPLOAD_ROOT) not in text
    assert not Batch.objects.exists()
    assert not uploads_left(settings)


def test_pairs_opened_before_are_skipped_unless_requested_again(client, dataset):
    opened(client, dataset)
    text = opened(client, dataset)
    assert "No new grids: all 72 pairs were opened before" in text
    assert f"in batch {Batch.objects.get().pk}. To open these pairs again, select “Open pairs again”." in text
    assert Batch.objects.count() == 1
    opened(client, dataset, again="on")
    assert Batch.objects.count() == 2


def test_a_worker_killed_after_the_grids_were_stored_does_not_open_them_twice(client, dataset, monkeypatch):
    ask(client, dataset, again="on", pairs=csv("image,label", "00000.jpg,0"))
    job = Job.objects.get()
    report = jobs.open_contains_grids(job, None)
    assert Grid.objects.count() == 1
    # Begun again by another worker, which finds the job unfinished and its file gone.
    assert do_next_job()
    assert Grid.objects.count() == 1
    assert Job.objects.get().report == report


def test_a_lost_database_leaves_the_file_for_the_next_try(client, dataset, settings, monkeypatch):
    ask(client, dataset, pairs=csv("image,label", "00000.jpg,0"))

    def lose_database(**options: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as broken:
        broken.setattr(jobs, "open_as_asked", lose_database)
        with pytest.raises(OperationalError):
            do_next_job()
    assert len(uploads_left(settings)) == 1
    assert do_next_job()
    assert Grid.objects.count() == 1
    assert not uploads_left(settings)


def test_a_second_request_during_the_job_stores_no_file(client, dataset, settings):
    ask(client, dataset)
    assert ask(client, dataset, pairs=csv("image,label", "00000.jpg,0")).status_code == 302
    assert "already in progress" in page(client, dataset)
    assert not uploads_left(settings)
    assert Job.objects.count() == 1


# Rejected forms


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"profile": "plain"}, "need a file of pairs"),
        ({"profile": "else"}, "Select a valid choice"),
        ({"hits_per_worker": "0"}, "greater than or equal to 1"),
        ({"completion_url": "javascript:alert(1)"}, "Enter a valid URL"),
        ({"completion_url": "ftp://a.example.org"}, "begins with http:// or https://"),
        ({"completion_code": "a\u200bb"}, "Use printable characters only"),
        ({"completion_code": "c" * 61}, "at most 60 characters"),
        ({"decline_url": "ftp://a.example.org"}, "begins with http:// or https://"),
        ({"decline_code": "a\u200bb"}, "Use printable characters only"),
        ({"adaptive": "on", "accept": "0.1", "reject": "0.9"}, "are not valid for an adaptive batch"),
        ({"adaptive": "on", "min_votes": "6", "max_votes": "5"}, "“Maximum votes for a pair”"),
        ({"adaptive": "on", "min_votes": "2"}, "lower min_shown under Settings"),
        ({"adaptive": "on", "accept": "2"}, "less than or equal to 1"),
    ],
)
def test_an_invalid_field_is_rejected_beside_it_and_the_input_stays(fields, words, client, dataset):
    response = ask(client, dataset, **{"completion_code": "KEPT"} | fields)
    assert response.status_code == 422
    text = text_of(response)
    assert words in text
    assert "--" not in re.sub(r"<!--.*?-->", "", text), "no word of a shell"
    assert f'value="{html.unescape(str(fields.get("completion_code", "KEPT")))}"' in text
    assert not Job.objects.exists()


def test_similar_labels_without_controls_and_missing_potential_labels_are_rejected(client, dataset):
    files = {"pairs": csv("image,label", "00000.jpg,0"), "similar": csv("label,similar", "0,1")}
    text = text_of(ask(client, dataset, profile="plain", **files))
    assert "Without controls there are no negative controls" in text
    assert "Choose the files again" in text
    assert "No potential labels yet" in text_of(ask(client, coloured_dataset(2)))


# Batches


def test_batches_are_listed_with_their_addresses_and_closed_by_a_button(client, settings):
    settings.WORKER_ORIGIN = "http://work.example.org:8000"
    batch = make_grid(n_slots=3).hit.batch
    other = make_grid().hit.batch
    text = page(client, batch.dataset)
    assert f"/join/{batch.public_id}?PROLIFIC_PID" in text
    assert "0 of 3 answers submitted" in text
    assert f"Batch {other.pk}:" not in text, "another dataset's"
    assert f'action="/setup/close/{batch.pk}/"' in text
    assert client.get(f"/setup/close/{batch.pk}/").status_code == 405
    response = client.post(f"/setup/close/{batch.pk}/")
    assert (response.status_code, response.url) == (302, address(batch.dataset))
    batch.refresh_from_db()
    assert batch.closed_at
    text = page(client, batch.dataset)
    assert f"Batch {batch.pk} is closed." in text
    assert f"/setup/close/{batch.pk}/" not in text
    client.post(f"/setup/close/{batch.pk}/")
    assert "was already closed" in page(client, batch.dataset)
    assert client.post("/setup/close/99999999/").status_code == 404
    assert staff_client(signed_in=False).post(f"/setup/close/{other.pk}/").status_code == 302
    other.refresh_from_db()
    assert other.closed_at is None


def test_the_grids_of_a_batch_are_shown_with_the_role_of_every_cell(client, dataset):
    assert "Grids of batch" not in page(client, dataset)
    opened(client, dataset, profile="imagenetv2", similar=opposite())
    first = Batch.objects.get()
    text = page(client, dataset)
    assert "Page 1 of 4" in text
    grid = text[text.index('<article class="grid-preview"') :].split("</article>")[0]
    assert grid.count('class="cell question"') == 6
    assert grid.count('class="cell positive"') == 3
    assert grid.count('class="cell negative"') == 3
    assert "6 × question" in grid
    assert "negative control" in grid
    opened(client, dataset, again="on")
    last = Batch.objects.latest("pk")
    assert f"Grids of batch {last.pk}" in page(client, dataset)
    text = page(client, dataset, batch=str(first.pk), page="2")
    assert f"Grids of batch {first.pk}" in text
    assert f'href="?batch={first.pk}&page=1#preview"' in text
    assert f"Grids of batch {last.pk}" in page(client, dataset, batch="x")


def test_the_shortfall_of_a_grid_is_shown(client, dataset):
    opened(client, dataset, profile="imagenetv2", similar=opposite())
    assert ">only " not in page(client, dataset)
    for grid in Grid.objects.all():
        grid.cells.filter(pk__in=grid.cells.filter(expected=False)[:2]).delete()
    text = page(client, dataset)
    assert text.count(">only 1 of 3 negative controls</span>") == 3
    assert "positive controls</span>" not in text


def test_the_page_takes_no_more_queries_with_more_grids(client, django_assert_max_num_queries):
    dataset = make_dataset()
    batch = make_batch(dataset)
    for _ in range(12):
        make_grid(batch=batch, images=make_images(dataset, 2))
    with django_assert_max_num_queries(23):
        page(client, dataset)


# Adaptive batches


def test_an_adaptive_batch_is_opened_with_its_figures(client, dataset):
    assert "Confidence after a few votes" not in page(client, dataset)
    text = opened(client, dataset, adaptive="on", max_votes="12", accept="0.9", initial_images="2", reject="")
    batch = Batch.objects.get()
    assert (batch.max_votes, batch.accept, batch.reject, batch.initial_images) == (12, 0.9, 0.05, 2)
    assert batch.min_votes == current_settings(dataset).min_shown
    assert "No estimates yet" in text
    assert "Each pair gets 5 to 12 votes. It is accepted at a probability of 0.9 or more" in text


def test_the_estimates_of_an_adaptive_batch_are_a_table_with_the_hardest_class_first(client, dataset):
    opened(client, dataset, adaptive="on")
    batch = Batch.objects.get()
    labels = list(dataset.label_set.labels.order_by("index"))
    for label, votes in ((None, 4.0), (labels[0], 3.0), (labels[1], 8.5)):
        p_good = [[None, 0.1, 0.05], [0.7, 0.4, None], [0.92, 0.5, None]]
        ConfidenceTable.objects.create(
            batch=batch, label=label, n_images=12, p_good=p_good, seen=[[0]], expected_votes=votes
        )
    text = page(client, dataset)
    part = text[text.index('id="confidence"') :].split("</section>")[0]
    heads = re.findall(r'<th scope="row">([^<]+)</th>', part)
    assert heads == ["thing 1", "all classes", "thing 0"]
    assert '<td class="number">0.92</td>' in part
    assert '<td class="number">–</td>' in part
    assert 'width="85.0%"' in part
