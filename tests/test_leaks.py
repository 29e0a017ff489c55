"""Leaks to a person at work with a grid: its HTML, headers, addresses and the bytes of its images.

None of it may tell a synset, a class other than the question's, a file, a dataset, or which cells are controls. (T20
of the security scenarios; SOAK=1 for 500 grids.) The same scan is run over a site that was made to leak, too: it must
find each leak.
"""

import io
import os
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models import F
from PIL import Image as Pillow
from PIL import ImageCms, PngImagePlugin

from candidates.grids.actions import open_grids_with_controls
from catalog.actions import add_image, add_label_set, create_dataset
from catalog.label_data import LabelRecord
from catalog.models import Dataset, Image
from catalog.photographs import reads as photographs
from catalog.photographs.reads import read_photograph
from contains_task import views as grid_views
from contains_task.reads import PageCell
from tests.factories import make_batch, worker_client
from tests.leak_scan import (
    OF_PICTURE,
    VALUE,
    check_contents,
    check_pages,
    check_pictures,
    check_places,
    headers_of,
    pages,
    roles_in_order,
    secrets_of,
    skeletons,
    told,
    without_pixels,
)
from tests.required import require
from tests.workforce.assignments_by_hand import external, make_terms, offer
from tests.workforce.starting import opened
from workforce.models import Batch, Lease
from workforce.photographs import views as photograph_views
from workforce.reads import image_handle

# As on the site, each request is a transaction of its own. In one for all, thousands of savepoints lock the same rows,
# for which the database takes time with the square of their number.
pytestmark = pytest.mark.django_db(transaction=True)

SOAK = bool(os.environ.get("SOAK"))
N_GRIDS = 500 if SOAK else 40
N_FRAMED = 500 if SOAK else 12
CELLS = 16
N_LABELS = 8
IMAGES_OF_A_LABEL = 12
KINDS = ("JPEG", "PNG", "WEBP")


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def strange_word() -> str:
    return "w" + secrets.token_hex(5)


