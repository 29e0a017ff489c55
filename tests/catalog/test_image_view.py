"""Photographs are served under opaque addresses, and nothing around them tells what they show."""

from datetime import timedelta

import pytest

from catalog import reads as catalog_reads
from catalog.actions import add_image
from catalog.models import Image
from catalog.reads import now
from contains_task.models import Grid
from tests.factories import (
    make_dataset,
    make_form,
    make_grid,
    make_lease,
    small_photograph,
    staff_client,
    worker_client,
)
from tests.required import require
from workforce.actions import expire_leases
from workforce.models import Lease
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db


def read(response):
    """The answer, read to its end, which closes it."""
    response.body = b"".join(response) if response.streaming else response.content
    return response


def for_staff(image: Image, client=None):
    return read((client or staff_client()).get(f"/i/{image.public_id}.jpg"))


def at_work(lease: Lease, image: Image, size: str = "", client=None):
    address = f"/i/{lease.public_id}/{size}{image_handle(lease, image.public_id)}.jpg"
    return read((client or worker_client()).get(address))


@pytest.fixture
def grid() -> Grid:
    return make_grid(n_images=2)


@pytest.fixture
def lease(grid) -> Lease:
    return make_lease(grid.hit.batch)


@pytest.fixture
def image(grid) -> Image:
    return grid.cells.get(position=0).image


@pytest.mark.parametrize("size", ["", "cell/"])
def test_a_person_sees_the_photographs_of_the_page_at_work(lease, image, size):
    response = at_work(lease, image, size)
    assert response.status_code == 200
    assert response.body.startswith(b"\xff\xd8")
    assert response.headers["Content-Type"] == "image/jpeg"


def test_the_photograph_of_a_form_is_seen_too():
    form = make_form()
    assert at_work(make_lease(form.hit.batch), form.image).status_code == 200


def test_an_address_works_for_one_lease_and_its_images_only(grid, lease, image):
    other_grid = make_grid()
    other_lease, other_image = make_lease(other_grid.hit.batch), require(other_grid.cells.first()).image
    assert at_work(lease, other_image).status_code == 404
    of_other_lease = f"/i/{lease.public_id}/{image_handle(other_lease, image.public_id)}.jpg"
    assert worker_client().get(of_other_lease).status_code == 404


def test_two_people_have_different_addresses_for_one_image(grid, lease, image):
    assert image_handle(make_lease(grid.hit.batch), image.public_id) != image_handle(lease, image.public_id)


def test_the_address_depends_on_a_secret_of_the_site(lease, image, settings):
    before = image_handle(lease, image.public_id)
    settings.SECRET_KEY = "another" * 10
    assert image_handle(lease, image.public_id) != before


@pytest.mark.parametrize(("hours", "status"), [(1.9, 200), (2.1, 404)])
def test_an_address_ends_with_its_lease_and_a_grace(lease, image, hours, status):
    catalog_reads.fixed_now = now() + timedelta(hours=hours)
    try:
        expire_leases()
        assert at_work(lease, image).status_code == status
    finally:
        catalog_reads.fixed_now = None


def test_the_browser_keeps_a_photograph_no_longer_than_its_address_lives(lease, image):
    headers = at_work(lease, image).headers
    assert headers["Cache-Control"].startswith("private, max-age=71")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "ETag" not in headers
    assert "Last-Modified" not in headers


def test_a_photograph_has_its_own_name_for_staff_on_the_staff_origin_only(image):
    assert for_staff(image).status_code == 200
    assert for_staff(image, staff_client(signed_in=False)).status_code == 403
    assert for_staff(image, worker_client()).status_code == 404


def test_no_header_tells_the_imported_name_the_dataset_or_the_label():
    dataset = make_dataset(name="secret-dataset")
    label = dataset.label_set.labels.get(index=1)
    image, _ = add_image(
        dataset=dataset, name="n02123045_tabby.jpg", dataset_label=label, photograph=small_photograph()
    )
    lease = make_lease(make_grid(images=[image]).hit.batch)
    for response in (at_work(lease, image), at_work(lease, image, "cell/"), for_staff(image)):
        headers = " ".join(f"{name}: {value}" for name, value in response.headers.items())
        assert all(word not in headers for word in ("tabby", "n02123045", "secret-dataset", label.words))
        assert not response.cookies


def test_an_image_without_a_file_is_not_found():
    image = Image.objects.create(dataset=make_dataset(), name="replayed")
    assert for_staff(image).status_code == 404
    assert at_work(make_lease(make_grid(images=[image]).hit.batch), image).status_code == 404


@pytest.mark.parametrize("name", ["nobody-has-this", "..%2f..%2fetc%2fpasswd", "a/b", "a/b/c"])
def test_an_unknown_name_is_not_found(name):
    assert worker_client().get(f"/i/{name}.jpg").status_code == 404
    # What may be an address of the work is looked for on that side.
    response = staff_client().get(f"/i/{name}.jpg")
    if name == "a/b":
        response = worker_client().get(response["Location"])
    assert response.status_code == 404


def test_the_imported_name_is_no_address(image):
    assert staff_client().get(f"/i/{image.name}").status_code == 404
