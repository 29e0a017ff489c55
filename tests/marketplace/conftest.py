"""The marketplace is a project of its own: its tests run under its settings, in processes of their own.

`./test` sees to that, also for one file or one test of this folder; under other settings nothing here is collected.
"""

from pathlib import Path

import pytest
from django.conf import settings

HERE = Path(__file__).parent
OWN = settings.ROOT_URLCONF == "marketplace.urls"
collect_ignore = (
    [] if OWN else [path.name for path in HERE.glob("*.py") if path.name not in ("conftest.py", "__init__.py")]
)

if OWN:
    from tests.marketplace.parties import Endpoint, Lab, running_endpoint
    from tests.marketplace.worlds import World, make_world

    @pytest.fixture(autouse=True)
    def faults_allowed(settings):
        """Allow faults: only a marketplace with this setting lets the tests move the clock."""
        settings.FAULTS = True

    @pytest.fixture(scope="module")
    def server(django_db_setup, django_db_blocker):
        """Serve the marketplace on a port of its own and on the database of the tests."""
        with django_db_blocker.unblock():
            database = settings.DATABASES["default"]
        with running_endpoint(database) as url:
            yield url

    @pytest.fixture
    def endpoint(server, transactional_db) -> Endpoint:
        return Endpoint(server)

    @pytest.fixture
    def lab(endpoint) -> Lab:
        """Return a requester with 1,000 dollars and a client over HTTP."""
        return endpoint.lab()

    @pytest.fixture
    def world(endpoint, lab) -> World:
        return make_world(endpoint, lab)
