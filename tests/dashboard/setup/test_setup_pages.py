"""The pages Classifiers and Potential labels: contents, jobs, rejected names, and files they never open."""

import html
import os
import re
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pyarrow import parquet

from candidates.actions import find_potential_labels, predict_next_portions
from candidates.classifiers import predictions_file
from candidates.ensemble.reads import loaded
from candidates.models import PotentialLabel, Run
from candidates.tasks import predict_portion
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Prediction
from dashboard.setup.classifier_names import checked_name, onnx_files
from dashboard.setup.plot import distribution_plot
from jobs.actions import do_next_job
from jobs.models import Job
from launcher.places import ROOT
from tests.candidates.small_ensemble import colour_network, coloured_dataset, spoil
from tests.factories import make_dataset, staff_client, worker_client
from tests.required import require

pytestmark = pytest.mark.django_db
N_IMAGES = 20
PAGES = ("classifiers", "potential_labels", "grids", "settings")


@pytest.fixture(autouse=True)
def places(settings, tmp_path):
    settings.MEDIA_ROOT, settings.MODELS_ROOT = tmp_path / "media", tmp_path / "models"
    settings.UPLOAD_ROOT = tmp_path / "uploads"
    settings.FILE_UPLOAD_TEMP_DIR = settings.UPLOAD_ROOT / "incoming"
    loaded.cache_clear()


@pytest.fixture
def network(settings) -> str:
    return colour_network(settings.MODELS_ROOT)


@pytest.fixture
def dataset() -> Dataset:
    return coloured_dataset(N_IMAGES)


@pytest.fixture
def client() -> Client:
    return staff_client()


@pytest.fixture
def hints(monkeypatch) -> list:
    """Collect tasks instead of sending them to the broker. Nobody carries them out."""
    tasks: list = []
    monkeypatch.setattr(predict_portion, "delay", lambda: tasks.append(1))
    return tasks


def address(page: str, dataset: Dataset) -> str:
    return f"/setup/{page}/{dataset.name}/"


def text_of(response) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def page_text(client: Client, name: str, dataset: Dataset, **query: str) -> str:
    response = client.get(address(name, dataset), query)
    assert response.status_code == 200
    return text_of(response)


def ask_for(client: Client, dataset: Dataset, **fields: str) -> None:
    """Request classifiers by the form, and do the job that it starts."""
    response = client.post(address("classifiers", dataset), fields)
    assert (response.status_code, response["Location"]) == (302, address("classifiers", dataset))
    assert do_next_job()


def predict_all() -> None:
    while predict_next_portions():
        pass


def predictions_csv(dataset: Dataset, k: int = 5) -> bytes:
    lines = [",".join(["image", *(f"label_{rank}" for rank in range(1, k + 1))])]
    lines += [",".join([image.name, *map(str, range(k))]) for image in dataset.images.all()]
    return "\n".join(lines).encode()


def import_file(client: Client, dataset: Dataset, name: str, content: bytes, **fields: str):
    data = {"import": "predictions", "classifier": "elsewhere", "file": SimpleUploadedFile(name, content)} | fields
    return client.post(address("classifiers", dataset), data)


# Access


@pytest.mark.parametrize("page", PAGES)
def test_without_a_login_a_page_leads_to_the_sign_in_and_the_worker_origin_has_none(page, dataset):
    response = staff_client(signed_in=False).post(address(page, dataset))
    assert (response.status_code, response["Location"].split("?")[0]) == (302, "/login/")
    assert worker_client().get(address(page, dataset)).status_code == 404
    assert not Job.objects.exists()


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_dataset_has_no_page_but_an_odd_name_has(page, client):
    assert client.get(f"/setup/{page}/nothing/").status_code == 404
    assert "a/b <c>" in page_text(client, page, make_dataset(name="a/b <c>"))


@pytest.mark.parametrize("page", PAGES)
def test_a_forged_request_is_refused(page, dataset):
    forger = staff_client()
    forger.handler.enforce_csrf_checks = True
    assert forger.post(address(page, dataset)).status_code == 403


# Classifiers


