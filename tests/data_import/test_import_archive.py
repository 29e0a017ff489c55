"""`./manage import images ARCHIVE`: entries become images, no name becomes a path, and bombs are not unpacked."""

import io
import re
import struct
import tarfile
import zipfile
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from data_import.images import actions as imports
from data_import.sources import archive, requests
from jobs.actions import Stopped
from tests.archives import LINK_MODE, PIPE_MODE, member, packed_zeros, tar, tar_of, zip_of
from tests.factories import make_dataset
from tests.pictures import corners, encoded

pytestmark = pytest.mark.django_db

JPEG, PNG = encoded(), encoded(kind="PNG")
# What is said besides refusals.
NOTE = re.compile(r"The names of \d+ sub-folders|\d+ images have no dataset label")
KINDS = ("a.tar", "a.tar.gz", "a.tgz", "a.zip")


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def pack(path, files: dict[str, bytes]):
    return zip_of(path, files) if path.suffix == ".zip" else tar_of(path, files)


def import_into(dataset, path) -> tuple[str, dict[str, str], str]:
    """Return the output, the refusals by place, and the error at the end."""
    out, err, error = io.StringIO(), io.StringIO(), ""
    try:
        call_command("import", "images", str(path), "--dataset", dataset.name, stdout=out, stderr=err)
    except CommandError as raised:
        error = str(raised)
    lines = [line for line in err.getvalue().splitlines() if not NOTE.match(line)]
    return out.getvalue(), dict(line.partition(": ")[::2] for line in lines), error


def labels_by_name(dataset) -> dict[str, int | None]:
    return dict(dataset.images.values_list("name", "dataset_label__index"))


def stored(image) -> bytes:
    with image.original.open() as file:
        return file.read()


