"""Buckets: imported from, and kept in. The server is a real one on loopback that speaks S3."""

import io
import os
import re
import subprocess
import sys
from functools import partial
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from django.core.files.storage import storages
from django.core.management import CommandError, call_command

from annotation_site.storage import media_storage
from catalog.actions import add_images
from catalog.models import Dataset, Image
from catalog.photographs.actions import make_pictures
from catalog.photographs.reads import pictures_of
from data_import.images import actions as imports
from data_import.sources import bucket as sources
from data_import.sources.requests import NothingToImport
from launcher.places import ROOT
from tests.buckets import bucket_of, s3_server
from tests.factories import make_dataset, staff_client, unique
from tests.pictures import corners, decoded, encoded
from tests.required import require

pytestmark = pytest.mark.django_db

JPEG = encoded()
# What is said besides refusals.
NOTE = re.compile(r"The names? of \d+ sub-folder|To label images|\d+ images? (have|has) no dataset label")


@pytest.fixture(scope="module")
def server():
    with s3_server() as store:
        yield store


@pytest.fixture(autouse=True)
def site(server, settings, tmp_path):
    settings.OBJECT_STORE = server
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def filled(server):
    """A function: objects into a new bucket; the bucket's name and a client."""

    def fill(files: dict[str, bytes]):
        name = unique("bucket")
        return name, bucket_of(server, name, files)

    return fill


def import_into(dataset: Dataset, source: str) -> tuple[str, dict[str, str], str]:
    out, err, error = io.StringIO(), io.StringIO(), ""
    try:
        call_command("import", "images", source, "--dataset", dataset.name, stdout=out, stderr=err)
    except CommandError as raised:
        error = str(raised)
    lines = [line for line in err.getvalue().splitlines() if not NOTE.match(line)]
    return out.getvalue(), dict(line.partition(": ")[::2] for line in lines), error


def labels_by_name(dataset: Dataset) -> dict[str, int | None]:
    return dict(dataset.images.values_list("name", "dataset_label__index"))


def content_of(file) -> bytes:
    with file.open() as opened:
        return opened.read()


def test_objects_under_a_prefix_become_images_named_by_the_rest_of_their_keys(filled):
    files = {"set/1/a.jpg": JPEG, "set/n00000002/b c.png": encoded(kind="PNG"), "set/": b"", "settings/x.jpg": JPEG}
    name, _ = filled(files | {"other.jpg": JPEG, "set/.hidden": b"x"})
    dataset = make_dataset()
    out, refused, error = import_into(dataset, f"s3://{name}/set")
    assert (refused, error) == ({}, "")
    assert out == f"Dataset “{dataset.name}”: 2 images were added.\n"
    assert labels_by_name(dataset) == {"1/a.jpg": 1, "n00000002/b c.png": 2}
    assert content_of(dataset.images.get(name="1/a.jpg").original) == JPEG


@pytest.mark.parametrize("address", ["s3://{}", "s3://{}/"])
def test_a_whole_bucket_can_be_imported(filled, address):
    name, _ = filled({"a.jpg": JPEG, "deep/b.jpg": JPEG})
    dataset = make_dataset()
    assert import_into(dataset, address.format(name))[2] == ""
    assert set(labels_by_name(dataset)) == {"a.jpg", "deep/b.jpg"}


def test_a_listing_of_several_pages_is_read_to_its_end(filled, monkeypatch):
    name, _ = filled({f"{n:04}.jpg": JPEG for n in range(25)})
    real = sources._client

    def small_pages():
        client = real()
        paginator = client.get_paginator("list_objects_v2")
        paginate = partial(paginator.paginate, PaginationConfig={"PageSize": 10})
        monkeypatch.setattr(paginator, "paginate", paginate)
        monkeypatch.setattr(client, "get_paginator", lambda operation: paginator)
        return client

    monkeypatch.setattr(sources, "_client", small_pages)
    seen: list[Any] = []
    listing = imports.find_images(f"s3://{name}", make_dataset().label_set, seen.append)
    assert (len(listing.requests), seen) == (25, [10, 10, 5])


