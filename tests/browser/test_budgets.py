"""The weight of a worker's page, and how still it stands while it loads."""

import re

import brotli
import pytest
from django.test import Client
from playwright.sync_api import Page, Response, Route

from catalog.actions import NewImage, add_images
from catalog.models import Image
from catalog.photographs.actions import make_pictures
from catalog.photographs.reads import read_photograph
from studies.demo.photos import demo_photos
from tests.browser.looking import wait_until
from tests.chance import SOAK
from tests.factories import make_batch, make_dataset, make_form, make_grid, start, worker_client
from workforce.models import HIT

pytestmark = pytest.mark.django_db(transaction=True)
BROWSERS_READ = {"accept-encoding": "gzip, deflate, br, zstd"}
# HTML, style sheets and scripts as they travel. On a slow telephone (Fast 3G) they take 0.08 s together.
MOST_BYTES_OF_A_PAGE = 15_000
MOST_BYTES_OF_A_TILE = 800_000 / 48
N_TILES = 48
# Of a grid whose photographs are made and looked at; all of them with `./test --soak`.
N_PHOTOGRAPHS = N_TILES if SOAK else 25
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
DENSE_DESKTOP = DESKTOP | {"device_scale_factor": 2}
# In a page: each photograph of the grid once, from the top down, as a person would see them.
SCROLL_AND_WAIT = """async () => {
  for (const image of document.querySelectorAll(".grid img")) {
    image.scrollIntoView({ block: "center" });
    while (!image.complete) await new Promise(requestAnimationFrame);
    await image.decode();
  }
  await new Promise(requestAnimationFrame);
}"""
SHIFTS = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => resolve(list.getEntries().map((entry) => entry.value)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(resolve, 500, []);
})"""
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


def make_grid_of_photographs() -> HIT:
    """Open a grid of photographs like ImageNet's: those of the demo study, again from the first one if need be."""
    dataset = make_dataset(images_per_grid=N_PHOTOGRAPHS)
    photos = [read_photograph(photo.path.read_bytes()) for photo in demo_photos()]
    new = [NewImage(f"{number}", None, photos[number % len(photos)]) for number in range(N_PHOTOGRAPHS)]
    add_images(dataset=dataset, images=new)
    assert make_pictures(seconds=600) == N_PHOTOGRAPHS
    return make_grid(images=list(Image.objects.filter(dataset=dataset))).hit


def open_while_photographs_wait(page: Page, address: str) -> None:
    """Open a page, and let its photographs come only after it was painted without them."""
    waiting: list[Route] = []
    is_painted: list[bool] = []

    def hold(route: Route) -> None:
        if is_painted:
            route.continue_()
        else:
            waiting.append(route)

    page.route("**/i/**", hold)
    page.goto(address, wait_until="domcontentloaded")
    wait_until(page, "() => performance.getEntriesByName('first-contentful-paint').length > 0")
    is_painted.append(True)
    for route in waiting:
        route.continue_()


def test_tiles_are_light_and_nothing_moves_while_they_come(site, settings, open_page):
    hit = make_grid_of_photographs()
    address = f"{settings.WORKER_ORIGIN}{page_of(hit)}"
    for screen in (PHONE, DESKTOP, DENSE_DESKTOP):
        page: Page = open_page(**screen)
        answers: list[Response] = []

        def keep(answer: Response, answers: list[Response] = answers) -> None:
            if "/i/" in answer.url:
                answers.append(answer)

        page.on("response", keep)
        open_while_photographs_wait(page, address)
        page.evaluate(SCROLL_AND_WAIT)
        assert len(answers) == N_PHOTOGRAPHS, "one size of each"
        assert sum(len(answer.body()) for answer in answers) <= MOST_BYTES_OF_A_TILE * N_PHOTOGRAPHS
        assert page.evaluate(SHIFTS) == []
        page.context.close()
