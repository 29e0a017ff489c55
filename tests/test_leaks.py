"""What a person at work can see of a grid: its HTML, headers, addresses and the bytes of its images.

None of it may tell a synset, a class other than the question's, a file, a dataset, or which cells are controls. (T20
of the security scenarios; SOAK=1 for 500 grids.) The scan is run over pages with a leak put in too: it must find it.
"""

import io
import os
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from PIL import Image as Pillow

from candidates.grids import open_grids_with_controls
from catalog.actions import add_image, add_label_set, create_dataset
from catalog.label_data import LabelRecord
from catalog.models import Dataset, Image
from catalog.photographs import read_photograph
from contains_task.models import Role
from tests.factories import make_batch, make_worker, worker_client
from tests.workforce.assignments_by_hand import external, make_terms, offer
from workforce.actions import identify_worker, take_lease
from workforce.models import Batch

pytestmark = pytest.mark.django_db

SOAK = bool(os.environ.get("SOAK"))
N_GRIDS = 500 if SOAK else 40
CELLS = 16
IMAGES_OF_A_LABEL = 12
TILE = re.compile(r'<div class="tile.*?</div>', re.DOTALL)
ADDRESS = re.compile(r'(?:src|href)="(/i/[^"]*)"')
OPAQUE = re.compile(r"/i/[\w-]{22}/(cell/)?[\w-]{24}\.jpg")
VALUE = re.compile(r'name="selected" value="([^"]*)"')
# Of a response to an image, what may differ between images: its size.
MAY_DIFFER = {"Content-Length"}


def strange_word() -> str:
    return "w" + secrets.token_hex(5)


def photograph_of(word: str, number: int):
    """A picture whose file says in every way it can what it shows."""
    exif = Pillow.Exif()
    exif[0x010E], exif[0x9286] = word, word
    picture = io.BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
    Pillow.new("RGB", (40 + number % 7, 40), colour).save(picture, "JPEG", exif=exif, comment=word.encode())
    return read_photograph(picture.getvalue())


def labelled_images(dataset: Dataset, labels, n_images: int) -> list[Image]:
    images = []
    for number in range(n_images):
        label = labels[number % len(labels)]
        name = f"{label.wnid}_{label.words}_{strange_word()}.jpg"
        photograph = photograph_of(f"{label.wnid} {label.words} {name}", number)
        images.append(add_image(dataset=dataset, name=name, dataset_label=label, photograph=photograph)[0])
    return images


@pytest.fixture(scope="module")
def secret_words() -> dict[str, str]:
    return {kind: f"{kind}{strange_word()}" for kind in ("dataset", "pool", "set")}


@pytest.fixture
def batch(secret_words) -> Batch:
    """Open grids with controls of a pool, in a study all names of which are secret."""
    n_labels = 8
    records = [LabelRecord(n, f"n{secrets.randbelow(10**8):08}", strange_word(), "", "", "") for n in range(n_labels)]
    label_set = add_label_set(name=secret_words["set"], labels=records)
    labels = list(label_set.labels.order_by("index"))
    pool = create_dataset(name=secret_words["pool"], label_set=label_set)
    labelled_images(pool, labels, n_labels * 4)
    figures = {"images_per_grid": CELLS, "positive_controls": 3, "negative_controls": 3, "negatives_from": "list"}
    dataset = create_dataset(
        name=secret_words["dataset"], label_set=label_set, contains_answers=1, control_pool=pool, **figures
    )
    images = labelled_images(dataset, labels, n_labels * IMAGES_OF_A_LABEL)
    batch = make_batch(dataset)
    chosen = {label.pk: [labels[at - 1].pk] for at, label in enumerate(labels)}
    while batch.hits.count() < N_GRIDS:
        # The same pairs again and again make grids enough.
        pairs = [(image.pk, label.pk) for image in images for label in labels]
        open_grids_with_controls(batch, pairs, chosen=chosen)
    return batch


