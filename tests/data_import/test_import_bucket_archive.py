"""An archive in a bucket: fetched into a file without a name, then read as any other."""

import io
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from data_import.images import actions as imports
from data_import.sources import bucket as sources
from tests.archives import packed_zeros, tar_of, zip_of
from tests.buckets import bucket_of, s3_server
from tests.factories import make_dataset, unique
from tests.importing import import_into, labels_by_name
from tests.pictures import corners, encoded

pytestmark = pytest.mark.django_db

JPEG = encoded()
FILES = {"n00000001/a.jpg": JPEG, "n00000002/b.png": encoded(kind="PNG"), "n00000001/no.jpg": b"no image"}
KINDS = {"set.tar": tar_of, "set.tar.gz": tar_of, "SET.TGZ": tar_of, "set.zip": zip_of}


@pytest.fixture(scope="module")
def server():
    with s3_server() as store:
        yield store


@pytest.fixture(autouse=True)
def site(server, settings, tmp_path):
    settings.OBJECT_STORE = server
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATE_DIR = tmp_path / "state"


@pytest.fixture
def kept(server):
    """A function: a file into a new bucket below photos/; its address."""

    def keep(path: Path) -> str:
        name = unique("bucket")
        bucket_of(server, name, {f"photos/{path.name}": path.read_bytes()})
        return f"s3://{name}/photos/{path.name}"

    return keep


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_images_of_an_archive_in_a_bucket_are_imported(kept, tmp_path, settings, kind):
    address, dataset = kept(KINDS[kind](tmp_path / kind, FILES)), make_dataset()
    done = import_into(dataset, address)
    assert done.out == f"Dataset “{dataset.name}”: 2 images were added.\n"
    assert [line.partition(":")[0] for line in done.refused] == ["n00000001/no.jpg"]
    assert labels_by_name(dataset) == {"n00000001/a.jpg": 1, "n00000002/b.png": 2}
    assert "No new images; 2 images were already in the dataset" in import_into(dataset, address).out
    assert files_below(Path(settings.STATE_DIR)) == []


def test_a_folder_that_is_called_like_an_archive_is_a_folder(server):
    name, dataset = unique("bucket"), make_dataset()
    bucket_of(server, name, {"old.zip/1/a.jpg": JPEG})
    assert "1 image was added" in import_into(dataset, f"s3://{name}/old.zip").out
    assert labels_by_name(dataset) == {"1/a.jpg": 1}


@pytest.mark.parametrize("kind", ["set.tar.xz", "set.7z", "set.tar.bz2"])
def test_an_archive_of_another_kind_is_refused_in_words(kind):
    error = import_into(make_dataset(), f"s3://bucket/photos/{kind}").error
    assert error == (
        f"s3://bucket/photos/{kind} is an unsupported archive: pack it as a .tar, .tar.gz or .zip archive."
    )


def test_a_damaged_archive_and_a_bomb_are_refused_under_their_address(kept, tmp_path):
    whole = zip_of(tmp_path / "cut.zip", FILES)
    whole.write_bytes(whole.read_bytes()[:-30])
    head = io.BytesIO(tar_of(tmp_path / "head.tar", {"a.jpg": JPEG}).read_bytes()).read(512)
    bomb = packed_zeros(tmp_path / "bomb.tar.gz", head[:124] + b"00077777777\0" + head[136:], 300)
    for path, words in ((whole, "replace it with an intact copy"), (bomb, "No image of it was imported")):
        address = kept(path)
        error = import_into(make_dataset(), address).error
        assert error.startswith(address) and words in error


def test_an_archive_that_does_not_fit_on_the_disk_is_not_begun(kept, tmp_path, monkeypatch, settings):
    address = kept(zip_of(tmp_path / "set.zip", FILES))
    monkeypatch.setattr(sources, "FREE_BYTES_LEFT", 2**62)
    error = import_into(make_dataset(), address).error
    assert (
        error.startswith(f"{address} has 0.0 GiB. The server has ") and f"Free space in {settings.STATE_DIR}" in error
    )


def broken_after(n_parts: int, times: int):
    """The client's answers, the first of which end after some parts."""
    real = sources._client

    def client_of():
        client = real()
        get_object = client.get_object
        left = [times]

        def get(**parameters):
            answer = get_object(**parameters)
            body, read = answer["Body"], answer["Body"].read
            parts = [0]

            def some(n_bytes):
                parts[0] += 1
                if left[0] and parts[0] > n_parts:
                    left[0] -= 1
                    raise ReadTimeoutError(endpoint_url="s3")
                return read(n_bytes)

            body.read = some
            return answer

        client.get_object = get
        return client

    return client_of


@pytest.mark.parametrize(("times", "fetched"), [(2, True), (3, False)])
def test_a_fetch_that_breaks_off_goes_on_where_it_was(kept, tmp_path, monkeypatch, times, fetched):
    files = {f"{n}.png": encoded(corners(300, 200), "PNG", compress_level=0) for n in range(20)}
    address, dataset = kept(zip_of(tmp_path / "set.zip", files, 0)), make_dataset()
    monkeypatch.setattr(sources, "BYTES_AT_ONCE", 100_000)
    monkeypatch.setattr(sources, "_client", broken_after(3, times))
    done = import_into(dataset, address)
    assert dataset.images.count() == (20 if fetched else 0)
    assert fetched or f"{address} cannot be fetched (Read timeout" in done.error


def test_the_file_is_there_for_as_long_as_what_was_found(kept, tmp_path, settings):
    dataset = make_dataset()
    listing = imports.find_images(kept(tar_of(tmp_path / "set.tar", FILES)), dataset.label_set)
    assert files_below(Path(settings.STATE_DIR)) == []
    contents: Any = listing.contents
    path = contents.args[0].path
    for _ in range(2):
        assert path.exists()
        imports.import_images(dataset=dataset, listing=listing, progress=lambda n: None)
    assert dataset.images.count() == 2
    del listing, contents
    assert not path.exists()
