"""An account without a required second factor gets nothing of a study: no page, picture or upload."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from access.models import Role
from jobs.models import Job
from tests.factories import make_dataset, make_images, member_client, staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.UPLOAD_ROOT, settings.FILE_UPLOAD_TEMP_DIR = tmp_path, tmp_path / "incoming"
    return make_dataset()


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("is_administrator", [True, False])
def test_an_account_without_a_required_factor_gets_nothing(dataset, settings, required, is_administrator):
    settings.STAFF_SECOND_FACTOR_REQUIRED, settings.LARGEST_UPLOAD_MIB = required, 1
    (image,) = make_images(dataset, 1)
    client = staff_client() if is_administrator else member_client(dataset, Role.OWNER)
    page = client.get(f"/datasets/{dataset.name}/")
    assert (page.status_code, page.headers.get("Location")) == ((302, "/account/") if required else (200, None))
    picture = client.get(f"/i/{image.public_id}.jpg")
    assert picture.status_code == (403 if required else 200)
    assert required or b"".join(iter(picture))
    upload = SimpleUploadedFile("a.jpg", bytes(400 * 1024))
    answer = client.post(f"/setup/images/{dataset.name}/", {"from": "upload", "files": [upload]})
    assert answer.status_code == (413 if required else 302)
    assert Job.objects.exists() != required