def test_classifiers_are_started_run_and_listed(client, dataset, network, hints):
    ask_for(client, dataset, chosen="onnx:small.onnx")
    assert len(hints) == 3, "a worker for each portion"
    text = page_text(client, "classifiers", dataset)
    assert f"Started: {network}." in text
    assert "waiting to start" in text
    assert f'<progress max="{N_IMAGES}" value="0"' in text
    predict_next_portions()
    assert f"8 of {N_IMAGES} images (40 %)" in page_text(client, "classifiers", dataset)
    predict_all()
    text = page_text(client, "classifiers", dataset)
    assert f'value="{N_IMAGES}"' in text
    assert "No runs in progress" in text
    assert Classifier.objects.get().weights[:12] in text
    assert "8 px" in text
    ask_for(client, dataset, chosen="onnx:small.onnx")
    assert "already have predictions of" in page_text(client, "classifiers", dataset)


def test_an_interrupted_run_says_why_and_lists_the_images_not_predicted(client, dataset, network, hints, settings):
    spoil(dataset.images.get(name="00000.jpg"))
    ask_for(client, dataset, others="onnx:small.onnx@flip")
    predict_next_portions()
    text = page_text(client, "classifiers", dataset)
    assert "1 image could not be predicted" in text
    assert "00000.jpg</a>: unsupported format" in text
    description = settings.MODELS_ROOT / "small.json"
    content = description.read_text()
    description.write_text("{}")
    loaded.cache_clear()
    predict_next_portions()
    text = page_text(client, "classifiers", dataset)
    assert "interrupted" in text
    assert "Example of a description" in text
    description.write_text(content)
    ask_for(client, dataset, others="onnx:small.onnx@flip")
    predict_all()
    assert Run.objects.get().finished_at
    assert Prediction.objects.count() == N_IMAGES - 1


@pytest.mark.parametrize(
    "name",
    [
        "onnx:/etc/passwd",
        "onnx:../outside.onnx",
        "onnx:link.onnx",
        "onnx:nothing.onnx",
        "torch:os:getcwd",
        "torchvision:resnet50:/etc/passwd",
        "torchvision:resnet50@x:/etc/passwd",
        "timm:resnet50:mine.safetensors",
        "torchvision:resnet50:a.pth",
        "timm:hf-hub:random",
        "onnx:small.onnx@../../outside.onnx",
        "timm:hf-hub:somebody/model",
        "timm:local-dir:/tmp",
        "torchvision:../x",
        "onnx:",
        "resnet",
        "small@twirl",
    ],
)
def test_a_page_reaches_for_no_file_or_code_outside_and_keeps_what_was_typed(
    name, client, dataset, network, settings, tmp_path
):
    outside = colour_network(tmp_path, "outside").removeprefix("onnx:")
    (settings.MODELS_ROOT / "link.onnx").symlink_to(outside)
    response = client.post(address("classifiers", dataset), {"others": f"onnx:small.onnx\n{name}"})
    assert response.status_code == 422
    text = html.unescape(response.content.decode())
    assert re.search(r"<textarea[^>]*>\s*onnx:small.onnx\s+" + re.escape(name), text)
    assert not Run.objects.exists() and not Job.objects.exists(), "all or none"
    assert onnx_files() == ["onnx:small.onnx"]


def test_names_in_the_models_folder_become_whole_paths_and_keep_their_view(network, settings):
    assert checked_name("onnx:small.onnx") == network
    assert checked_name("onnx:small.onnx@flip") == f"{network}@flip"
    assert checked_name(network) == network
    odd = colour_network(settings.MODELS_ROOT / "a b", "odd@flip")
    assert checked_name("onnx:a b/odd@flip.onnx") == odd
    assert checked_name("efficientnet-lite0@crop=1.0,flip") == "efficientnet-lite0@crop=1.0,flip"
    assert checked_name("timm:resnet50.a1_in1k@flip") == "timm:resnet50.a1_in1k@flip"
    assert checked_name("torchvision:resnet50:IMAGENET1K_V1@flip") == "torchvision:resnet50:IMAGENET1K_V1@flip"
    with pytest.raises(UserError, match="printable"):
        checked_name("a\nb")


def test_an_empty_choice_and_other_classes_are_rejected(client, dataset, settings):
    response = client.post(address("classifiers", dataset), {"others": " "})
    assert "Choose 1 to 20 classifiers" in text_of(response)
    colour_network(settings.MODELS_ROOT, "wide", n_classes=13)
    ask_for(client, dataset, chosen="onnx:wide.onnx")
    assert "gives scores for 13 classes" in page_text(client, "classifiers", dataset)


