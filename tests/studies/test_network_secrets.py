"""Pages and files, which show nothing of the network that work came from."""

import pytest

from tests.commands import said as run
from tests.factories import staff_client
from tests.studies.test_network_exclusions import attacked_batch, invented, marks, page_of
from tests.workforce.test_links import ATTACKER, ELSEWHERE

# A file of rows is read in a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def test_no_page_and_no_file_shows_a_mark_or_an_address():
    attacked = attacked_batch()
    client, address = staff_client(), page_of(attacked.dataset)
    client.post(f"{address}?of={invented()[0].pk}", {"reason": "a program"})
    pages = [client.get(f"{address}?of={invented()[0].pk}").content.decode(), client.get(address).content.decode()]
    pages += [run("export", "contains_votes", "--dataset", attacked.dataset.name, "--format", "csv")[0]]
    for secret in (*marks(), ATTACKER, ELSEWHERE):
        assert not any(secret in page for page in pages)