def secrets_of(batch: Batch, own_label) -> set[str]:
    """All that a page of the batch that asks about one label may not say."""
    dataset, pool = batch.dataset, batch.settings.control_pool
    labels = list(dataset.label_set.labels.all())
    images = Image.objects.filter(dataset__in=[dataset, pool])
    words = {dataset.name, pool.name, dataset.label_set.name}
    words |= {label.wnid for label in labels} | {label.words for label in labels if label != own_label}
    words |= {image.name for image in images} | {image.name.split("_")[2] for image in images}
    return words | {image.public_id for image in images}


def told(content: bytes, hidden: set[str]) -> set[str]:
    """Those of the secret words that are in the content, in capitals or not."""
    text = content.lower()
    return {word for word in hidden if word.lower().encode() in text}


def skeletons(page: str) -> list[str]:
    """The markup of each tile with the number and the handle of its cell taken out."""
    found = []
    for tile in TILE.findall(page):
        handle = VALUE.search(tile)[1]
        bare = tile.replace(handle, "HANDLE").replace(' loading="lazy"', "")
        found.append(re.sub(r"photograph \d+", "photograph N", bare, flags=re.IGNORECASE))
    return found


def odd_tiles(page: str) -> set[str]:
    """What tiles look like that do not look like most of them."""
    counted = Counter(skeletons(page))
    return set(counted) - {counted.most_common(1)[0][0]}


def transparent_addresses(page: str) -> set[str]:
    return {address for address in ADDRESS.findall(page) if not OPAQUE.fullmatch(address)}


def headers_of(response) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in response.headers.items()).encode()


def pages(batch: Batch, n_pages: int) -> Iterator[tuple]:
    """(lease, response) of so many hand-outs, each to somebody new, as grids come to more than one."""
    client = worker_client()
    for number in range(n_pages):
        worker = identify_worker(marketplace="link", external_id=f"person{number}")
        lease = take_lease(batch=batch, worker=worker)
        yield lease, client.get(f"/contains/{lease.hit.public_id}/?worker=person{number}")


def test_the_pages_of_many_grids_tell_nothing_but_the_question(batch):
    hidden: dict[int, set[str]] = {}
    for lease, response in pages(batch, N_GRIDS):
        label = lease.hit.grid.label
        hidden.setdefault(label.pk, secrets_of(batch, label))
        page = response.content.decode()
        assert len(skeletons(page)) == CELLS
        assert label.words in page
        assert not told(response.content + headers_of(response), hidden[label.pk])
        assert not transparent_addresses(page)
        assert not odd_tiles(page)


@pytest.fixture
def offered(batch) -> Batch:
    """The same study on a marketplace that shows the pages in its frame."""
    Batch.objects.filter(pk=batch.pk).update(marketplace="mturk")
    make_terms(batch)
    batch.refresh_from_db()
    return batch


def framed_pages(batch: Batch, n_pages: int) -> Iterator[tuple]:
    """(grid, worker's id, preview, page of work, page after it) of so many HITs, each with somebody new."""
    client = worker_client()
    for hit in batch.hits.select_related("grid__label", "batch")[:n_pages]:
        worker = external("AWORKER")
        ids = {"assignmentId": external("3ASG"), "hitId": offer(hit), "workerId": worker}
        address = f"/contains/{hit.public_id}/?"
        preview = client.get(address + urlencode(ids | {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}))
        page = client.get(address + urlencode(ids))
        text = page.content.decode()
        hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', text)[1] for name in ("token", "key")}
        client.post(address + urlencode(ids), hidden | {"selected": VALUE.findall(text)[:2]})
        yield hit.grid, worker, preview, page, client.get(address + urlencode(ids))


def test_the_pages_in_a_marketplaces_frame_tell_nothing_but_the_question(offered):
    hidden: dict[int, set[str]] = {}
    for grid, worker, *found in framed_pages(offered, N_GRIDS):
        hidden.setdefault(grid.label_id, secrets_of(offered, grid.label))
        preview, page, after = found
        for response in found:
            assert response.status_code == 200
            assert not told(response.content + headers_of(response), hidden[grid.label_id] | {worker})
        assert b'name="receipt"' in after.content
        for response in (preview, page):
            assert len(skeletons(response.content.decode())) == CELLS
            assert not odd_tiles(response.content.decode())
        assert not transparent_addresses(page.content.decode())
        places = {address.split("/")[2] for address in ADDRESS.findall(preview.content.decode())}
        assert places == {f"preview-{grid.hit.public_id}"}
        assert not set(VALUE.findall(preview.content.decode())) & set(VALUE.findall(page.content.decode()))