def files_below(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", KINDS)
def test_entries_become_images_named_as_in_the_archive_and_labelled_by_folder(tmp_path, kind):
    dataset = make_dataset()
    files = {"n00000001/a.jpg": JPEG, "./2/b.png": PNG, "2/deep/c d.jpg": JPEG, ".hidden/x": b"", "__MACOSX/a": b""}
    out, refused, error = import_into(dataset, pack(tmp_path / kind, files))
    assert (refused, error) == ({}, "")
    assert out == f"Dataset “{dataset.name}”: 3 images were added.\n"
    assert labels_by_name(dataset) == {"n00000001/a.jpg": 1, "2/b.png": 2, "2/deep/c d.jpg": 2}
    assert stored(dataset.images.get(name="2/b.png")) == PNG


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_import_reads_no_entry_that_is_in(tmp_path, kind, monkeypatch):
    dataset = make_dataset()
    files = {f"{n}.jpg": encoded(corners(20 + n, 20)) for n in range(5)}
    path = pack(tmp_path / kind, files | {"3.jpg": b"damaged"})
    assert "1 file was not imported" in import_into(dataset, path)[2]
    pack(path, files)
    read = []
    real = imports.read_files

    def noted(contents):
        for content in contents:
            read.append(content)
            yield content

    monkeypatch.setattr(imports, "read_files", lambda contents: real(noted(contents)))
    out, _, error = import_into(dataset, path)
    assert (error, read) == ("", [files["3.jpg"]])
    assert "1 image was added. 4 images were already in the dataset" in out


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_lead_out_are_refused_and_nothing_is_written_by_name(tmp_path, kind, media):
    names = ["../up.jpg", "sub/../../up.jpg", "/etc/up.jpg", "..\\up.jpg", "C:\\up.jpg", "C:up.jpg", "\\\\host\\up.jpg"]
    dataset = make_dataset()
    _, refused, error = import_into(dataset, pack(tmp_path / kind, {"good.jpg": JPEG} | dict.fromkeys(names, JPEG)))
    assert len(refused) == len(names) and f"{len(names)} files were not imported" in error
    assert all("leads out of the folder" in reason for reason in refused.values())
    image = dataset.images.get()
    assert files_below(tmp_path) == sorted([kind, f"media/originals/{image.public_id}.jpg"])


@pytest.mark.parametrize("kind", KINDS)
def test_each_bad_entry_is_listed_with_its_reason_while_the_good_ones_are_in(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(requests, "LARGEST_FILE_BYTES", 100_000)
    files = {
        "good.jpg": JPEG,
        "cut.jpg": JPEG[:-200],
        "empty.jpg": b"",
        "inner.zip": zip_of(tmp_path / "x" / "inner.zip", {"a.jpg": JPEG}).read_bytes(),
        "large.jpg": bytes(100_001),
        "notes.txt": b"milk",
        "x.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "two\nlines.jpg": JPEG,
    }
    words = {
        "cut.jpg": "damaged",
        "empty.jpg": "empty",
        "inner.zip": "an archive inside: unpack it first",
        "large.jpg": "0.1 MiB; at most",
        "notes.txt": "unsupported format",
        "x.svg": "unsupported format",
        "two\\nlines.jpg": "cannot be printed",
    }
    dataset = make_dataset()
    _, refused, error = import_into(dataset, pack(tmp_path / kind, files))
    assert "7 files were not imported" in error
    assert set(refused) == set(words)
    assert {name: words[name] for name, reason in refused.items() if words[name] not in reason} == {}
    assert set(labels_by_name(dataset)) == {"good.jpg"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["a.tar", "a.zip"])
def test_a_name_that_stands_twice_is_said_not_guessed(tmp_path, kind):
    path = tmp_path / kind
    if kind == "a.zip":
        with zipfile.ZipFile(path, "w") as packed:
            for content in (JPEG, PNG):
                packed.writestr("a", content)
    else:
        tar(path, member("a", JPEG), member("./a", PNG))
    dataset = make_dataset()
    assert import_into(dataset, path)[1] == {"a": "the name appears twice: change one of them"}
    assert stored(dataset.images.get()) == JPEG


def test_links_and_devices_in_a_tar_are_refused(tmp_path):
    dataset = make_dataset()
    kinds = {
        "soft": (tarfile.SYMTYPE, "link"),
        "hard": (tarfile.LNKTYPE, "link"),
        "char": (tarfile.CHRTYPE, "device or pipe"),
        "block": (tarfile.BLKTYPE, "device or pipe"),
        "pipe": (tarfile.FIFOTYPE, "device or pipe"),
        "sparse": (tarfile.GNUTYPE_SPARSE, "of a kind that is not read"),
        "other": (b"Q", "of a kind that is not read"),
    }
    members = [member(name, type=kind, linkname="/etc/passwd") for name, (kind, _) in kinds.items()]
    path = tar(tmp_path / "a.tar", *members, member("good", JPEG), member("folder", type=tarfile.DIRTYPE))
    _, refused, _ = import_into(dataset, path)
    assert set(refused) == set(kinds)
    assert all(words in refused[name] for name, (_, words) in kinds.items())
    assert set(labels_by_name(dataset)) == {"good"}


def test_links_devices_passwords_and_other_packings_in_a_zip_are_refused(tmp_path):
    files = {"link": b"/etc/passwd", "pipe": b"", "good": JPEG}
    path = zip_of(tmp_path / "a.zip", files, link=LINK_MODE, pipe=PIPE_MODE)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("bzip2", JPEG, zipfile.ZIP_BZIP2)
        packed.writestr("secret", JPEG)
    content = path.read_bytes()
    offset = content.rindex(b"PK\1\2") + 8
    path.write_bytes(content[:offset] + struct.pack("<H", 1) + content[offset + 2 :])
    dataset = make_dataset()
    _, refused, _ = import_into(dataset, path)
    words = {"link": "is a link", "pipe": "device or pipe", "bzip2": "packed in a way", "secret": "encrypted"}
    assert set(refused) == set(words)
    assert all(words[name] in reason for name, reason in refused.items())
    assert set(labels_by_name(dataset)) == {"good"}


def test_an_entry_of_a_zip_that_is_damaged_or_lies_about_itself_costs_only_itself(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"bad": PNG, "good": JPEG, "liar": bytes(500_000)}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(PNG) + 60] ^= 255
    offset = content.rindex(b"PK\1\2") + 24
    content[offset : offset + 4] = struct.pack("<I", 1000)
    path.write_bytes(content)
    dataset = make_dataset()
    _, refused, _ = import_into(dataset, path)
    assert set(refused) == {"bad", "liar"}
    assert all("damaged in the archive" in reason for reason in refused.values())
    assert set(labels_by_name(dataset)) == {"good"}


# Whole archives


def refusal(path) -> str:
    dataset = make_dataset()
    _, _, error = import_into(dataset, path)
    assert not dataset.images.exists()
    return error


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_off_or_none_at_all_is_refused_whole(tmp_path, kind):
    path = pack(tmp_path / kind, {f"{n}.jpg": encoded(corners(200 + n, 100)) for n in range(9)})
    content = path.read_bytes()
    last = content.rindex(b"8.jpg") if kind == "a.tar" else len(content) // 2
    for broken in (content[: last + 600] if kind == "a.tar" else content[:last], JPEG, b"", bytes(10_000)):
        path.write_bytes(broken)
        error = refusal(path)
        assert "Nothing of it was imported" in error or "no files in" in error, error


def test_a_tar_that_is_damaged_in_a_header_is_refused_whole(tmp_path):
    path = tar_of(tmp_path / "a.tar", {"a.jpg": JPEG, "b.jpg": JPEG, "c.jpg": JPEG})
    content = bytearray(path.read_bytes())
    content[content.index(b"b.jpg") + 150] ^= 255
    path.write_bytes(content)
    assert "damaged in the middle" in refusal(path)


def test_a_tar_without_an_end_mark_is_taken_with_a_remark(tmp_path):
    path = tar_of(tmp_path / "a.tar", {"a.jpg": JPEG})
    path.write_bytes(path.read_bytes().rstrip(b"\0").ljust(512 + (len(JPEG) + 511) // 512 * 512, b"\0"))
    dataset = make_dataset()
    out, remarks, error = import_into(dataset, path)
    assert ("1 image was added" in out, error) == (True, "")
    assert "no end mark" in next(iter(remarks))


def test_an_archive_of_zeros_is_not_unpacked(tmp_path, monkeypatch):
    info, _ = member("zeros.jpg")
    info.size = 300 * 2**20
    path = packed_zeros(tmp_path / "a.tar.gz", info.tobuf(), 300)
    assert path.stat().st_size < 2 * 2**20
    reached, seek = [], archive.Limited.seek

    def watched(self, *place: int) -> int:
        try:
            return seek(self, *place)
        finally:
            reached.append(self.tell())

    monkeypatch.setattr(archive.Limited, "seek", watched)
    assert "unpacks to over" in refusal(path)
    assert max(reached) <= archive.GROWTH_OF_ANY + archive.MOST_GROWTH * path.stat().st_size < info.size


def test_a_zip_that_declares_more_than_images_have_is_refused(tmp_path):
    path = zip_of(tmp_path / "a.zip", {f"{n}.jpg": bytes(10 * 2**20) for n in range(12)})
    assert "unpacks to far more" in refusal(path)


def test_a_header_of_a_tar_that_would_fill_the_memory_is_refused(tmp_path):
    info, _ = member("././@PaxHeader", type=tarfile.XHDTYPE)
    info.size = 90 * 2**20
    path = packed_zeros(tmp_path / "a.tar.gz", info.tobuf(), 90)
    assert "claim to be larger than any are" in refusal(path)


def test_too_many_entries_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_ENTRIES", 10)
    for kind in ("a.tar", "a.zip"):
        pack(tmp_path / kind, {f"{n}/": b"" for n in range(11)})
        assert "over 10 entries: split it" in refusal(tmp_path / kind)
        pack(tmp_path / kind, {f"{n}.jpg": JPEG for n in range(10)})
        assert import_into(make_dataset(), tmp_path / kind)[2] == ""


def test_an_archive_that_changes_between_the_two_looks_is_not_read(tmp_path):
    dataset = make_dataset()
    path = tar_of(tmp_path / "a.tar", {"a.jpg": JPEG})
    listing = imports.find_images(str(path), dataset.label_set)
    tar_of(path, {"b.jpg": PNG, "c.jpg": JPEG})
    with pytest.raises(requests.NothingToImport, match="has changed"):
        imports.import_images(dataset=dataset, listing=listing, progress=lambda n: None)


@pytest.mark.parametrize("name", ["a.tar.bz2", "a.rar", "a.7z"])
def test_other_archives_are_refused_with_what_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(JPEG)
    assert "a .tar, .tar.gz or .zip archive" in refusal(tmp_path / name)


def test_an_empty_archive_is_an_error(tmp_path):
    for kind in KINDS:
        assert "There are no files in" in refusal(pack(tmp_path / kind, {}))


def test_progress_tells_of_every_entry_while_listing(tmp_path):
    seen: list[Any] = []
    imports.find_images(
        str(tar_of(tmp_path / "a.tar", {f"{n}": JPEG for n in range(4)})), make_dataset().label_set, seen.append
    )
    assert sum(seen) == 4


@pytest.mark.parametrize("kind", ["a.tar", "a.tar.gz", "a.zip"])
@pytest.mark.parametrize("error", [Stopped, OperationalError])
def test_what_ends_an_import_while_it_lists_is_not_laid_on_the_archive(kind, error, tmp_path):
    path = pack(tmp_path / kind, {f"{n}.jpg": JPEG for n in range(4)})

    def seen(n: int) -> None:
        raise error

    with pytest.raises(error):
        imports.find_images(str(path), make_dataset().label_set, seen)
