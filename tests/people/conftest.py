import pytest

from tests.people.stage import running_stage


@pytest.fixture(scope="module")
def stage(request, django_db_setup, django_db_blocker, tmp_path_factory):
    """The people of a module share everything but their names."""
    with django_db_blocker.unblock():
        with_marketplace = getattr(request.module, "WITH_MARKETPLACE", False)
        with running_stage(tmp_path_factory.mktemp("media"), with_marketplace=with_marketplace) as running:
            yield running