def profile_called(word: str) -> bytes:
    """A colour profile with a description of our own, as long as the one it has."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    name = "sRGB built-in"
    renamed = profile.replace(name.encode("utf-16-be"), word[: len(name)].ljust(len(name)).encode("utf-16-be"))
    assert renamed != profile
    return renamed


def file_of(words: str, own_word: str, number: int) -> bytes:
    """An image file of some kind that says in every way it can what it shows."""
    kind = KINDS[number % len(KINDS)]
    exif = Pillow.Exif()
    # Description, comment, and the title as Windows writes it.
    exif[0x010E], exif[0x9286], exif[0x9C9B] = words, words, words.encode("utf-16-le")
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Title", words)
    notes.add_text("Comment", words, zip=True)
    notes.add_itxt("XML:com.adobe.xmp", f"<x>{words}</x>")
    special: dict[str, dict[str, Any]] = {
        "JPEG": {"comment": words.encode(), "xmp": f"<x>{words}</x>".encode()},
        "PNG": {"pnginfo": notes},
        "WEBP": {"xmp": f"<x>{words}</x>".encode()},
    }
    target = io.BytesIO()
    colour = (number * 37 % 256, number * 91 % 256, number * 53 % 256)
    picture = Pillow.new("RGB", (40 + number % 7, 40), colour)
    picture.save(target, kind, exif=exif, icc_profile=profile_called(own_word), **special[kind])
    return target.getvalue() + words.encode()


def labelled_images(dataset: Dataset, labels, n_images: int) -> None:
    for number in range(n_images):
        label = labels[number % len(labels)]
        word = strange_word()
        name = f"{label.wnid}_{label.words}_{word}_.jpg"
        content = file_of(f"{label.wnid} {label.words} {name}", word, number)
        add_image(dataset=dataset, name=name, dataset_label=label, photograph=read_photograph(content))


def label_record(index: int) -> LabelRecord:
    wnid = f"n{secrets.randbelow(10**8):08}"
    words, gloss, superclass, page = (strange_word() for _ in range(4))
    return LabelRecord(index, wnid, words, gloss, superclass, f"https://wiki.example/{page}")


@pytest.fixture
def study() -> Batch:
    """A study all names of which are secret, with grids for all pairs, and controls of a pool."""
    label_set = add_label_set(name=f"set{strange_word()}", labels=map(label_record, range(N_LABELS)))
    labels = list(label_set.labels.order_by("index"))
    pool = create_dataset(name=f"pool{strange_word()}", label_set=label_set)
    labelled_images(pool, labels, N_LABELS * 4)
    figures: dict[str, Any] = {"images_per_grid": CELLS, "positive_controls": 3, "negative_controls": 3}
    figures["negatives_from"] = "list"
    dataset = create_dataset(
        name=f"study{strange_word()}", label_set=label_set, contains_answers=1, control_pool=pool, **figures
    )
    labelled_images(dataset, labels, N_LABELS * IMAGES_OF_A_LABEL)
    return with_grids(make_batch(dataset), 1)


def with_grids(batch: Batch, n_grids: int) -> Batch:
    """The same pairs again and again make grids enough."""
    labels = list(batch.dataset.label_set.labels.order_by("index"))
    chosen = {label.pk: [labels[i - 1].pk] for i, label in enumerate(labels)}
    pairs = [(image.pk, label.pk) for image in batch.dataset.images.all() for label in labels]
    while batch.hits.filter(slots__state="free").count() < n_grids:
        open_grids_with_controls(batch, pairs, chosen=chosen)
    return batch


def test_the_pages_of_many_grids_tell_nothing_but_the_question(study):
    check_pages(with_grids(study, N_GRIDS), N_GRIDS)


def test_the_addresses_headers_and_bytes_of_the_images_tell_nothing(study):
    n_pages = N_GRIDS if SOAK else 6
    assert check_pictures(with_grids(study, n_pages), n_pages) == n_pages * CELLS * 3


def test_no_place_on_the_page_tells_a_control(study):
    check_places(with_grids(study, N_GRIDS), N_GRIDS)


# In a marketplace's frame


@pytest.fixture
def offered(study) -> Batch:
    """The same study on a marketplace that shows the pages in its frame."""
    batch = with_grids(study, N_FRAMED)
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
        started, page = opened(client, address + urlencode(ids))
        text = page.content.decode()
        hidden = {name: require(re.search(rf'name="{name}" value="([^"]+)"', text))[1] for name in ("token", "key")}
        client.post(started, hidden | {"selected": VALUE.findall(text)[:2]})
        yield hit.grid, worker, preview, page, client.get(started)


def pictures_on(page: str) -> set[str]:
    return set(re.findall(r'(?:src|href)="(/i/[^"]*)"', page))


def test_the_pages_in_a_marketplaces_frame_tell_nothing_but_the_question(offered):
    hidden: dict[int, set[str]] = {}
    seen: set[bytes] = set()
    for n, (grid, worker, *views) in enumerate(framed_pages(offered, N_FRAMED)):
        secrets = hidden.setdefault(grid.label_id, secrets_of(offered, grid.label))
        assert [response.status_code for response in views] == [200, 200, 200]
        for response in views:
            assert not told(response.content + headers_of(response), secrets | {worker})
        preview, page, after = (response.content.decode() for response in views)
        assert 'name="receipt"' in after
        for shown in (preview, page):
            assert len(skeletons(shown)) == CELLS
            assert len(set(skeletons(shown))) == 1
        assert all(OF_PICTURE.fullmatch(address) for address in pictures_on(page))
        assert {address.split("/")[2] for address in pictures_on(preview)} == {f"preview-{grid.hit.public_id}"}
        assert not set(VALUE.findall(preview)) & set(VALUE.findall(page))
        if n < (50 if SOAK else 4):
            addresses = pictures_on(preview) | pictures_on(page)
            assert len(addresses) == 4 * CELLS
            check_contents(addresses, secrets | {worker, grid.label.words}, seen)


# The same over a site that leaks

Spoil = Callable[[Batch, pytest.MonkeyPatch], None]


def spoil_pages(spoiler: Callable[[Batch, dict, str], str]) -> Spoil:
    """A site whose grid pages pass through `spoiler`."""

    def spoil(batch: Batch, patch: pytest.MonkeyPatch) -> None:
        def render(request, template, context, **options):
            response = real(request, template, context)
            response.content = spoiler(batch, context, response.content.decode()).encode()
            return response

        real = grid_views.render
        patch.setattr(grid_views, "render", render)

    return spoil


def spoil_control_tile(old: str, new: str) -> Spoil:
    def spoiler(batch: Batch, context: dict, page: str) -> str:
        handles = list(context["handles"])
        roles = dict(zip(handles, roles_in_order(context["lease"], handles), strict=True))
        handle = next(handle for handle in handles if roles[handle] == "control True")
        start = page.index(f'value="{handle}"')
        return page[:start] + page[start:].replace(old, new, 1)

    return spoil_pages(spoiler)


def spoil_with(word: Callable[[Batch, dict], str]) -> Spoil:
    return spoil_pages(lambda batch, context, page: page.replace("</form>", f"<!-- {word(batch, context)} --></form>"))


def other_label(batch: Batch, context: dict):
    return batch.dataset.label_set.labels.exclude(pk=context["label"].pk).first()


# By what leaks: the leaking site, and a word of what the scan says of it.
PAGES_THAT_LEAK = {
    "another class": (spoil_with(lambda batch, context: other_label(batch, context).words), "the page tells"),
    "it in capitals": (spoil_with(lambda batch, context: other_label(batch, context).words.upper()), "the page tells"),
    "its gloss": (spoil_with(lambda batch, context: other_label(batch, context).gloss), "the page tells"),
    "the question's synset": (spoil_with(lambda batch, context: context["label"].wnid), "the page tells"),
    "a file": (spoil_with(lambda batch, context: require(batch.dataset.images.first()).name), "the page tells"),
    "an image's id": (
        spoil_with(lambda batch, context: require(batch.dataset.images.first()).public_id),
        "the page tells",
    ),
    "the dataset": (spoil_with(lambda batch, context: batch.dataset.name), "the page tells"),
    "a key of the grid": (spoil_with(lambda batch, context: context["lease"].hit.grid.pk), "pages differ"),
    "that there are controls": (spoil_with(lambda batch, context: "6 gold cells"), "words of the trade: ..gold"),
    "a class of a tile": (spoil_control_tile("<img", '<img class="known"'), "tiles differ"),
    "an answer in a tile": (spoil_control_tile("<img", '<img data-truth="1"'), "tiles differ"),
    "a blank in a tile": (spoil_control_tile("<img", "<img "), "tiles differ"),
    "a title of a tile": (spoil_control_tile('alt="photograph', 'title="known" alt="photograph'), "tiles differ"),
    "what is loaded at once": (spoil_control_tile('decoding="async"', 'loading="lazy" decoding="async"'), "late"),
}


def unnoticed(study: Batch, leaks: dict[str, tuple[Spoil, str]], look: Callable[[Batch], object]) -> dict[str, str]:
    """The leaks that a look did not find, or took for something else, with what it said."""
    said = {}
    for name, (spoil, words) in leaks.items():
        Image.objects.update(display="", thumbnail="")
        with pytest.MonkeyPatch.context() as patch:
            spoil(study, patch)
            try:
                look(study)
                said[name] = "nothing"
            except AssertionError as error:
                if not re.search(words, str(error)):
                    said[name] = str(error)
    return said


def test_each_leak_of_a_page_is_detected(study):
    check_pages(with_grids(study, 12), 12)
    assert not unnoticed(study, PAGES_THAT_LEAK, lambda batch: check_pages(with_grids(batch, 12), 12))


def in_the_header(name: str, of_image: Callable[[Image], str]) -> Spoil:
    def spoil(batch: Batch, patch: pytest.MonkeyPatch) -> None:
        def respond(picture, max_age):
            response = real(picture, max_age)
            response[name] = of_image(picture.instance)
            return response

        real = photograph_views.picture_response
        patch.setattr(photograph_views, "picture_response", respond)

    return spoil


def in_the_bytes(**options: object) -> Spoil:
    def jpeg(picture: Pillow.Image) -> bytes:
        target = io.BytesIO()
        picture.save(target, "JPEG", quality=90, **options)
        return target.getvalue()

    return lambda batch, patch: patch.setattr(photographs, "_jpeg", jpeg)


def behind_the_picture(batch: Batch, patch: pytest.MonkeyPatch) -> None:
    real = photographs._jpeg
    patch.setattr(photographs, "_jpeg", lambda picture: real(picture) + b"more")


def show_originals(batch: Batch, patch: pytest.MonkeyPatch) -> None:
    Image.objects.update(display=F("original"), thumbnail=F("original"))


PICTURES_THAT_LEAK = {
    "the file": (in_the_header("Content-Disposition", lambda image: image.name), "a header tells"),
    "the synset": (in_the_header("X-Class", lambda image: require(image.dataset_label).wnid), "a header tells"),
    "the pool": (in_the_header("X-Dataset", lambda image: str(image.dataset_id)), "headers differ"),
    "a tag of the bytes": (in_the_header("ETag", lambda image: f'"{image.pk}"'), "headers differ"),
    "the day of the file": (in_the_header("Last-Modified", lambda image: str(image.pk % 7)), "headers differ"),
    "how long pictures are kept": (
        in_the_header("Cache-Control", lambda image: "private" if image.dataset_id % 2 else "no-store"),
        "headers differ",
    ),
    "a comment": (in_the_bytes(comment=b"something"), "metadata"),
    "notes of the camera": (in_the_bytes(exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00"), "metadata"),
    "notes as XML": (in_the_bytes(xmp=b"<x/>"), "metadata"),
    "a profile": (in_the_bytes(icc_profile=b"profile"), "metadata"),
    "a resolution": (in_the_bytes(dpi=(72, 72)), "metadata"),
    "how it was packed": (in_the_bytes(progressive=True), "metadata"),
    "something behind the picture": (behind_the_picture, "something follows"),
    "the original": (show_originals, "the bytes tell"),
    "a word in the address": (spoil_pages(lambda batch, context, page: page.replace("/i/", "/i/known/")), "tells more"),
    "a synset in the address": (spoil_pages(lambda batch, context, page: page.replace("/i/", "/i/n0212/")), "tells"),
    "a role in the address": (spoil_pages(lambda batch, context, page: page.replace(".jpg", ".jpg?c=1")), "tells more"),
}


def test_each_leak_of_a_picture_is_detected(study):
    check_pictures(with_grids(study, 50), 2)
    assert not unnoticed(study, PICTURES_THAT_LEAK, lambda batch: check_pictures(batch, 2))


def by_role(handles: dict[str, PageCell], lease: Lease) -> list[str]:
    roles = dict(zip(handles, roles_in_order(lease, list(handles)), strict=True))
    return sorted(handles, key=roles.__getitem__)


def turned(handles: list[str]) -> list[str]:
    start = secrets.randbelow(len(handles))
    return handles[start:] + handles[:start]


def in_the_order(order: Callable[[dict[str, PageCell], Lease], list[str]]) -> Spoil:
    def spoil(batch: Batch, patch: pytest.MonkeyPatch) -> None:
        def handles_of(lease: Lease) -> dict[str, PageCell]:
            handles = real(lease)
            return {handle: handles[handle] for handle in order(handles, lease)}

        real = grid_views.cells_by_handle
        patch.setattr(grid_views, "cells_by_handle", handles_of)

    return spoil


ORDERS_THAT_LEAK = {
    "controls first": (in_the_order(by_role), "places of"),
    "controls at both ends": (in_the_order(lambda *page: by_role(*page)[::2] + by_role(*page)[::-2]), "places of"),
    "controls together, anywhere": (in_the_order(lambda *page: turned(by_role(*page))), "side by side"),
}


def test_each_order_that_leaks_is_detected(study):
    assert not unnoticed(study, ORDERS_THAT_LEAK, lambda batch: check_places(with_grids(batch, 40), 40))


def test_what_is_imported_says_all_that_the_scan_looks_for(study):
    hidden = secrets_of(study, None)
    for image in study.dataset.images.order_by("pk")[: len(KINDS)]:
        with image.original.open() as original:
            content = original.read()
        assert {image.name, image.dataset_label.wnid} <= told(content, hidden)
        with pytest.raises(AssertionError):
            without_pixels(content)


def test_the_handle_of_an_image_differs_on_every_page(study):
    image = study.dataset.images.first()
    leases = [lease for _, lease, _, _ in pages(study, 5)]
    handles = {image_handle(lease, image.public_id) for lease in leases}
    assert len(handles) == 5
    assert all(re.fullmatch(r"[\w-]{24}", handle) for handle in handles)