def test_a_manifest_in_the_prefix_gives_names_and_labels(filled):
    rows = "file,name,label\na.jpg,first,2\n./sub/b.jpg,,1\nabsent.jpg,,\n../up.jpg,,\nhuge.jpg,,\na.jpg,second,9\n"
    files = {"set/manifest.csv": rows.encode(), "set/a.jpg": JPEG, "set/sub/b.jpg": JPEG, "up.jpg": JPEG}
    name, _ = filled(files | {"set/huge.jpg": bytes(20 * 2**20 + 1), "set/unlisted.jpg": JPEG})
    for address in (f"s3://{name}/set/", f"s3://{name}/set/manifest.csv"):
        dataset = make_dataset()
        _, refused, error = import_into(dataset, address)
        assert "4 files were not imported" in error
        assert [place.partition(" (")[0] for place in refused] == ["line 4", "line 5", "line 6", "line 7"]
        words = ["no object absent.jpg beside the manifest", "leads out", "the limit is 20 MiB", "no class"]
        assert all(word in reason for word, reason in zip(words, refused.values(), strict=True))
        assert labels_by_name(dataset) == {"first": 2, "sub/b.jpg": 1}


def test_a_second_import_fetches_only_what_is_missing(filled, monkeypatch):
    name, client = filled({f"{n}.jpg": JPEG for n in range(6)} | {"bad.jpg": b"no image"})
    dataset = make_dataset()
    assert "1 file was not imported" in import_into(dataset, f"s3://{name}")[2]
    client.put_object(Bucket=name, Key="bad.jpg", Body=JPEG)
    fetched: list[str] = []
    real = sources._fetch

    def fetch_and_note(client, bucket, key):
        fetched.append(key)
        return real(client, bucket, key)

    monkeypatch.setattr(sources, "_fetch", fetch_and_note)
    out, _, error = import_into(dataset, f"s3://{name}")
    assert (fetched, error) == (["bad.jpg"], "")
    assert "1 image was added. 6 images were already in the dataset" in out


def test_an_object_that_is_too_large_by_the_listing_is_not_fetched(filled, monkeypatch):
    name, _ = filled({"large.jpg": bytes(20 * 2**20 + 1), "a.jpg": JPEG})
    monkeypatch.setattr(sources, "_fetch", lambda client, bucket, key: JPEG if key == "a.jpg" else pytest.fail(key))
    _, refused, _ = import_into(make_dataset(), f"s3://{name}")
    assert "the limit is 20 MiB" in refused["large.jpg"]


def test_an_object_that_goes_between_listing_and_fetching_costs_only_itself(filled):
    name, client = filled({"a.jpg": JPEG, "b.jpg": JPEG})
    dataset = make_dataset()
    listing = imports.find_images(f"s3://{name}", dataset.label_set)
    client.delete_object(Bucket=name, Key="a.jpg")
    outcome = imports.import_images(dataset=dataset, listing=listing, progress=lambda n: None)
    assert outcome.added == 1
    assert "a.jpg: it cannot be fetched (NoSuchKey)" in str(outcome.refusals[0])


def test_a_server_that_is_gone_half_way_stops_the_import_and_what_is_in_stays(monkeypatch, settings):
    monkeypatch.setattr(imports, "MOST_IN_PORTION", 4)
    monkeypatch.setattr(sources, "FETCHES_AT_ONCE", 1)
    dataset = make_dataset()
    with s3_server() as store:
        settings.OBJECT_STORE = store
        bucket_of(store, "going", {f"{n:02}.jpg": JPEG for n in range(30)})
        listing = imports.find_images("s3://going", dataset.label_set)
        real = listing.contents

        def cut(requests):
            contents = real(requests)
            for n, content in enumerate(contents):
                if n == 12:
                    monkeypatch.setattr(sources, "_fetch", broken)
                yield content

        def broken(client, bucket, key):
            return ORIGINAL_FETCH(boto3.client("s3", **store | {"endpoint_url": "http://127.0.0.1:9"}), bucket, key)

        cut_off = imports.Listing(listing.requests, cut)
        with pytest.raises(NothingToImport, match="can no longer be reached .* The images imported so far are kept"):
            imports.import_images(dataset=dataset, listing=cut_off, progress=lambda n: None)
        kept = dataset.images.count()
        assert 4 <= kept < 30
        monkeypatch.undo()
        settings.OBJECT_STORE = store
        assert (
            f"{30 - kept} images were added. {kept} images were already in the dataset"
            in import_into(dataset, "s3://going")[0]
        )