def test_one_invalid_classifier_starts_none_of_the_requested_ones(client, dataset, network, settings):
    (settings.MODELS_ROOT / "damaged.onnx").write_bytes(b"no network")
    ask_for(client, dataset, others="onnx:small.onnx\nonnx:damaged.onnx")
    text = page_text(client, "classifiers", dataset)
    assert '<span class="tag bad">failed</span>' in client.get(f"/setup/classifiers/{dataset.name}/").content.decode()
    assert "damaged.onnx" in text
    assert not Run.objects.exists()


def test_classifiers_are_started_once_at_a_time(client, dataset, network):
    for _ in range(2):
        client.post(address("classifiers", dataset), {"chosen": "onnx:small.onnx"})
    assert "“Starting classifiers” is already in progress for" in page_text(client, "classifiers", dataset)
    assert Job.objects.count() == 1


def test_the_page_of_classifiers_loads_no_network_and_no_runtime():
    """In a process of its own: this one has them long since."""
    code = """
import django, sys
django.setup()
import annotation_site.urls, dashboard.setup.views
from dashboard.setup.forms import PredictForm
PredictForm({"chosen": "efficientnet-lite0"}).is_valid()
print([name for name in ("onnx", "onnxruntime", "torch") if name in sys.modules])
"""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "annotation_site.settings"}
    words = [sys.executable, "-c", code]
    process = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=True)
    assert process.stdout == "[]\n"


# Predictions from a file


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_predictions_of_a_file_are_imported(suffix, client, dataset, tmp_path, settings):
    names = list(dataset.images.values_list("name", flat=True))
    content = predictions_csv(dataset)
    if suffix != ".csv":
        labels = np.tile(np.arange(5, dtype=np.int32), (len(names), 1))
        predictions_file.write(tmp_path / f"p{suffix}", predictions_file.Predictions(names, labels))
        content = (tmp_path / f"p{suffix}").read_bytes()
    assert import_file(client, dataset, f"mine{suffix}", content, view="flip").status_code == 302
    text = page_text(client, "classifiers", dataset)
    assert f"elsewhere: {N_IMAGES} predictions added." in text
    assert "already existed" not in text
    assert Prediction.objects.count() == N_IMAGES
    assert not list(settings.UPLOAD_ROOT.rglob("mine*")), "the upload is removed"


def test_a_rejected_file_keeps_its_name(client, dataset, settings):
    response = import_file(client, dataset, "mine.csv", b"image,label_1\nnobody.jpg,3\n", network="net <1>")
    text = text_of(response)
    assert response.status_code == 422
    assert "mine.csv: 1 image is not in dataset" in text
    assert str(settings.UPLOAD_ROOT) not in text
    assert 'value="elsewhere"' in text
    assert 'value="net <1>"' in text
    assert "Choose the files again" in text
    assert "has an unsupported format" in text_of(import_file(client, dataset, "mine.exe", b"MZ"))
    assert not Prediction.objects.exists()


def test_imported_predictions_may_not_bear_the_name_of_code(client, dataset):
    response = import_file(client, dataset, "mine.csv", predictions_csv(dataset), classifier="torch:os:getcwd")
    assert "run any code" in text_of(response)
    response = import_file(client, dataset, "mine.csv", predictions_csv(dataset), weights="12")
    assert "64 digits" in text_of(response)
    assert not Classifier.objects.exists()


def test_a_large_file_is_rejected_in_words_by_the_page_and_before_it(client, dataset):
    response = import_file(client, dataset, "mine.csv", b"x" * (20 * 2**20 + 1))
    assert response.status_code == 422
    assert "mine.csv has 20.0 MiB; the limit of this page is 20 MiB" in text_of(response)
    response = import_file(client, dataset, "mine.csv", b"x" * (42 * 2**20))
    assert response.status_code == 413
    assert "the limit is 41 MiB" in text_of(response)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_small_file_that_unpacks_to_much_is_rejected_before_unpacking(suffix, client, dataset, tmp_path):
    n_rows = 2 * 2**20
    names = np.array(["00000.jpg"]).repeat(n_rows)
    labels = np.zeros(n_rows, np.int32)
    path = tmp_path / f"bomb{suffix}"
    if suffix == ".npz":
        np.savez_compressed(path, images=names.astype("<U32"), labels=labels[:, None])
    else:
        columns = {f"label_{rank}": labels for rank in range(1, 9)}
        parquet.write_table(pyarrow.table({"image": pyarrow.array(names)} | columns), path)
    assert path.stat().st_size < 2 * 2**20
    text = text_of(import_file(client, dataset, path.name, path.read_bytes()))
    assert f"bomb{suffix}" in text
    assert "split the file" in text


