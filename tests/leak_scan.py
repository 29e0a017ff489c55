"""The bytes that a worker receives with a grid, and searches in them that must find nothing.

Each `check_...` fetches what a browser would and raises AssertionError for what tells more than the question.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from django.test import Client

from catalog.models import Image
from contains_task.models import Role
from tests.factories import make_worker, worker_client
from tests.required import Page, require
from workforce.actions import take_lease
from workforce.models import Batch, Lease
from workforce.reads import image_handle

TILE = re.compile(r'<div class="tile.*?</div>', re.DOTALL)
ADDRESS = re.compile(r'(?:src|srcset|href|action)="([^" ]*)')
SCRIPT = re.compile(r'<script [^>]*src="([^"]*)"')
IMPORTED = re.compile(r'from "([^"]*)"')
OF_PICTURE = re.compile(r"/i/[\w-]{22}/(?:(\d+)/[\w-]{24}|[\w-]{24}\.jpg)")
VALUE = re.compile(r'name="selected" value="([^"]*)"')
# What says which photographs come first: it follows from their place alone.
ORDER = (' loading="lazy"', ' fetchpriority="high"')
# Words of the trade that no page needs; headers have a control of their own (of caches), and a script its name.
FLAGS = re.compile(r"control|gold|expected|padding|decoy|honeypot|repeat|attention(?!\.js)|answer_key", re.IGNORECASE)
# What differs between two loads of one page, or two people's, and says nothing of the cells.
CHANCE = (
    (re.compile(r'(name="(?:token|key)" value=")[^"]*'), r"\1"),
    (re.compile(r"\d+ more minutes?"), "N more minutes"),
)
# Of a response to an image, what may differ between images: its size.
MAY_DIFFER = {"Content-Length"}
SECONDS = re.compile(r"max-age=\d+")
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")

# Of the parts of a JPEG file, those that say how large the picture is and which pixels it has.
START, END, FIRST_SCAN = b"\xff\xd8", b"\xff\xd9", 0xDA
ABOUT_PIXELS = {0xC0, FIRST_SCAN}
WITHOUT_METADATA = [0xE0, 0xDB, 0xDB, 0xC0, 0xC4, 0xC4, 0xC4, 0xC4, 0xDA]
BARE_JFIF = b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


def told(content: bytes, hidden: set[str]) -> set[str]:
    """Return the hidden words in the content, in upper or lower case, in one or two bytes per letter."""
    text = content.lower()
    return {word for word in hidden if any(word.lower().encode(encoding) in text for encoding in ENCODINGS)}


def secrets_of(batch: Batch, own_label) -> set[str]:
    """Return the words that a page of the batch about one label must not contain."""
    dataset, pool = batch.dataset, batch.settings.control_pool
    labels = list(dataset.label_set.labels.all())
    images = Image.objects.filter(dataset__in=[dataset, pool])
    words = {dataset.name, require(pool).name, dataset.label_set.name}
    words |= {word for label in labels for word in (label.wnid, label.superclass)}
    words |= {word for label in labels if label != own_label for word in (label.words, label.gloss)}
    words |= {image.name for image in images} | {image.name.split("_")[2] for image in images}
    return words | {image.public_id for image in images}


def headers_of(response: Page) -> bytes:
    return "\n".join(f"{name}: {value}" for name, value in response.headers.items()).encode()


def pages(batch: Batch, n_pages: int) -> Iterator[tuple[Client, Lease, str, Page]]:
    """(client, lease, address, response) of so many hand-outs, each to somebody new, as grids come to more than one."""
    client = worker_client()
    for _ in range(n_pages):
        worker = make_worker()
        lease = require(take_lease(batch=batch, worker=worker))
        address = f"/contains/{lease.hit.public_id}/?worker={worker.identity.external_id}"
        yield client, lease, address, client.get(address)


# The page


def check_pages(batch: Batch, n_pages: int) -> None:
    """Words in HTML, headers and addresses, also of the answer's response; tiles and frames that are not all alike."""
    hidden: dict[int, set[str]] = {}
    frames: set[str] = set()
    lazy: set[tuple[bool, ...]] = set()
    scripts: set[str] = set()
    others: set[str] = set()
    for n, (client, lease, address, response) in enumerate(pages(batch, n_pages)):
        label = lease.hit.grid.label
        # Their own id came with their address, and is in the addresses that lead on.
        secret_words = hidden.setdefault(label.pk, secrets_of(batch, label)) | others
        others.add(lease.worker.identity.external_id)
        page = response.content.decode()
        assert label.words in page, "this is not the page of the question"
        assert not (findings := told(response.content + headers_of(response), secret_words)), (
            f"the page tells {findings}"
        )
        assert len(VALUE.findall(page)) == batch.settings.images_per_grid == len(skeletons(page))
        assert len(set(skeletons(page))) == 1, f"tiles differ: {Counter(skeletons(page))}"
        lazy.add(tuple(word in tile for tile in TILE.findall(page) for word in ORDER))
        frames.add(frame_of(page, lease))
        scripts |= set(SCRIPT.findall(page))
        if n % 10 == 0:
            check_the_answer(client, address, page, secret_words)
    assert len(lazy) == 1, "which cells are loaded late says more than their place"
    assert len(frames) == 1, "pages differ in more than their question and cells"
    assert not (flags := FLAGS.findall(frames.pop())), f"words of the trade: {flags}"
    check_scripts(scripts, secrets_of(batch, None) | others)


