"""From which buckets pages may import: those on the administrator's list, and the folders in them."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from annotation_site.storage import import_buckets
from data_import.buckets.reads import ForbiddenBucket, check_bucket
from data_import.job_sources.actions import source_of_job
from tests.factories import make_dataset, staff_client

LISTED = ["s3://lab/photographs", "s3://open-data"]
ALLOWED = [
    *("s3://lab/photographs", "s3://lab/photographs/", "s3://lab/photographs/birds", "s3://lab/photographs/a b/é"),
    *("s3://lab/photographs/first.csv", "s3://lab/photographs/all.zip", "s3://open-data", "s3://open-data/"),
    *("s3://open-data/any/thing", "s3://open-data/list.csv"),
]
FORBIDDEN = [
    *("", "s3://", "s3:///", "s3://lab", "s3://lab/", "s3://lab-private", "s3://lab-private/photographs"),
    *(
        "s3://lab/photographs-private",
        "s3://lab/photo",
        "s3://lab/Photographs",
        "s3://LAB/photographs",
        "S3://lab/photographs",
    ),
    *("s3://lab/photographs/../private", "s3://lab/photographs/..", "s3://lab/./photographs", "s3://lab//photographs"),
    *("s3://lab/photographs//birds", "s3://lab/photographs\\..\\private", "s3://lab\\photographs", "s3://lab/private"),
    *("s3://lab/photographs.csv", "s3://lab/photographs.zip", "s3://lab/photographs\x00", "s3://lab/photographs\n"),
    *(
        "https://lab/photographs",
        "lab/photographs",
        "s3://lab/photographs%2f..",
        "s3://lab:80/photographs",
        "s3://open-data.evil",
    ),
    *(
        "s3://arn:aws:s3:::lab/photographs",
        "s3://user@lab/photographs",
        " s3://lab/photographs",
        "s3://../lab/photographs",
    ),
]


@pytest.mark.parametrize("address", ALLOWED)
def test_what_is_listed_is_allowed_with_the_folders_in_it(settings, address):
    settings.IMPORT_BUCKETS = LISTED
    check_bucket(address)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_nothing_else_is(settings, address):
    settings.IMPORT_BUCKETS = LISTED
    with pytest.raises(ForbiddenBucket, match="s3://lab/photographs, s3://open-data"):
        check_bucket(address)


def test_a_manifest_on_the_list_does_not_open_the_folder_around_it(settings):
    settings.IMPORT_BUCKETS = ["s3://lab/first.csv"]
    with pytest.raises(ForbiddenBucket):
        check_bucket("s3://lab/first.csv")


@pytest.mark.parametrize("address", [*ALLOWED, *FORBIDDEN])
def test_without_a_list_no_bucket_is(settings, address):
    settings.IMPORT_BUCKETS = []
    with pytest.raises(ForbiddenBucket, match="allows no bucket"):
        check_bucket(address)


def test_a_job_is_held_to_the_list_of_the_day(settings):
    settings.IMPORT_BUCKETS = LISTED
    assert source_of_job({"bucket": "s3://open-data/a"})[0] == "s3://open-data/a"
    settings.IMPORT_BUCKETS = LISTED[:1]
    with pytest.raises(ForbiddenBucket):
        source_of_job({"bucket": "s3://open-data/a"})


@pytest.mark.django_db
def test_the_page_says_which_are_allowed_and_refuses_the_others(settings):
    dataset, client = make_dataset(), staff_client()
    address = f"/setup/images/{dataset.name}/"
    settings.IMPORT_BUCKETS = []
    page = client.get(address).content.decode()
    assert "No bucket is allowed." in page and 'id="bucket"' not in page
    answer = client.post(address, {"from": "bucket", "bucket": "s3://open-data/a"})
    assert answer.status_code == 400 and "allows no bucket" in answer.content.decode()
    settings.IMPORT_BUCKETS = LISTED
    page = client.get(address).content.decode()
    assert all(f"<code>{listed}</code>" in page for listed in LISTED)
    answer = client.post(address, {"from": "bucket", "bucket": "s3://lab-private/a"})
    assert answer.status_code == 400 and "is not allowed. Allowed: s3://lab/photographs" in answer.content.decode()
    assert not dataset.jobs.exists()
    settings.IMPORT_BUCKETS = ["s3://lab"]
    assert client.post(address, {"from": "bucket", "bucket": "s3://lab/a"}).status_code == 302


@pytest.mark.parametrize("text", ["lab", "s3://", "s3://lab/../a", "s3://lab//a", "https://lab", "s3://a,b"])
def test_a_list_that_names_no_bucket_stops_the_start(monkeypatch, text):
    monkeypatch.setenv("IMPORT_BUCKETS", text)
    with pytest.raises(ImproperlyConfigured, match="IMPORT_BUCKETS"):
        import_buckets()


def test_a_list_is_read(monkeypatch):
    monkeypatch.setenv("IMPORT_BUCKETS", " s3://lab/photographs/ ,s3://open-data")
    assert import_buckets() == LISTED