# Potential labels


@pytest.fixture
def predicted(dataset, network, client, hints) -> Dataset:
    ask_for(client, dataset, chosen="onnx:small.onnx", others="onnx:small.onnx@flip")
    predict_all()
    return dataset


def test_potential_labels_are_computed_by_a_job_and_shown_with_their_classifiers(client, predicted):
    assert "No potential labels yet" in page_text(client, "potential_labels", predicted)
    response = client.post(address("potential_labels", predicted))
    assert (response.status_code, response.url) == (302, address("potential_labels", predicted))
    assert not PotentialLabel.objects.exists(), "a worker computes them"
    assert "Computing potential labels" in page_text(client, "potential_labels", predicted)
    assert do_next_job()
    text = page_text(client, "potential_labels", predicted)
    n_labels = PotentialLabel.objects.count()
    assert f"Potential labels of {N_IMAGES} images: {n_labels}." in text
    assert f"<dd>{n_labels / N_IMAGES:.1f}<" in text
    assert "≈ 14" in text
    assert text.count('class="plot-bar"') == len(require(distribution_plot(counts_of(predicted), 0)).bars)
    first = predicted.images.order_by("id").first()
    part = text[text.index(f">{first.name}</a></h3>") :].split("</table>")[0]
    for row in first.potential_labels.select_related("label"):
        assert row.label.name in part
    assert part.count("dataset label") == 1
    assert re.findall(r'<th scope="col" class="rank" title="[^"]+small.onnx(@flip)?">([AB])</th>', part) == [
        ("", "A"),
        ("@flip", "B"),
    ]
    rows = re.findall(r'<th scope="row">(thing \d+).*?</th><td class="rank">(.)</td><td class="rank">(.)</td>', part)
    ranks = {name: {rank_a, rank_b} for name, rank_a, rank_b in rows}
    top = require(Prediction.objects.filter(image=first).first()).labels
    assert all(ranks[f"thing {label}"] == {str(rank)} for rank, label in enumerate(top, 1)), "of one colour: the same"
    assert "onclick" not in text and "style=" not in text


def counts_of(dataset: Dataset) -> list[int]:
    numbers = [image.potential_labels.count() for image in dataset.images.all()]
    return np.bincount(numbers).tolist()


def test_missing_predictions_are_named_before_potential_labels_are_computed(client, dataset, network, hints):
    problem = "has no predictions yet. Run the classifiers or import their predictions"
    assert problem in page_text(client, "potential_labels", dataset)
    client.post(address("potential_labels", dataset))
    do_next_job()
    text = page_text(client, "potential_labels", dataset)
    assert problem in text
    spoil(dataset.images.first())
    ask_for(client, dataset, chosen="onnx:small.onnx")
    predict_all()
    assert "small.onnx has not predicted 1 image." in page_text(client, "potential_labels", dataset)


def test_a_second_request_during_the_job_is_rejected_in_words(client, predicted):
    for _ in range(2):
        client.post(address("potential_labels", predicted))
    assert Job.objects.filter(kind=Job.Kind.POTENTIAL_LABELS).count() == 1
    assert "already in progress" in page_text(client, "potential_labels", predicted)


def test_many_images_come_in_pages(client, hints, network):
    large = coloured_dataset(30)
    ask_for(client, large, chosen="onnx:small.onnx")
    predict_all()
    find_potential_labels(dataset=large)
    assert "Page 1 of 2" in page_text(client, "potential_labels", large)
    second = page_text(client, "potential_labels", large, page="2")
    assert "00029.jpg" in second
    assert "00001.jpg" not in second


def test_a_plot_of_many_numbers_has_few_ticks_and_of_none_nothing():
    plot = distribution_plot([0, 0, *range(1, 60)], 40.0)
    assert sum(bar.has_tick for bar in require(plot).bars) <= 12
    assert require(plot).bars[0].number == 2
    assert all(bar.x >= 0 and bar.x + bar.width <= require(plot).width for bar in require(plot).bars)
    assert all(abs(bar.y + bar.height - require(plot).floor) < 1e-9 for bar in require(plot).bars)
    assert distribution_plot([], 0.0) is None
    assert distribution_plot([0, 0], 0.0) is None
