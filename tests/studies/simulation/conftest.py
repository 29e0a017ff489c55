from urllib.parse import urlsplit

import pytest

from tests.fixtures import media as media
from tests.fixtures import reader as reader
from tests.live_server import running_site


@pytest.fixture
def site(transactional_db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    with running_site() as server:
        settings.WORKER_ORIGIN = f"http://localhost:{urlsplit(server.url).port}"
        settings.STAFF_ORIGIN, settings.ALLOWED_HOSTS = server.url, ["localhost", "127.0.0.1"]
        yield server
