"""Ids of another study in a form or in an address: they name nothing here."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from access.memberships.actions import give_role
from access.models import Role
from catalog.actions import change_settings, create_dataset
from catalog.models import Classifier, Prediction
from catalog.reads import current_settings
from jobs.models import Job
from tests.annotation_site.address_study import Study, asked
from tests.dashboard.setup.test_settings_page import as_sent
from tests.factories import (
    client_of,
    make_batch,
    make_dataset,
    make_grid,
    make_images,
    make_member,
    member_client,
)
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def researcher(dataset):
    return make_member(dataset, Role.RESEARCHER)


@pytest.fixture
def client(researcher):
    return client_of(researcher)


def foreign_to(dataset, name: str = "secret study"):
    """Another study with the same labels, of which the researcher knows nothing."""
    return create_dataset(name=name, label_set=dataset.label_set)


def test_a_foreign_study_is_no_pool_of_control_images(dataset, researcher, client):
    foreign, address = foreign_to(dataset), f"/setup/settings/{dataset.name}/"
    assert foreign.name not in client.get(address).content.decode()
    answer = client.post(address, as_sent(dataset, control_pool=foreign.pk))
    assert answer.status_code == 422 and foreign.name not in answer.content.decode()
    assert current_settings(dataset).control_pool is None
    for role, status in ((Role.LABELER, 422), (Role.READER, 302)):
        give_role(dataset=foreign, user=researcher, role=role, by=None)
        assert client.post(address, as_sent(dataset, control_pool=foreign.pk)).status_code == status
    assert current_settings(dataset).control_pool == foreign


def test_a_pool_that_somebody_else_chose_stays_when_other_settings_change(dataset, client):
    foreign = foreign_to(dataset)
    change_settings(dataset=dataset, control_pool=foreign)
    answer = client.post(f"/setup/settings/{dataset.name}/", as_sent(dataset, control_pool=foreign.pk, top_k=7))
    assert answer.status_code == 302
    assert (current_settings(dataset).control_pool, current_settings(dataset).top_k) == (foreign, 7)


def test_a_classifier_of_a_foreign_study_counts_nowhere_else(dataset, client):
    (image,) = make_images(foreign_to(dataset), 1)
    classifier = Classifier.objects.create(name="secret net", label_set=dataset.label_set, network="net")
    Prediction.objects.create(classifier=classifier, image=image, labels=[0])
    answer = client.post(f"/setup/settings/{dataset.name}/", as_sent(dataset, classifiers=["secret net"]))
    assert answer.status_code == 422
    assert client.get(f"/setup/predictions/{classifier.pk}/{dataset.name}/").status_code == 404
    assert "secret net" not in client.get(f"/setup/files/{dataset.name}/").content.decode()


def test_the_preview_of_grids_shows_no_foreign_batch(dataset, client):
    make_grid(batch=make_batch(dataset))
    foreign = make_grid(batch=make_batch(foreign_to(dataset)))
    words = client.get(f"/setup/grids/{dataset.name}/?batch={foreign.hit.batch_id}").content.decode()
    assert f"Grids of batch {foreign.hit.batch_id}" not in words and "Grids of batch" in words


def test_pairs_name_images_of_their_own_study_alone(dataset, client):
    (image,) = make_images(foreign_to(dataset), 1)
    file = SimpleUploadedFile("pairs.csv", f"image,label\n{image.name},0\n".encode())
    client.post(f"/setup/grids/{dataset.name}/", {"profile": "plain", "pairs": file})
    job = Job.objects.filter(dataset=dataset).first()
    assert job is None or not dataset.batches.exists()


def test_decisions_about_payments_reach_no_foreign_assignment_worker_or_hit():
    study = Study()
    foreign = Study()
    worker = foreign.arguments["setup-compensate"]["worker"][0]
    client = study.clients["researcher"]
    address = f"/setup/published/{study.batch.pk}/compensate"
    assert client.get(f"{address}/{worker}/").status_code == 404
    ours = study.arguments["setup-compensate"]["worker"][0]
    hit = foreign.batch.hits.first().public_id
    assert client.get(f"{address}/{ours}/").status_code == 200
    assert client.get(f"{address}/{ours}/?hit={hit}").status_code == 404
    before = foreign.calls_to_come()
    answer, changed = asked(client, "POST", f"/setup/published/{study.batch.pk}/approve/")
    assert answer.status_code == 302 and changed
    client.post(f"/setup/published/{study.batch.pk}/approve/", {"newest": 10**9})
    assert foreign.calls_to_come() == before
    assert pseudonym(study.dataset, 1) != pseudonym(foreign.dataset, 1)


@pytest.mark.parametrize(
    ("role", "is_foreign", "status"),
    [
        (Role.RESEARCHER, False, 302),
        (Role.RESEARCHER, True, 413),
        (Role.READER, False, 413),
        (Role.LABELER, False, 413),
    ],
)
def test_a_large_body_is_read_from_people_who_may_send_it_alone(dataset, role, is_foreign, status, settings, tmp_path):
    settings.UPLOAD_ROOT, settings.FILE_UPLOAD_TEMP_DIR = tmp_path, tmp_path / "incoming"
    settings.LARGEST_UPLOAD_MIB = 1
    client = member_client(make_dataset() if is_foreign else dataset, role)
    upload = SimpleUploadedFile("a.jpg", bytes(400 * 1024))
    answer = client.post(f"/setup/images/{dataset.name}/", {"from": "upload", "files": [upload]})
    assert answer.status_code == status
    assert Job.objects.exists() == (status == 302)