def check_scripts(addresses: set[str], hidden: set[str]) -> None:
    """Words in scripts, those they import, and their headers."""
    seen: set[str] = set()
    waiting = list(addresses)
    assert waiting, "the pages have no script"
    while waiting:
        seen.add(address := waiting.pop())
        response = worker_client().get(address)
        content = b"".join(response)
        assert response.status_code == 200
        assert not (findings := told(content + headers_of(response), hidden)), f"a script tells {findings}"
        # A key that is held down repeats itself.
        text = content.decode().replace("event.repeat", "")
        assert not (flags := FLAGS.findall(text)), f"words of the trade in {address}: {flags}"
        waiting += {urljoin(address, other) for other in IMPORTED.findall(content.decode())} - seen


def skeletons(page: str) -> list[str]:
    """The markup of each tile with the number and the handle of its cell taken out."""
    findings = []
    for tile in TILE.findall(page):
        bare = tile.replace(require(VALUE.search(tile))[1], "HANDLE").replace(ORDER[0], "").replace(ORDER[1], "")
        assert not FLAGS.search(bare), f"words of the trade: {bare}"
        findings.append(re.sub(r"photograph \d+", "photograph N", bare, flags=re.IGNORECASE))
    return findings


def frame_of(page: str, lease: Lease) -> str:
    """The page without its tiles, and with its question, ids and all that is random taken out."""
    label = lease.hit.grid.label
    frame = TILE.sub("", page)
    for pattern, instead in CHANCE:
        frame = pattern.sub(instead, frame)
    for name, text in {
        "LEASE": lease.public_id,
        "HIT": lease.hit.public_id,
        "LINK": label.wikipedia_url,
        "GLOSS": label.gloss,
        "WORDS": label.words,
    }.items():
        frame = frame.replace(text, name)
    return re.sub(r"\s+", " ", frame)


def check_the_answer(client: Client, address: str, page: str, hidden: set[str]) -> None:
    """Check the answer to a submitted grid."""
    fields = {name: require(re.search(rf'name="{name}" value="([^"]+)"', page))[1] for name in ("token", "key")}
    response = client.post(address, fields | {"selected": VALUE.findall(page)[:2]})
    assert response.status_code == 303
    after = client.get(response["Location"])
    reply = headers_of(response) + response.content
    # The next task asks about another class, which it has to name: `check_pages` looks at such pages one by one.
    if b'name="token"' not in after.content:
        reply += headers_of(after) + after.content
    assert not told(reply, hidden)


# Its pictures


