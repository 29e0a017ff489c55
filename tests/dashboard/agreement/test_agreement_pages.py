"""The page Agreement: its figures, the images behind each of them, and what it shows to whom."""

import html
import re

import pytest

from access.models import Role
from aggregation.agreement.actions import recompute_agreement
from aggregation.agreement.reads import datasets_to_compute, posteriors_of, shared_answers_of
from aggregation.models import AgreementOfStudy
from catalog.models import Dataset, Image
from tests.aggregation.test_agreement import replayed
from tests.factories import make_dataset, make_member, sign_in, staff_client
from tests.required import require
from workforce.reads import pseudonym


@pytest.fixture
def study(db, tmp_path) -> Dataset:
    dataset = replayed(tmp_path)
    recompute_agreement(dataset=dataset)
    return dataset


def text_of(response) -> str:
    assert response.status_code == 200, response.status_code
    return html.unescape(response.content.decode())


def client_of(dataset: Dataset, role: Role):
    client = staff_client(signed_in=False)
    sign_in(client, make_member(dataset, role))
    return client


def test_the_page_shows_alpha_floor_model_classes_labels_and_workers(study):
    page = text_of(staff_client().get(f"/agreement/study/{study.name}/"))
    assert "votes: 21, image-label pairs: 8, workers: 3" in page
    batch = study.batches.get()
    for words in ("Krippendorff’s alpha", "Noise floor", f"Batch {batch.pk}", "The whole study", "Worker model"):
        assert words in page
    assert "thing 1 or thing 2" in page
    figures = AgreementOfStudy.objects.get(dataset=study)
    assert f"{100 * require(figures.otherwise):.1f} %" in page
    for row in shared_answers_of(study):
        assert f"{row.n_same} of {row.n_both} the same" in page
    assert not re.search(r"style=|<script(?![^>]*src=)", page)


def test_every_figure_opens_its_images(study):
    client = staff_client()
    page = text_of(client.get(f"/agreement/study/{study.name}/"))
    addresses = set(re.findall(r'href="(/agreement/(?:images|workers)/[^"]*)"', page))
    assert {address.split("/")[2] for address in addresses} == {"images", "workers"}
    # The study, a batch, two labels apart and together, and three workers beside each other, read either way.
    assert len(addresses) == 1 + 1 + 2 + 1 + 6
    for address in addresses:
        assert ".jpg</a></h3>" in text_of(client.get(address)), address


def test_images_of_a_label_show_its_pairs_alone_and_the_least_sure_first(study):
    page = text_of(staff_client().get(f"/agreement/images/label/{study.name}/?label=1"))
    assert "thing 1" in page and "thing 2" not in page
    rows = posteriors_of(study).filter(label__index=1).order_by("-otherwise", "image_id")
    assert re.findall(r">(\w\.jpg)</a></h3>", page) == [row.image.name for row in rows]
    both = text_of(staff_client().get(f"/agreement/images/labels/{study.name}/?first=1&second=2"))
    assert re.findall(r">(\w\.jpg)</a></h3>", both)[0] == "d.jpg" and both.count('<th scope="row">thing') == 8


def test_two_workers_are_shown_with_their_answers_the_different_first(study):
    row = max(shared_answers_of(study), key=lambda row: row.n_both)
    first, second = (pseudonym(study, worker) for worker in (row.first_id, row.second_id))
    page = text_of(staff_client().get(f"/agreement/workers/{first}/{second}/{study.name}/"))
    assert page.count("<strong>yes</strong>") == 2 == page.count("<strong>no</strong>")
    assert re.findall(r">(\w\.jpg)</a></h3>", page)[:2] == ["d.jpg", "d.jpg"]
    assert staff_client().get(f"/agreement/workers/{first}/{first}/{study.name}/").status_code == 404
    assert staff_client().get(f"/agreement/workers/{first}/{'0' * 16}/{study.name}/").status_code == 404


@pytest.mark.parametrize(
    "figure", ["nothing/", "label/", "label/?label=99", "label/?label=-1", "label/?label=1e5", "batch/?batch=0"]
)
def test_a_figure_that_there_is_not_has_no_page(study, figure):
    of, _, values = figure.partition("/")
    assert staff_client().get(f"/agreement/images/{of}/{study.name}/{values}").status_code == 404


def test_a_batch_of_another_study_has_no_images_here(study, tmp_path):
    other = make_dataset()
    batch = study.batches.get()
    assert staff_client().get(f"/agreement/images/batch/{other.name}/?batch={batch.pk}").status_code == 404


def test_readers_see_agreement_and_no_workers_and_compute_nothing(study):
    client = client_of(study, Role.READER)
    page = text_of(client.get(f"/agreement/study/{study.name}/"))
    assert "Krippendorff’s alpha" in page and "Workers beside each other" not in page and "Compute again" not in page
    assert client.post(f"/agreement/again/{study.name}/").status_code == 403
    assert datasets_to_compute() == []


def test_the_button_has_the_figures_computed(study):
    response = client_of(study, Role.RESEARCHER).post(f"/agreement/again/{study.name}/")
    assert response.headers["Location"] == f"/agreement/study/{study.name}/"
    assert datasets_to_compute() == [study]


def test_a_study_without_votes_says_so(db):
    study = make_dataset()
    client = staff_client()
    assert "No votes have been counted yet" in text_of(client.get(f"/agreement/study/{study.name}/"))
    recompute_agreement(dataset=study)
    assert "No votes have been counted yet" in text_of(client.get(f"/agreement/study/{study.name}/"))
    assert "No images." in text_of(client.get(f"/agreement/images/unsure/{study.name}/"))


def test_the_page_of_an_image_has_counts_and_model_side_by_side(study):
    image = Image.objects.get(dataset=study, name="a.jpg")
    page = text_of(staff_client().get(f"/images/{image.public_id}/"))
    assert "How certain the frequencies are" in page and "Neither changes the results above." in page
    assert "2/3" in page


def test_the_pages_take_as_many_queries_for_many_images_as_for_few(study, django_assert_max_num_queries):
    client = staff_client()
    with django_assert_max_num_queries(24):
        client.get(f"/agreement/study/{study.name}/")
    with django_assert_max_num_queries(16):
        client.get(f"/agreement/images/unsure/{study.name}/")