ORIGINAL_FETCH = sources._fetch


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "SlowDown", "InternalError", "500"])
def test_what_is_wrong_with_the_bucket_ends_the_import_and_refuses_no_image(code, filled, monkeypatch):
    name, _ = filled({f"{n:02}.jpg": JPEG for n in range(6)})
    dataset = make_dataset()
    with monkeypatch.context() as patch:
        patch.setattr(sources, "_client", partial(client_that_fails, sources._client(), code))
        listing = imports.find_images(f"s3://{name}", dataset.label_set)
        with pytest.raises(
            NothingToImport, match=rf"stopped serving objects \({code}\)\. The images imported so far are kept"
        ):
            imports.import_images(dataset=dataset, listing=listing, progress=lambda n: None)
    n_left = 6 - dataset.images.count()
    assert f"{n_left} images were added" in import_into(dataset, f"s3://{name}")[0]


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "InvalidObjectState"])
def test_what_is_wrong_with_an_object_refuses_its_image_alone(code, filled, monkeypatch):
    name, _ = filled({f"{n:02}.jpg": JPEG for n in range(6)})
    monkeypatch.setattr(sources, "_client", partial(client_that_fails, sources._client(), code))
    listing = imports.find_images(f"s3://{name}", make_dataset().label_set)
    outcome = imports.import_images(dataset=make_dataset(), listing=listing, progress=lambda n: None)
    assert outcome.added == 5
    assert [str(refusal) for refusal in outcome.refusals] == [
        f"03.jpg: it cannot be fetched ({code}): check that it exists and may be read"
    ]


def client_that_fails(client, code: str):
    """It gives all objects but 03.jpg."""
    get = client.get_object

    def refuse(**words):
        if words["Key"].endswith("03.jpg"):
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")
        return get(**words)

    client.get_object = refuse
    return client


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://", "lacks a bucket"),
        ("s3://no-such-bucket-here/x", "cannot be listed (NoSuchBucket). Check the name, AWS_ENDPOINT_URL"),
        ("s3://{}/absent", "There are no objects at s3://"),
        ("s3://{}/absent/manifest.csv", "There are no objects at s3://"),
        ("s3://{}/table", "table/manifest.csv has no column 'file'"),
        ("s3://{}/bytes", "bytes/manifest.csv is not UTF-8"),
    ],
)
def test_what_is_no_source_is_said(filled, address, words):
    name, _ = filled({"a.jpg": JPEG, "table/manifest.csv": b"path\na.jpg\n", "bytes/manifest.csv": b"\xff\xfe"})
    assert words in import_into(make_dataset(), address.format(name))[2]


def test_a_key_is_never_a_path(filled, tmp_path):
    name, _ = filled({"set/../../up.jpg": JPEG, "set//etc/passwd": JPEG, "set/good.jpg": JPEG})
    dataset = make_dataset()
    _, refused, _ = import_into(dataset, f"s3://{name}/set")
    assert all("leads out" in reason for reason in refused.values()) and len(refused) == 2
    assert set(labels_by_name(dataset)) == {"good.jpg"}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


# A bucket as the place where images are kept


@pytest.fixture
def media_bucket(server, settings, monkeypatch):
    """The site with MEDIA_BUCKET set; the bucket's name and a client."""
    name = unique("media")
    client = bucket_of(server, name, {})
    monkeypatch.setenv("MEDIA_BUCKET", name)
    settings.STORAGES = settings.STORAGES | {"default": media_storage(server)}
    return name, client


def keys_in(client, name: str) -> dict[str, bytes]:
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=name).get("Contents", ())]
    return {key: client.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}