def check_pictures(batch: Batch, n_pages: int) -> int:
    """Words in addresses, headers and bytes; metadata in the bytes; headers that differ. Returns how many requests."""
    hidden = secrets_of(batch, None)
    seen: set[bytes] = set()
    headers, bare = defaultdict(set), set()
    n_requests = 0
    for client, _, _, response in pages(batch, n_pages):
        for address in set(ADDRESS.findall("".join(TILE.findall(response.content.decode())))):
            shape = OF_PICTURE.fullmatch(address)
            assert shape, f"{address} tells more than where the picture is"
            picture = client.get(address)
            assert picture.status_code == 200
            content = b"".join(picture)
            n_requests += 1
            assert not (findings := told(headers_of(picture) + address.encode(), hidden)), f"a header tells {findings}"
            headers[shape[1]].add(
                frozenset((name, SECONDS.sub("", it)) for name, it in picture.headers.items() if name not in MAY_DIFFER)
            )
            # The same picture is in many grids; its bytes are looked through once.
            if content not in seen:
                seen.add(content)
                assert not (findings := told(content, hidden)), f"the bytes tell {findings}"
                bare.add(without_pixels(content))
    assert {kind: len(findings) for kind, findings in headers.items()} == {None: 1, "240": 1, "300": 1}, (
        f"headers differ: {headers}"
    )
    assert len(bare) == 1, "pictures differ in more than their size and pixels"
    return n_requests


def check_contents(addresses: set[str], hidden: set[str], seen: set[bytes]) -> None:
    """Words in addresses, headers and bytes, of pictures at these addresses; `seen` are bytes looked through before."""
    client = worker_client()
    for address in addresses:
        picture = client.get(address)
        content = b"".join(picture)
        assert picture.status_code == 200
        assert not (findings := told(headers_of(picture) + address.encode(), hidden)), f"a header tells {findings}"
        if content not in seen:
            seen.add(content)
            assert not (findings := told(content, hidden)), f"the bytes tell {findings}"


def without_pixels(jpeg: bytes) -> tuple:
    """(marker, content) of the parts of a JPEG file that are not about its pixels; all there are must be known ones."""
    parts: list[Any] = []
    offset = len(START)
    assert jpeg.startswith(START)
    while not parts or parts[-1][0] != FIRST_SCAN:
        assert jpeg[offset] == 0xFF
        length = int.from_bytes(jpeg[offset + 2 : offset + 4], "big")
        parts.append((jpeg[offset + 1], jpeg[offset + 4 : offset + 2 + length]))
        offset += 2 + length
    assert [marker for marker, _ in parts] == WITHOUT_METADATA, f"metadata: {[hex(marker) for marker, _ in parts]}"
    assert parts[0][1] == BARE_JFIF, f"metadata: {parts[0]}"
    # Between the scan's start and the end nothing but pixels: a marker would be FF with anything but 0 behind it.
    tail = jpeg[offset:]
    assert tail.endswith(END) and not re.search(rb"\xff[^\x00]", tail[: -len(END)]), "something follows the picture"
    return tuple(part for part in parts if part[0] not in ABOUT_PIXELS)


# Its order


def check_places(batch: Batch, n_pages: int) -> None:
    """Roles that are more often at some places than at others, or side by side.

    The bounds are six standard deviations, so that chance fails them once in some hundred million looks.
    """
    size = batch.settings.images_per_grid
    at_place: dict[str, Counter[int]] = defaultdict(Counter)
    cells: Counter[Any] = Counter()
    beside, expected_beside = 0, 0.0
    for _, lease, _, response in pages(batch, n_pages):
        roles = roles_in_order(lease, VALUE.findall(response.content.decode()))
        for place, role in enumerate(roles):
            at_place[role][place] += 1
            cells[role] += 1
        others = [role != "question" for role in roles]
        beside += sum(map(all, zip(others, others[1:], strict=False)))
        expected_beside += sum(others) * (sum(others) - 1) / size
    assert set(cells) >= {"question", "control True", "control False"}
    assert sum(cells.values()) == n_pages * size
    for role, n in cells.items():
        expected = n / size
        strays = max(abs(at_place[role][place] - expected) for place in range(size))
        assert strays < 6 * max(expected, 1) ** 0.5, f"places of {role}: {at_place[role]}"
    assert abs(beside - expected_beside) < 6 * expected_beside**0.5, f"{beside} pairs side by side"


def roles_in_order(lease: Lease, handles: list[str]) -> list[str]:
    role_of = {
        image_handle(lease, cell.image.public_id): f"{cell.role} {cell.expected}"
        if cell.role == Role.CONTROL
        else str(cell.role)
        for cell in lease.hit.grid.cells.select_related("image")
    }
    return [role_of[handle] for handle in handles]
