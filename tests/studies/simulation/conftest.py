from urllib.parse import urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.fixtures import media as media
from tests.fixtures import reader as reader


@pytest.fixture
def site(transactional_db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    server = LiveServer("127.0.0.1")
    settings.WORKER_ORIGIN = f"http://localhost:{urlsplit(server.url).port}"
    settings.STAFF_ORIGIN, settings.ALLOWED_HOSTS = server.url, ["localhost", "127.0.0.1"]
    yield server
    server.stop()