def test_images_are_kept_in_the_bucket_and_shown_by_the_site(media_bucket, filled, tmp_path):
    name, client = media_bucket
    dataset = make_dataset()
    large = encoded(corners(1500, 900))
    source_bucket, _ = filled({"a.jpg": large})
    assert import_into(dataset, f"s3://{source_bucket}")[2] == ""
    image = dataset.images.get()
    assert keys_in(client, name) == {f"originals/{image.public_id}.jpg": large}
    assert make_pictures() == 1
    stored = keys_in(client, name)
    tiles = {key for key in stored if key.startswith("tiles/")}
    assert set(stored) - tiles == {f"{kind}/{image.public_id}.jpg" for kind in ("originals", "display", "thumbnails")}
    assert tiles and all(key.endswith(f"/{image.public_id}") for key in tiles)
    assert decoded(stored[f"thumbnails/{image.public_id}.jpg"]).size == (320, 192)
    response = staff_client().get(f"/i/{image.public_id}.jpg")
    assert b"".join(response) == pictures_of(large).display
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/jpeg")
    assert "amazonaws" not in str(response.headers) and "127.0.0.1" not in str(response.headers)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_first_look_makes_the_pictures_in_the_bucket_too(media_bucket, filled):
    name, client = media_bucket
    dataset = make_dataset()
    import_into(dataset, f"s3://{filled({'a.jpg': JPEG})[0]}")
    image = dataset.images.get()
    response = staff_client().get(f"/i/{image.public_id}.jpg")
    assert b"".join(response) == keys_in(client, name)[f"display/{image.public_id}.jpg"]


def test_the_bucket_is_not_open_to_others(media_bucket, filled, server):
    name, client = media_bucket
    dataset = make_dataset()
    import_into(dataset, f"s3://{filled({'a.jpg': JPEG})[0]}")
    key = dataset.images.get().original.name
    for grants in (client.get_object_acl(Bucket=name, Key=key), client.get_bucket_acl(Bucket=name)):
        assert [grant["Grantee"]["Type"] for grant in grants["Grants"]] == ["CanonicalUser"]
    stranger = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=server["endpoint_url"], config=Config(signature_version=UNSIGNED)
    )
    with pytest.raises(ClientError, match="403|AccessDenied"):
        stranger.get_object(Bucket=name, Key=require(key))


def test_a_file_left_by_a_stop_half_way_is_overwritten_and_none_stays_when_rows_fail(media_bucket):
    name, client = media_bucket
    dataset = make_dataset()
    image = Image.objects.create(dataset=dataset, name="a.jpg")
    client.put_object(Bucket=name, Key=f"originals/{image.public_id}.jpg", Body=b"half")
    photograph = imports.Photograph(JPEG, ".jpg", 64, 48)
    add_images(dataset=dataset, images=[imports.NewImage("a.jpg", None, photograph)])
    assert keys_in(client, name) == {f"originals/{image.public_id}.jpg": JPEG}


def test_the_storage_is_a_bucket_only_where_one_is_set(monkeypatch, settings):
    assert "S3" not in type(storages["default"]).__name__
    monkeypatch.delenv("MEDIA_BUCKET", raising=False)
    assert media_storage({})["BACKEND"].endswith("FileSystemStorage")


def settings_with(**variables: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "STATE_DIR") if name in os.environ}
    code = "from django.conf import settings as s; print(s.OBJECT_STORE['endpoint_url'], s.STORAGES['default'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "annotation_site.settings"} | variables,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_who_deploys_sets_bucket_and_server_by_the_environment():
    said = settings_with(MEDIA_BUCKET="pictures", AWS_ENDPOINT_URL="https://s3.example.org")
    assert said.startswith("https://s3.example.org ") and "'bucket_name': 'pictures'" in said
    assert "AWS_ENDPOINT_URL='file:///etc/passwd' is not an http address" in settings_with(
        AWS_ENDPOINT_URL="file:///etc/passwd"
    )
    assert settings_with(AWS_ENDPOINT_URL="", AWS_ACCESS_KEY_ID="").startswith("None ")
