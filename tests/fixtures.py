"""Fixtures that several folders of tests share; each names in its conftest those that it takes."""

from pathlib import Path

import pytest
from django.test import Client

from api.actions import create_token
from tests.api_reader import Reader


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pictures"


@pytest.fixture
def file(tmp_path):
    def write(text: str | bytes, name: str = "votes.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def reader() -> Reader:
    return Reader(create_token(name="reader")[1], Client())
