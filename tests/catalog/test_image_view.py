"""Photographs are served under opaque names, and nothing around them tells what they show."""

import pytest

from catalog.actions import add_image
from catalog.models import Image
from tests.factories import make_dataset, make_images, small_photograph, staff_client, worker_client

pytestmark = pytest.mark.django_db


def served(image: Image, client=None):
    """The answer, read to its end and closed, as a server does."""
    response = (client or worker_client()).get(f"/i/{image.public_id}.jpg")
    response.body = b"".join(response)
    response.close()
    return response


def test_a_photograph_is_the_display_copy_byte_for_byte():
    image = make_images(make_dataset(), 1)[0]
    response = served(image)
    assert response.status_code == 200
    assert response.body == small_photograph().display


def test_a_photograph_is_served_on_the_staff_origin_too():
    assert served(make_images(make_dataset(), 1)[0], staff_client()).status_code == 200


def test_the_browser_may_keep_a_photograph_but_not_sniff_share_or_embed_it_elsewhere():
    headers = served(make_images(make_dataset(), 1)[0]).headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in headers["Cache-Control"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_no_header_tells_the_imported_name_the_dataset_or_the_label():
    dataset = make_dataset(name="secret-dataset")
    label = dataset.label_set.labels.get(index=1)
    image, _ = add_image(
        dataset=dataset, name="n02123045_tabby.jpg", dataset_label=label, photograph=small_photograph()
    )
    response = served(image)
    told = " ".join(f"{name}: {value}" for name, value in response.headers.items())
    assert all(word not in told for word in ("tabby", "n02123045", "secret-dataset", label.words))
    assert not response.cookies


def test_an_image_without_a_file_is_not_found():
    image = Image.objects.create(dataset=make_dataset(), name="replayed")
    assert served(image).status_code == 404


def test_an_image_whose_file_is_gone_is_not_found():
    image = make_images(make_dataset(), 1)[0]
    image.display.storage.delete(image.display.name)
    assert served(image).status_code == 404


@pytest.mark.parametrize("name", ["nobody-has-this", "..%2f..%2fetc%2fpasswd", "a/b"])
def test_an_unknown_name_is_not_found(name):
    assert worker_client().get(f"/i/{name}.jpg").status_code == 404


def test_the_imported_name_is_no_address():
    image = make_images(make_dataset(), 1)[0]
    assert worker_client().get(f"/i/{image.name}").status_code == 404
