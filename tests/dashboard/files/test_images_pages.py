"""The pages for creating a dataset and importing its images."""

import gc
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as site
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from catalog.models import Dataset
from catalog.photographs.actions import make_pictures
from data_import.uploads import actions as uploads
from jobs.actions import do_next_job
from jobs.models import Job
from jobs.reads import LINES_SHOWN
from tests.archives import zip_of
from tests.buckets import bucket_of, s3_server
from tests.factories import make_dataset, make_label_set, staff_client, unique, worker_client
from tests.importing import labels_by_name
from tests.pictures import corners, encoded, write

pytestmark = pytest.mark.django_db
JPEG = encoded()


@pytest.fixture(autouse=True)
def places(settings, tmp_path, media):
    settings.UPLOAD_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"
    settings.IMPORT_ROOT = str(tmp_path / "import")
    (tmp_path / "import").mkdir()


@pytest.fixture
def staff() -> Client:
    return staff_client()


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


def address(dataset: Dataset, page: str = "images") -> str:
    return f"/setup/{page}/{dataset.name}/"


def packed(tmp_path, files: dict[str, bytes], name: str = "pictures.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, zip_of(tmp_path / "packed" / name, files).read_bytes(), "application/zip")


def send(client: Client, dataset: Dataset, *files: SimpleUploadedFile):
    return client.post(address(dataset), {"from": "upload", "files": list(files)})


def text_of(response) -> str:
    return response.content.decode()


def stored_files(tmp_path) -> list[Path]:
    """Return the files that uploads have left on the disk."""
    return [path for path in (tmp_path / "uploads").rglob("*") if path.is_file()]


# Access


def pages_of(dataset: Dataset) -> list[str]:
    job = Job.objects.create(dataset=dataset, kind=Job.Kind.IMPORT_IMAGES, asked_by="anna")
    pages = [address(dataset), address(dataset, "files"), f"/setup/rows/annotations/csv/{dataset.name}/"]
    return [*pages, "/setup/new/", f"/setup/report/{job.pk}.txt", f"/setup/predictions/1/{dataset.name}/"]


def test_visitors_are_led_to_the_sign_in(dataset):
    for page in pages_of(dataset):
        response = staff_client(signed_in=False).get(page)
        assert (response.status_code, response["Location"]) == (302, f"/login/?next={page}")


def test_the_workers_side_has_none_of_these_pages(dataset):
    for page in pages_of(dataset):
        response = worker_client().get(page)
        assert response.status_code == 404 and f"{site.STAFF_ORIGIN}{page}" in text_of(response)
        assert not response.cookies


def test_a_forged_form_changes_nothing(dataset):
    client = Client(enforce_csrf_checks=True, headers={"host": urlsplit(site.STAFF_ORIGIN).netloc})
    client.cookies = staff_client().cookies
    for page, fields in ((address(dataset), {"from": "bucket", "bucket": "s3://a/b"}), ("/setup/new/", {"name": "a"})):
        assert client.post(page, fields).status_code == 403
    assert not Job.objects.exists() and not Dataset.objects.filter(name="a").exists()


def large_file(n_kib: int = 400) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", bytes(n_kib * 1024))


def test_a_large_body_is_read_from_researchers_alone_and_on_this_page_alone(dataset, staff, tmp_path, settings):
    settings.LARGEST_UPLOAD_MIB = 1
    response = send(staff_client(signed_in=False), dataset, large_file())
    assert response.status_code == 413 and "the limit is 256 KiB" in text_of(response)
    assert send(worker_client(), dataset, large_file()).status_code == 413
    assert staff.post("/setup/new/", {"name": "a", "files": [large_file()]}).status_code == 413
    assert stored_files(tmp_path) == []
    assert send(staff, dataset, large_file()).status_code == 302
    beyond = send(staff, dataset, large_file(3072))
    assert beyond.status_code == 413 and "the limit is 2 MiB. Your data was not saved." in text_of(beyond)


# A new dataset


def test_a_dataset_is_created_and_its_page_images_is_next(staff):
    labels = make_label_set(3)
    response = staff.post("/setup/new/", {"name": " birds of 2026 ", "label_set": labels.name})
    assert (response.status_code, response.url) == (302, "/setup/images/birds%20of%202026/")
    assert Dataset.objects.get(name="birds of 2026").label_set == labels
    assert "import images</a>" in text_of(staff.get("/"))


def test_imagenet_is_the_default_label_set(staff):
    page = text_of(staff.get("/setup/new/"))
    assert '<option value="ImageNet" selected>ImageNet (1,000 classes)</option>' in page
    staff.post("/setup/new/", {"name": "photos", "label_set": "ImageNet"})
    assert Dataset.objects.get(name="photos").label_set.labels.count() == 1000


@pytest.mark.parametrize(
    "name, words",
    [
        ("taken", "already"),
        ("", "1 to 100 printable"),
        ("x" * 101, "1 to 100"),
        ("..", "break the addresses"),
        ("my pets/../x", "break the addresses"),
        (".", "break the"),
        ("/a", "break the"),
        ("a/", "break the"),
        ("a//b", "break the"),
        ("a/./b", "break the"),
    ],
)
def test_an_invalid_name_is_rejected_beside_the_field_and_stays_in_it(staff, name, words):
    labels = make_label_set()
    make_dataset(name="taken")
    response = staff.post("/setup/new/", {"name": name, "label_set": labels.name})
    page = text_of(response)
    assert response.status_code == 400 and words in page and 'aria-describedby="name-problem"' in page
    assert f'value="{name}"' in page and f'<option value="{labels.name}" selected>' in page
    assert Dataset.objects.count() == 1


def test_an_unknown_label_set_is_rejected(staff):
    response = staff.post("/setup/new/", {"name": "a", "label_set": "none"})
    assert response.status_code == 400 and "There is no label set named &#x27;none&#x27;" in text_of(response)


# From the researcher's computer


def test_an_archive_is_imported_and_its_upload_removed(staff, dataset, tmp_path):
    files = {"0/a.jpg": JPEG, "1/b.jpg": JPEG, "1/<script>.jpg": b"no", "2/text.svg": b"<svg/>"}
    response = send(staff, dataset, packed(tmp_path, files))
    assert (response.status_code, response.url) == (302, address(dataset))
    assert [path.name for path in stored_files(tmp_path)] == ["pictures.zip"]
    page = text_of(staff.get(address(dataset)))
    assert "waiting to start" in page and "data-unfinished" in page and "<progress" in page
    assert do_next_job()
    assert labels_by_name(dataset) == {"0/a.jpg": 0, "1/b.jpg": 1}
    assert stored_files(tmp_path) == []
    page = text_of(staff.get(address(dataset)))
    assert "2 images were added." in page and "2 files were not imported." in page
    assert "1/&lt;script&gt;.jpg: unsupported format" in page and "<script>.jpg" not in page
    assert "Source of the last import: <code>pictures.zip</code>" in " ".join(page.split())
    assert not list(tmp_path.rglob("*.upload*"))


def test_an_import_that_adds_nothing_is_not_shown_as_done(staff, dataset, tmp_path):
    send(staff, dataset, packed(tmp_path, {"0/a.jpg": b"no image"}))
    assert do_next_job()
    page = text_of(staff.get(address(dataset)))
    assert '<span class="tag warn">no new images</span>' in page and ">done</span>" not in page
    send(staff, dataset, packed(tmp_path, {"0/a.jpg": JPEG}))
    assert do_next_job()
    assert '<span class="tag good">done</span>' in text_of(staff.get(address(dataset)))
    send(staff, dataset, packed(tmp_path, {"0/a.jpg": JPEG}))
    assert do_next_job()
    assert '<span class="tag warn">no new images</span>' in text_of(staff.get(address(dataset)))


def test_images_and_their_manifest_are_imported_together(staff, dataset):
    manifest = SimpleUploadedFile("labels.csv", b"file,name,label\nb.png,bird,3\na.jpg,,1\n")
    pictures = SimpleUploadedFile("a.jpg", JPEG), SimpleUploadedFile("b.png", encoded(kind="PNG"))
    send(staff, dataset, manifest, *pictures)
    assert do_next_job()
    assert labels_by_name(dataset) == {"bird": 3, "a.jpg": 1}


def test_images_without_a_manifest_are_imported_without_labels(staff, dataset):
    send(staff, dataset, SimpleUploadedFile("../../a.jpg", JPEG), SimpleUploadedFile("b.jpg", JPEG))
    assert do_next_job()
    assert labels_by_name(dataset) == {"a.jpg": None, "b.jpg": None}
    assert "2 images have no dataset label" in text_of(staff.get(address(dataset)))


@pytest.mark.parametrize(
    "names, words",
    [
        ([], "Choose an archive or images first"),
        (["a.zip", "b.jpg"], "a.zip is an archive: upload it alone"),
        (["a.csv", "b.csv"], "both manifests"),
        (["a.csv"], "a.csv is a manifest without images"),
        (["a.jpg", "a.jpg"], "Two files are named a.jpg"),
        (["é" * 200 + ".jpg"], "The files could not be stored"),
    ],
)
def test_incompatible_files_are_rejected_beside_the_field(staff, dataset, tmp_path, names, words):
    response = send(staff, dataset, *(SimpleUploadedFile(name, JPEG) for name in names))
    assert response.status_code == 400 and words in text_of(response)
    assert stored_files(tmp_path) == [] and not Job.objects.exists()


def test_too_many_files_are_rejected_in_words(staff, dataset, settings, tmp_path):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3
    response = send(staff, dataset, *(SimpleUploadedFile(f"{n}.jpg", b"") for n in range(4)))
    assert response.status_code == 400 and "Upload at most 3 files at a time" in text_of(response)
    response.close()
    gc.collect()
    assert stored_files(tmp_path) == []


def test_uploads_are_limited_by_the_free_space_of_the_disk(staff, dataset, tmp_path, monkeypatch):
    free = uploads.BYTES_LEFT_FREE + 3 * 2**20
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert "At most 3 MiB and" in text_of(staff.get(address(dataset)))
    response = send(staff, dataset, large_file(5 * 1024))
    assert response.status_code == 413 and "the limit is 4 MiB" in text_of(response) and stored_files(tmp_path) == []


def test_every_upload_goes_to_the_disk_whatever_its_size(staff, dataset, monkeypatch):
    classes: list[Any] = []
    keep = uploads.keep

    def keep_and_note(files):
        classes.extend(map(type, files))
        return keep(files)

    monkeypatch.setattr(uploads, "keep", keep_and_note)
    send(staff, dataset, SimpleUploadedFile("a.jpg", JPEG), SimpleUploadedFile("b.jpg", bytes(100_000)))
    assert classes == [uploads.TemporaryUploadedFile] * 2


def test_an_unreadable_archive_keeps_its_owners_name_and_can_be_retried(staff, dataset, tmp_path):
    send(staff, dataset, SimpleUploadedFile("my pictures.zip", b"no archive"))
    assert do_next_job()
    page = text_of(staff.get(address(dataset)))
    assert "my pictures.zip cannot be read" in page and str(tmp_path) not in page.replace(site.IMPORT_ROOT, "")
    [path] = stored_files(tmp_path)
    path.write_bytes(zip_of(tmp_path / "good.zip", {"a.jpg": JPEG}).read_bytes())
    assert staff.post(address(dataset), {"from": "again"}).status_code == 302
    assert do_next_job()
    assert set(labels_by_name(dataset)) == {"a.jpg"} and stored_files(tmp_path) == []


def test_an_import_without_its_files_cannot_be_retried(staff, dataset, tmp_path):
    assert "have been removed" in text_of(staff.post(address(dataset), {"from": "again"}))
    send(staff, dataset, packed(tmp_path, {"a.jpg": JPEG}))
    do_next_job()
    assert "have been removed" in text_of(staff.post(address(dataset), {"from": "again"}))


def test_a_second_import_waits_until_the_first_is_done_and_loses_its_files(staff, dataset, tmp_path):
    send(staff, dataset, packed(tmp_path, {"a.jpg": JPEG}))
    response = send(staff, dataset, packed(tmp_path, {"b.jpg": JPEG}, "other.zip"))
    assert response.status_code == 400 and "is already in progress" in text_of(response)
    assert [path.name for path in stored_files(tmp_path)] == ["pictures.zip"]
    assert staff.post(address(dataset), {"from": "again"}).status_code == 400
    assert [path.name for path in stored_files(tmp_path)] == ["pictures.zip"]


def test_leftovers_of_stops_are_removed_after_a_day_and_nothing_else(staff, dataset, tmp_path):
    other = make_dataset()
    send(staff, other, packed(tmp_path, {"a.jpg": JPEG}, "wanted.zip"))
    root = tmp_path / "uploads"
    for path in (root / "incoming" / "half.upload", root / ("a" * 32) / "orphan.zip", root / ("b" * 32) / "new.zip"):
        write(path)
    long_ago = time.time() - 2 * uploads.SECONDS_KEPT
    for path in root.rglob("*"):
        if "new" not in path.name and not path.name.startswith("b"):
            os.utime(path, (long_ago, long_ago))
    send(staff, dataset, packed(tmp_path, {"b.jpg": JPEG}, "next.zip"))
    assert sorted(path.name for path in stored_files(tmp_path)) == ["new.zip", "next.zip", "wanted.zip"]


def test_all_lines_of_a_long_report_are_a_file(staff, dataset, tmp_path):
    send(staff, dataset, packed(tmp_path, {f"{n:03}.jpg": b"no" for n in range(LINES_SHOWN + 10)}))
    do_next_job()
    job = Job.objects.get()
    page = text_of(staff.get(address(dataset)))
    assert "049.jpg" not in page and f'href="/setup/report/{job.pk}.txt"' in page
    report = staff.get(f"/setup/report/{job.pk}.txt")
    assert report.headers["Content-Disposition"] == f'attachment; filename="report-{job.pk}.txt"'
    assert text_of(report).splitlines() == job.report and "049.jpg: " in text_of(report)


def test_an_import_is_stopped_from_its_page_and_resumed(staff, dataset, tmp_path):
    send(staff, dataset, packed(tmp_path, {"a.jpg": JPEG}))
    job = Job.objects.get()
    assert f'action="/setup/stop/{job.pk}/"' in text_of(staff.get(address(dataset)))
    assert staff_client(signed_in=False).post(f"/setup/stop/{job.pk}/")["Location"].startswith("/login/")
    response = staff.post(f"/setup/stop/{job.pk}/")
    assert (response.status_code, response.url) == (302, address(dataset))
    assert "Stopped by researcher" in text_of(staff.get(address(dataset))) and not do_next_job()
    assert staff.post(address(dataset), {"from": "again"}).status_code == 302
    assert do_next_job() and dataset.images.count() == 1


# From a bucket


def test_a_bucket_is_imported(staff, dataset, settings):
    with s3_server() as store:
        settings.OBJECT_STORE = store
        name = unique("bucket")
        settings.IMPORT_BUCKETS = [f"s3://{name}"]
        bucket_of(store, name, {"set/2/a.jpg": JPEG, "set/3/b.jpg": b"no"})
        assert staff.post(address(dataset), {"from": "bucket", "bucket": f" s3://{name}/set "}).status_code == 302
        assert do_next_job()
    assert labels_by_name(dataset) == {"2/a.jpg": 2}
    assert f"<code>s3://{name}/set</code>" in text_of(staff.get(address(dataset)))


@pytest.mark.parametrize("typed", ["", "bucket/prefix", "s3://", "http://127.0.0.1/", "/etc/passwd", "s3:///x"])
def test_an_invalid_bucket_address_is_rejected_and_stays_in_the_field(staff, dataset, settings, typed):
    settings.IMPORT_BUCKETS = ["s3://lab"]
    response = staff.post(address(dataset), {"from": "bucket", "bucket": typed})
    page = text_of(response)
    assert response.status_code == 400 and "Enter the address of a bucket" in page and f'value="{typed}"' in page
    assert not Job.objects.exists()


def test_a_missing_bucket_is_reported_by_the_job(staff, dataset, settings):
    with s3_server() as store:
        settings.OBJECT_STORE, settings.IMPORT_BUCKETS = store, ["s3://nowhere"]
        staff.post(address(dataset), {"from": "bucket", "bucket": "s3://nowhere/set"})
        assert do_next_job()
    assert "s3://nowhere/set cannot be listed (NoSuchBucket)" in text_of(staff.get(address(dataset)))


# From the server


def test_the_contents_of_the_import_folder_are_offered_and_imported(staff, dataset, tmp_path):
    root = tmp_path / "import"
    write(root / "set" / "1" / "a.jpg")
    write(root / "set" / "manifest.csv", b"file,label\n1/a.jpg,2\n")
    zip_of(root / "pictures.zip", {"0/z.jpg": JPEG})
    write(root / ".hidden" / "b.zip")
    page = text_of(staff.get(address(dataset)))
    for path in ("pictures.zip", "set/", "set/manifest.csv", "set/1/"):
        assert f'<option value="{path}">' in page
    assert "hidden/" not in page
    for path in ("set/manifest.csv", "pictures.zip"):
        assert staff.post(address(dataset), {"from": "server", "server": path}).status_code == 302
        assert do_next_job()
    assert labels_by_name(dataset) == {"1/a.jpg": 2, "0/z.jpg": 0}
    assert (root / "pictures.zip").exists() and (root / "set" / "1" / "a.jpg").exists()


@pytest.mark.parametrize("typed", ["../secret", "/etc/passwd", "link", "link/b.jpg", "loop", "set/../../secret"])
def test_nothing_outside_the_import_folder_is_opened(staff, dataset, tmp_path, typed):
    root = tmp_path / "import"
    write(tmp_path / "secret" / "b.jpg")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    response = staff.post(address(dataset), {"from": "server", "server": typed})
    page = text_of(response)
    assert response.status_code == 400 and f'value="{typed}"' in page
    assert "is outside the import folder" in page or "cannot be opened in the import folder" in page
    assert not Job.objects.exists()


def test_a_link_that_leads_out_by_the_time_of_the_import_is_refused_too(staff, dataset, tmp_path):
    root = tmp_path / "import"
    write(root / "set" / "a.jpg")
    staff.post(address(dataset), {"from": "server", "server": "set"})
    write(tmp_path / "secret" / "b.jpg")
    (root / "set").rename(root / "before")
    (root / "set").symlink_to(tmp_path / "secret")
    assert do_next_job()
    assert "is outside the import folder" in Job.objects.get().problem and not dataset.images.exists()


def test_a_missing_import_folder_is_created(staff, dataset, settings, tmp_path):
    settings.IMPORT_ROOT = str(tmp_path / "deep" / "import")
    assert "This folder is empty" in text_of(staff.get(address(dataset)))
    assert (tmp_path / "deep" / "import").is_dir()
    write(tmp_path / "file")
    settings.IMPORT_ROOT = str(tmp_path / "file" / "import")
    assert "This folder does not exist and could not be created" in text_of(staff.get(address(dataset)))


@pytest.mark.parametrize("typed", ["", "nothing", "a" * 5000, "a\0b"])
def test_an_invalid_path_is_rejected(staff, dataset, typed):
    response = staff.post(address(dataset), {"from": "server", "server": typed})
    assert response.status_code == 400 and not Job.objects.exists()


def test_a_form_without_a_source_is_rejected(staff, dataset):
    assert staff.post(address(dataset), {}).status_code == 400
    assert staff.post("/setup/images/nothing/", {}).status_code == 404


# Counts


def test_the_page_counts_images_labels_and_pictures(staff, dataset, tmp_path):
    send(staff, dataset, packed(tmp_path, {"0/a.jpg": encoded(corners(900, 700)), "1/b.jpg": JPEG}))
    do_next_job()
    dataset.images.filter(name="1/b.jpg").update(dataset_label=None)
    page = " ".join(text_of(staff.get(address(dataset))).split())
    assert "<dt>Images</dt><dd>2<" in page and "<dt>With dataset label</dt><dd>1<" in page
    assert "<dd>0<small>2 in progress</small>" in page
    make_pictures()
    page = " ".join(text_of(staff.get(address(dataset))).split())
    assert "<dt>Resized for grids and forms</dt><dd>2<small>all done</small>" in page and "data-unfinished" not in page


def test_images_that_cannot_be_resized_are_listed_and_no_longer_pending(staff, dataset, tmp_path):
    send(staff, dataset, packed(tmp_path, {"0/a.jpg": JPEG, "0/b.jpg": JPEG}))
    do_next_job()
    Path(dataset.images.get(name="0/a.jpg").original.path).unlink()
    make_pictures()
    page = " ".join(text_of(staff.get(address(dataset))).split())
    assert "<dd>1<small>1 failed</small>" in page and "data-unfinished" not in page
    assert "1 image could not be resized" in page and "<li>0/a.jpg: No such file or directory</li>" in page
    send(staff, dataset, packed(tmp_path, {"0/a.jpg": JPEG}))
    do_next_job()
    make_pictures()
    page = " ".join(text_of(staff.get(address(dataset))).split())
    assert "<dd>2<small>all done</small>" in page and "could not be resized" not in page
