"""The weight of a worker's page, and how still it stands while it loads."""

import re

import brotli
import pytest
from django.test import Client

from tests.factories import make_batch, make_dataset, make_form, make_grid, start, worker_client
from workforce.models import HIT

pytestmark = pytest.mark.django_db(transaction=True)
BROWSERS_READ = {"accept-encoding": "gzip, deflate, br, zstd"}
# HTML, style sheets and scripts as they travel. On a slow telephone (Fast 3G) they take 0.08 s together.
MOST_BYTES_OF_A_PAGE = 15_000
LONGEST_GLOSS = "any of several small breeds of dog that were kept in kitchens to turn the spit, and since then as pets"


def page_of(hit: HIT) -> str:
    """Start a task as a person would, and return the address of its page."""
    return start(hit.batch).headers["Location"]


def make_long_grid() -> HIT:
    dataset = make_dataset(images_per_grid=48)
    dataset.label_set.labels.update(words="turnspit, turnspit dog, kitchen dog, vernepator cur", gloss=LONGEST_GLOSS)
    dataset.label_set.labels.update(wikipedia_url="https://en.wikipedia.org/wiki/Turnspit_dog")
    return make_grid(n_images=48, batch=make_batch(dataset)).hit


def make_long_form() -> HIT:
    hit = make_form(labels=tuple(range(4))).hit
    labels = hit.batch.dataset.label_set.labels
    labels.update(words="turnspit, turnspit dog, kitchen dog, vernepator cur", gloss=LONGEST_GLOSS)
    labels.update(wikipedia_url="https://en.wikipedia.org/wiki/Turnspit_dog")
    return hit


def bytes_sent(client: Client, address: str) -> tuple[int, str]:
    """Return how many bytes of content a browser receives, and what they say."""
    answer = client.get(address, headers=BROWSERS_READ)
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, "br")
    return len(answer.content), brotli.decompress(answer.content).decode()


@pytest.mark.parametrize("make", [make_long_grid, make_long_form])
def test_page_style_sheets_and_scripts_are_light(make):
    hit: HIT = make()
    client = worker_client()
    n_bytes, page = bytes_sent(client, page_of(hit))
    # A script's imports stand on the page too, as preloads.
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+\.(?:css|js))"', page))
    weights = {"page": n_bytes} | {address: bytes_sent(client, address)[0] for address in files}
    assert len([address for address in files if address.endswith(".css")]) == 1
    assert sum(weights.values()) <= MOST_BYTES_OF_A_PAGE, weights
