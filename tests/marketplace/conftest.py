"""The marketplace is a separate project: its tests run under its settings, in a separate process.

`./test --ds=marketplace.settings tests/marketplace` runs them directly; a plain `./test` runs them through
test_in_its_own_settings.py, which is all that is collected under other settings.
"""

from pathlib import Path

import pytest
from django.conf import settings

HERE = Path(__file__).parent
WRAPPER = "test_in_its_own_settings.py"
OWN = settings.ROOT_URLCONF == "marketplace.urls"
OTHERS = [path.name for path in HERE.glob("*.py") if path.name not in (WRAPPER, "conftest.py", "__init__.py")]
collect_ignore = [WRAPPER] if OWN else OTHERS

if OWN:
    from tests.marketplace.parties import Endpoint, Lab, running_endpoint
    from tests.marketplace.worlds import World, make_world

    @pytest.fixture(autouse=True)
    def faults_allowed(settings):
        """Allow faults: only a marketplace with this setting lets the tests move the clock."""
        settings.FAULTS = True

    @pytest.fixture(scope="session")
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
