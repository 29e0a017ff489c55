"""The page Files: it serves the same bytes as `./manage export` writes, of one snapshot."""

import io
from urllib.parse import quote

import pytest
from django.conf import settings as site
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from aggregation.actions import aggregate
from candidates.actions import ensure_classifier, find_potential_labels, store_predictions
from candidates.classifiers import predictions_file
from catalog.models import Dataset
from contains_task.models import ContainsVote
from data_export.reads import ROWS_AT_ONCE, exported_files
from tests.factories import make_dataset, make_grid, make_images, make_lease, staff_client, tick_images, unique

STAFF = "annotation_site.staff_urls"
# Rows are read in a transaction of their own, which a test's would hide.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dataset(media) -> Dataset:
    dataset = make_dataset(name=f"rare/birds, {unique('no')}", contains_answers=2)
    images = make_images(dataset, 3, label=1)
    classifier = ensure_classifier(label_set=dataset.label_set, name="onnx:net@flip")
    store_predictions(
        classifier=classifier, predictions=[(image.pk, [1, 2, 0, 3], [0.5, 0.3, 0.1, 0.1]) for image in images]
    )
    find_potential_labels(dataset=dataset)
    grid = make_grid(images=images, label=1)
    tick_images(lease=make_lease(grid.hit.batch), selected=[images[0].public_id], idempotency_key=unique("key"))
    aggregate(dataset=dataset)
    return dataset


def rows(dataset: Dataset, kind: str, format: str, names: bool = False):
    return staff_client().get(f"/setup/rows/{kind}/{format}/{quote(dataset.name)}/{'?names=1' if names else ''}")


def exported(tmp_path, dataset: Dataset, kind: str, format: str, names: bool) -> bytes:
    path = tmp_path / "out"
    call_command("export", kind, dataset=dataset.name, format=format, output=path, names=names, stdout=io.StringIO())
    return path.read_bytes()


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_each_file_equals_the_output_of_the_command(dataset, tmp_path, format):
    lengths = {}
    for kind in exported_files():
        for names in (False, True):
            response = rows(dataset, kind, format, names)
            content = response.getvalue()
            response.close()
            assert content == exported(tmp_path, dataset, kind, format, names), kind
            lengths[kind] = content.count(b"\n")
    head = int(format == "csv")
    assert lengths["contains_votes"] == head + 3 and lengths["annotations"] == head


def test_a_file_is_named_after_dataset_and_content_and_never_cached(dataset):
    response = rows(dataset, "grids", "csv")
    plain = dataset.name.replace("/", "_").replace(", ", "_")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{plain}-grids.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in response.headers["Cache-Control"]
    response.close()


def test_rows_are_streamed_in_portions_from_one_snapshot(dataset, monkeypatch):
    monkeypatch.setattr("data_export.reads.ROWS_AT_ONCE", 2)
    content = rows(dataset, "contains_votes", "csv").getvalue()
    response = rows(dataset, "contains_votes", "csv")
    portions = iter(response)
    first = next(portions)
    elsewhere = connection.copy()
    with elsewhere.cursor() as cursor:
        cursor.execute("UPDATE contains_task_containsvote SET selected = NOT selected")
    elsewhere.close()
    further = list(portions)
    assert len(further) == 1 and first + further[0] == content
    assert rows(dataset, "contains_votes", "csv").getvalue() != content
    assert ROWS_AT_ONCE > 100


def test_an_aborted_download_leaves_no_transaction_open(dataset, monkeypatch):
    monkeypatch.setattr("data_export.reads.ROWS_AT_ONCE", 1)
    response = rows(dataset, "contains_votes", "csv")
    next(iter(response))
    assert connection.in_atomic_block
    response.close()
    assert not connection.in_atomic_block
    assert ContainsVote.objects.update(selected=True) == 3


def test_predictions_of_a_classifier_come_in_the_format_of_imports(dataset, tmp_path):
    page = staff_client().get(f"/setup/files/{quote(dataset.name)}/").content.decode()
    classifier = dataset.label_set.classifiers.get()
    address = reverse("file-of-predictions", STAFF, (classifier.pk, dataset.name))
    assert f'href="{address}"' in page and "onnx:net@flip (npz)" in page
    response = staff_client().get(address)
    path = tmp_path / "got.npz"
    path.write_bytes(response.getvalue())
    assert "predictions-onnx_net@flip.npz" in response.headers["Content-Disposition"]
    predictions = predictions_file.read(path, n_classes=4)
    assert predictions.labels.tolist() == [[1, 2, 0, 3]] * 3 and len(predictions.images) == 3


def test_the_page_describes_each_file_and_its_rest_address(dataset):
    page = staff_client().get(f"/setup/files/{quote(dataset.name)}/").content.decode()
    for kind in exported_files():
        for format in ("csv", "jsonl"):
            assert f'href="{reverse("file-of-rows", STAFF, (kind, format, dataset.name))}"' in page
    assert f"{site.STAFF_ORIGIN}/api/v1/contains_votes/?dataset={quote(dataset.name, safe='')}" in page
    assert "/api/v1/grids/" not in page
    # Annotations, frequencies of the worker model, CLASSIFY votes, verdicts, class pairs and consents.
    assert page.count("empty so far") == 8


def test_an_unknown_file_is_not_found(dataset):
    for address in ("rows/nothing/csv", "rows/grids/xlsx", "predictions/0", "rows/grids/csv/x"):
        assert staff_client().get(f"/setup/{address}/{quote(dataset.name)}/").status_code == 404
    other = make_dataset()
    [classifier] = dataset.label_set.classifiers.all()
    assert staff_client().get(f"/setup/predictions/{classifier.pk}/{other.name}/").status_code == 404