def test_the_bytes_and_headers_of_the_images_tell_nothing(batch):
    client = worker_client()
    hidden = secrets_of(batch, None)
    kinds: dict[str, set] = defaultdict(set)
    for _, response in pages(batch, N_GRIDS if SOAK else 6):
        for address in ADDRESS.findall(response.content.decode()):
            picture = client.get(address)
            assert picture.status_code == 200
            assert not told(b"".join(picture) + headers_of(picture) + address.encode(), hidden)
            same = {(name, value) for name, value in picture.headers.items() if name not in MAY_DIFFER}
            kinds[OPAQUE.fullmatch(address)[1] or ""].add(frozenset((n, re.sub(r"\d{4}", "S", v)) for n, v in same))
    assert {kind: len(found) for kind, found in kinds.items()} == {"": 1, "cell/": 1}


def test_neither_place_nor_handle_of_a_cell_tells_a_control(batch):
    places: dict[str, list[float]] = defaultdict(list)
    for lease, response in pages(batch, N_GRIDS):
        page = VALUE.findall(response.content.decode())
        role_of = dict(lease.hit.grid.cells.values_list("image__public_id", "role"))
        answer = [role_of[image] for image in shown_images(lease, page)]
        for place, role in enumerate(answer):
            places["control" if role == Role.CONTROL else "question"].append((place + 0.5) / CELLS)
    for found in places.values():
        # The mean of n places drawn from 0 to 1 strays from a half by 0.29 / sqrt(n).
        assert abs(sum(found) / len(found) - 0.5) < 5 * 0.29 / len(found) ** 0.5
    assert len(places["control"]) >= 6 * N_GRIDS


def shown_images(lease, handles: list[str]) -> list[str]:
    """What the handles of a page stand for, as the raw answer keeps it."""
    client = worker_client()
    participant = lease.worker.identity.external_id
    address = f"/contains/{lease.hit.public_id}/?worker={participant}"
    page = client.get(address).content.decode()
    hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("token", "key")}
    assert VALUE.findall(page) == handles
    assert client.post(address, hidden).status_code == 303
    lease.refresh_from_db()
    return lease.submission.answer["shown"]


def test_the_scan_finds_a_word_that_leaks(batch):
    lease, response = next(pages(batch, 1))
    own = lease.hit.grid.label
    hidden = secrets_of(batch, own)
    other = next(label for label in batch.dataset.label_set.labels.all() if label != own)
    image = batch.dataset.images.first()
    for leak in (other.words, own.wnid, image.name, batch.dataset.name, image.public_id, other.words.upper()):
        seeded = response.content.replace(b"</form>", leak.encode() + b"</form>")
        assert told(seeded, hidden), leak
    assert told(b"\xff\xd8 comment: " + own.wnid.encode(), hidden)
    assert not told(response.content, hidden)


def test_the_scan_finds_a_tile_and_an_address_that_are_unlike_the_others(batch):
    _, response = next(pages(batch, 1))
    page = response.content.decode()
    tile = TILE.findall(page)[3]
    for seeded in (
        tile.replace('class="tile"', 'class="tile control"'),
        tile.replace("<input", '<input data-expected="1"'),
        tile.replace("<label>", "<label >"),
        tile.replace('alt="photograph', 'title="gold" alt="photograph'),
    ):
        assert odd_tiles(page.replace(tile, seeded)), seeded
    assert transparent_addresses(page.replace("/i/", "/i/control/", 1))
    assert transparent_addresses(page.replace('.jpg"', '.jpg?role=1"', 1))


def test_the_scan_finds_words_in_a_picture_as_it_was_imported(batch):
    image = batch.dataset.images.first()
    with image.original.open() as original:
        assert told(original.read(), secrets_of(batch, None))
    assert make_worker(), "the picture's own words are what the scan looks for"
