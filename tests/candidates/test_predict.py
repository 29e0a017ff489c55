"""The researcher's commands from images to potential labels, and predictions from and to files."""

import contextlib
import csv
import io
import json
import re
import shutil
from unittest.mock import patch

import numpy as np
import psycopg2
import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.db import connection
from kombu import Connection

from candidates import actions
from candidates.actions import predict_next_portions
from candidates.classifiers import packages, predictions_file
from candidates.classifiers.efficientnet_lite import NotInstalled
from candidates.ensemble.reads import loaded
from candidates.management.commands import predict as command
from candidates.models import PotentialLabel, Run
from candidates.prediction_files.actions import import_predictions
from candidates.runs.actions import requested_classifiers
from candidates.tasks import predict_portion
from catalog.actions import change_settings
from catalog.errors import UserError
from catalog.models import Classifier, Dataset, Prediction
from tests.candidates.classifiers.photographs import folder_of, labelled
from tests.candidates.small_ensemble import N_CLASSES, colour_network, coloured_dataset, spoil
from tests.factories import make_dataset

pytestmark = pytest.mark.django_db
N_IMAGES = 20


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    loaded.cache_clear()


@pytest.fixture
def network(tmp_path) -> str:
    return colour_network(tmp_path / "networks")


@pytest.fixture
def dataset() -> Dataset:
    return coloured_dataset(N_IMAGES)


@pytest.fixture
def hints(monkeypatch) -> list:
    """Tasks that are sent, instead of the broker; they are worked at by nobody."""
    sent: list = []
    monkeypatch.setattr(predict_portion, "delay", lambda: sent.append(1))
    return sent


def said(name: str, *words: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(name: str, *words: object) -> str:
    with pytest.raises(CommandError) as refused:
        said(name, *words)
    return str(refused.value)


# predict


def test_predict_here_does_it_in_this_process_and_again_does_nothing(dataset, network):
    words = ("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    assert said(*words)[0] == f"{network}: {N_IMAGES} images processed.\n"
    assert Prediction.objects.count() == N_IMAGES
    assert said(*words)[0] == f"{network}: all images were predicted already.\n"


def test_predict_wakes_a_worker_per_portion_and_need_not_wait(dataset, network, hints):
    out, _ = said("predict", "--dataset", dataset.name, "--classifier", network, "--no-wait")
    assert out == f"{N_IMAGES} predictions are pending. Repeat the command to wait for the workers.\n"
    assert len(hints) == 3
    assert not Prediction.objects.exists()


def test_predict_waits_for_the_workers_and_says_so_when_none_comes(dataset, network, hints, monkeypatch):
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0)

    def a_worker_at_last(seconds: float) -> None:
        if len(seen := looks) < 3:
            seen.append(seconds)
        else:
            predict_next_portions()

    looks: list = []
    with patch.object(command.time, "sleep", a_worker_at_last):
        out, err = said("predict", "--dataset", dataset.name, "--classifier", network)
    assert out == f"{network}: {N_IMAGES} images processed.\n"
    assert err.count("Start a worker with ./run") == 1
    assert Run.objects.get().finished_at


def test_stopping_the_command_leaves_the_work_to_the_workers(dataset, network, hints):
    with patch.object(command.time, "sleep", side_effect=KeyboardInterrupt):
        assert "repeat the command to resume" in refusal("predict", "--dataset", dataset.name, "--classifier", network)
    assert Run.objects.get().finished_at is None


def let_go_of_the_database() -> None:
    """Close every connection, as a server does that is shut down."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    names = ("dbname", "user", "password", "host", "port")
    words = {name: value for name, value in connection.get_connection_params().items() if name in names}
    with contextlib.closing(psycopg2.connect(**words)) as mine:
        mine.autocommit = True
        with mine.cursor() as cursor:
            cursor.execute(f"{others} AND pid <> pg_backend_pid()")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_lets_go_is_waited_for_while_workers_predict(dataset, network, hints):
    ends = iter([True, False, True])

    def a_look(seconds: float) -> None:
        if next(ends, False):
            let_go_of_the_database()
        else:
            predict_next_portions()

    with patch.object(command.time, "sleep", a_look):
        out, err = said("predict", "--dataset", dataset.name, "--classifier", network)
    assert out == f"{network}: {N_IMAGES} images processed.\n"
    assert "The database does not answer (" in err
    assert err.count("does not answer") == err.count("The database answers again.\n") == 2
    assert Prediction.objects.count() == N_IMAGES


@pytest.mark.django_db(transaction=True)
def test_a_database_that_lets_go_does_not_end_what_is_done_here(dataset, network):
    progress = iter(range(100))

    def hurt(portion, say):
        def say_and_let_go(n) -> None:
            say(n)
            if not next(progress) % 2:
                let_go_of_the_database()

        command_predicts(portion, say_and_let_go)

    command_predicts = actions._predict
    with patch.object(actions, "_predict", hurt), patch.object(command, "LOOK_SECONDS", 0.01):
        out, err = said("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    assert out == f"{network}: {N_IMAGES} images processed.\n"
    assert err.count("The database answers again.") == 3
    assert Prediction.objects.count() == N_IMAGES


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_ends_the_command_with_a_sentence(dataset, network, hints, monkeypatch):
    monkeypatch.setattr(command, "DATABASE_SECONDS", 0.5)
    looks = []

    def away(runs) -> bool:
        looks.append(runs)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise AssertionError("the database let go, and nobody was told")

    monkeypatch.setattr(command, "all_ended", away)
    message = refusal("predict", "--dataset", dataset.name, "--classifier", network)
    assert re.match(r"The database has not answered for 0.5 s \(.+\). All predictions so far are kept", message)
    assert "\n" not in message
    assert len(looks) > 1


def test_a_queue_that_is_away_is_named(dataset, network, monkeypatch):
    # A pool that was made meanwhile would keep its connections for the tests that follow.
    monkeypatch.setattr(current_app.amqp, "_producer_pool", None)
    monkeypatch.setattr(current_app, "connection_for_write", lambda: Connection("redis://127.0.0.1:9/0"))
    out, err = said("predict", "--dataset", dataset.name, "--classifier", network, "--no-wait")
    assert "The queue does not answer" in err
    assert out.startswith(f"{N_IMAGES} predictions are pending")


def test_images_that_cannot_be_predicted_are_listed_with_the_reason(dataset, network):
    spoil(dataset.images.get(name="00003.jpg"))
    out, err = said("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    assert re.search(r"small.onnx, 00003.jpg: unsupported format", err)
    assert Prediction.objects.count() == N_IMAGES - 1


def test_a_run_that_stands_still_is_an_error_with_its_reason(dataset, network, hints, tmp_path):
    said("predict", "--dataset", dataset.name, "--classifier", network, "--no-wait")
    (tmp_path / "networks" / "small.json").write_text("{}")
    predict_next_portions()
    (tmp_path / "networks" / "small.json").unlink()
    assert Run.objects.get().problem
    message = refusal("predict", "--dataset", dataset.name, "--classifier", network)
    assert "Example of a description" in message


def test_the_shell_and_the_page_each_get_their_way_out_of_a_run_that_stands_still(dataset, network, hints):
    said("predict", "--dataset", dataset.name, "--classifier", network, "--no-wait")
    missing = NotInstalled("The weights are not there.", shell="Call pip.", page="Ask for them.")
    with patch.object(actions, "loaded", side_effect=missing):
        message = refusal("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    assert f"{network}: The weights are not there. Call pip.\n" in message
    assert Run.objects.get().problem == "The weights are not there. Ask for them."
    said("predict", "--dataset", dataset.name, "--classifier", network, "--no-wait")
    assert (Run.objects.get().problem, Run.objects.get().shell_problem) == ("", "")


def test_a_fault_is_told_to_the_shell_with_what_it_says(dataset, network, hints):
    said("predict", "--dataset", dataset.name, "--classifier", network, "--no-wait")
    with patch.object(actions, "loaded", side_effect=AttributeError("no attribute of that name")):
        message = refusal("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    assert f"{network}: {actions.FAULT} The error: no attribute of that name.\n" in message
    assert Run.objects.get().problem == actions.FAULT


@pytest.mark.parametrize(
    "name, reason",
    [
        ("resnet", "There is no classifier 'resnet'. Classifiers: "),
        ("onnx:/none.onnx", "There is no file /none.onnx"),
        ("efficientnet-lite0@upside-down", "There is no view"),
    ],
)
def test_a_classifier_that_is_none_is_refused_with_the_way_out(dataset, name, reason):
    assert reason in refusal("predict", "--dataset", dataset.name, "--classifier", name)
    assert not Run.objects.exists()


def test_without_a_name_the_settings_choose_or_else_everything_installed(dataset):
    assert requested_classifiers(dataset, []) == packages.installed()
    change_settings(dataset=dataset, classifiers="a b@flip")
    assert requested_classifiers(dataset, []) == ["a", "b@flip"]
    assert requested_classifiers(dataset, ["c", "c"]) == ["c"]


def test_classifiers_are_a_figure_like_the_others(dataset):
    _, err = said("settings", "--dataset", dataset.name, "--set", "classifiers=a 'onnx:/my models/b.onnx'")
    assert "version 2 is used for new batches" in err
    out, err = said("settings", "--dataset", dataset.name, "--set", "classifiers=a 'onnx:/my models/b.onnx'")
    assert "No change: version 2 already has these values." in err
    assert re.search(r"classifiers +a 'onnx:/my models/b.onnx'", out)
    assert "No closing quotation" in refusal("settings", "--dataset", dataset.name, "--set", "classifiers='a")
    assert "top_k must be 1 or more" in refusal("settings", "--dataset", dataset.name, "--set", "top_k=0")
    assert "leave room" in refusal("settings", "--dataset", dataset.name, "--set", "positive_controls=48")


def test_a_pool_of_controls_is_named_like_a_dataset(dataset):
    pool = make_dataset()
    said("settings", "--dataset", dataset.name, "--set", f"control_pool={pool.name}")
    assert dataset.settings_versions.latest("version").control_pool == pool
    said("settings", "--dataset", dataset.name, "--set", "control_pool=")
    assert dataset.settings_versions.latest("version").control_pool is None
    assert "no dataset named 'none'" in refusal("settings", "--dataset", dataset.name, "--set", "control_pool=none")


# potential_labels


def test_potential_labels_prints_how_many_there_are(dataset, network):
    said("predict", "--dataset", dataset.name, "--classifier", network, f"{network}@flip", "--here")
    out, err = said("potential_labels", "--dataset", dataset.name)
    n_labels = PotentialLabel.objects.count()
    first, *lines = out.splitlines()
    assert first == f"Potential labels of 20 images: {n_labels} ({n_labels / 20:.2f} per image)."
    assert sum(int(line.split()[1]) for line in lines) == 20
    assert all("#" in line for line in lines if not re.search(r" 0$", line))
    assert not err


def test_potential_labels_tells_which_images_a_classifier_has_not_seen(dataset, network):
    spoil(dataset.images.first())
    said("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    assert "has not predicted 1 image." in said("potential_labels", "--dataset", dataset.name)[1]


def test_potential_labels_without_predictions_says_what_to_do(dataset):
    assert "./manage predict --dataset" in refusal("potential_labels", "--dataset", dataset.name)


# Files


def rows(kind: str, dataset: Dataset, *words: str) -> list[dict]:
    return [json.loads(line) for line in said("export", kind, "--dataset", dataset.name, *words)[0].splitlines()]


@pytest.mark.django_db(transaction=True)
def test_predictions_and_potential_labels_are_exported_with_names(dataset, network):
    said("predict", "--dataset", dataset.name, "--classifier", f"{network}@flip", "--here")
    said("potential_labels", "--dataset", dataset.name)
    exported = rows("predictions", dataset, "--format", "jsonl", "--names")
    first = exported[0]
    assert (len(exported), first["image"], first["network"], first["view"]) == (N_IMAGES, "00000.jpg", network, "flip")
    assert first["labels_words"] == [f"thing {index}" for index in first["labels"]]
    assert first["scores"] == sorted(first["scores"], reverse=True)
    labels = [row for row in rows("potential_labels", dataset, "--format", "jsonl") if row["image"] == "00000.jpg"]
    assert {row["label"] for row in labels} == {*first["labels"], 0}
    assert [row["label"] for row in labels if row["is_dataset_label"]] == [0]
    ranks = {row["label"]: row["sources"][0]["rank"] for row in labels if row["sources"]}
    assert ranks == {label: rank for rank, label in enumerate(first["labels"], start=1)}
    out, _ = said("export", "potential_labels", "--dataset", dataset.name, "--format", "csv", "--names")
    assert list(csv.reader(io.StringIO(out)))[0][-2:] == ["label_wnid", "label_words"]


@pytest.mark.parametrize("format", ["npz", "csv"])
def test_what_was_exported_is_imported_elsewhere_as_it_was(dataset, network, tmp_path, format):
    said("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    file = tmp_path / f"top5.{format}"
    words = ("--dataset", dataset.name, "--classifier", network, "--format", format, "-o", file)
    assert said("export", "predictions", *words)[0] == f"{file}: 20 rows were written.\n"
    other = coloured_dataset(N_IMAGES)
    into = ("import", "predictions", file, "--dataset", other.name, "--classifier", "theirs", "--network", "net")
    assert said(*into)[0] == "theirs: 20 predictions were added; 0 existed already.\n"
    assert said(*into)[0] == "theirs: 0 predictions were added; 20 existed already.\n"
    here, there = ({p.image.name: (p.labels, p.scores) for p in predictions_in(study)} for study in (dataset, other))
    assert {name: labels for name, (labels, _) in here.items()} == {name: labels for name, (labels, _) in there.items()}
    assert all(np.allclose(here[name][1], there[name][1], atol=1e-6) for name in here)
    row = Classifier.objects.get(name="theirs")
    assert (row.network, row.weights, row.input_size) == ("net", "", None)
    said("potential_labels", "--dataset", other.name)


def predictions_in(dataset: Dataset):
    return Prediction.objects.filter(image__dataset=dataset).select_related("image")


def written(path, images: list[str], labels: list[list[int]]):
    predictions_file.write(path, predictions_file.Predictions(images, np.array(labels, np.int32)))
    return path


@pytest.mark.parametrize(
    "images, labels, reason",
    [
        (["00000.jpg", "none.jpg"], [[1, 2], [1, 2]], "1 image is not in dataset"),
        (["00000.jpg"], [[1, N_CLASSES]], "row 1: a label is above 11"),
    ],
)
def test_a_file_of_predictions_that_does_not_fit_is_refused_whole(dataset, tmp_path, images, labels, reason):
    file = written(tmp_path / "p.npz", images, labels)
    assert reason in refusal("import", "predictions", file, "--dataset", dataset.name, "--classifier", "theirs")
    assert not Prediction.objects.exists()
    assert not Classifier.objects.exists()


def test_predictions_of_other_weights_do_not_go_under_one_name(dataset, network, tmp_path):
    said("predict", "--dataset", dataset.name, "--classifier", network, "--here")
    file = written(tmp_path / "p.npz", ["00000.jpg"], [[1, 2]])
    into = ("import", "predictions", file, "--dataset", dataset.name, "--classifier", network)
    assert "come from other weights" in refusal(*into)
    weights = Classifier.objects.get().weights
    assert said(*into, "--weights", weights.upper())[0] == f"{network}: 0 predictions were added; 1 existed already.\n"


@pytest.mark.parametrize(
    "words, reason",
    [
        (["predictions", "--format", "npz", "-o", "a.npz"], "--classifier NAME"),
        (["annotations", "--format", "npz", "--classifier", "a", "-o", "a.npz"], "write: export predictions"),
        (["predictions", "--format", "npz", "--classifier", "a", "-o", "a.csv"], "must end in .npz"),
        (["predictions", "--format", "npz", "--classifier", "a", "-o", "a.npz"], "Classifiers with predictions: none"),
    ],
)
def test_a_table_of_predictions_needs_its_classifier_and_a_file(dataset, words, reason):
    assert reason in refusal("export", *words, "--dataset", dataset.name)


# The real networks, the whole way


@pytest.mark.skipif(len(packages.installed()) < 3, reason="the weights of the networks are not installed")
def test_the_three_networks_know_what_is_in_twenty_photographs(tmp_path):
    for path, label in labelled():
        folder = tmp_path / "photographs" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    said("import", "images", tmp_path / "photographs", "--dataset", "photographs")
    dataset = Dataset.objects.get(name="photographs")
    out, _ = said("predict", "--dataset", dataset.name, "--here")
    assert [line.split(":")[0] for line in out.splitlines()] == list(packages.PACKAGES)
    for name in packages.PACKAGES:
        predictions = predictions_in(dataset).filter(classifier__name=name).select_related("image__dataset_label")
        assert len(predictions) == 20
        assert sum(p.labels[0] == p.image.dataset_label.index for p in predictions) >= 17, name
        assert sum(p.image.dataset_label.index in p.labels for p in predictions) >= 19, name
    said("potential_labels", "--dataset", dataset.name)
    per_image = PotentialLabel.objects.count() / 20
    assert 5 <= per_image <= 16
    assert PotentialLabel.objects.filter(is_dataset_label=True).count() == 20


def test_the_photographs_are_where_this_file_thinks_they_are():
    assert len(labelled()) == len(list(folder_of("foolbox").glob("imagenet_*.jpg"))) == 20


def test_labels_in_the_gaps_of_a_label_set_are_refused_when_they_come_in(tmp_path):
    dataset = coloured_dataset(2)
    dataset.images.update(dataset_label=None)
    dataset.label_set.labels.filter(index__in=(3, 7)).delete()
    file = tmp_path / "mine.csv"
    file.write_text("image,label_1,label_2,label_3\n00000.jpg,1,3,2\n00001.jpg,7,0,3\n")
    with pytest.raises(UserError, match=r"mine.csv: 2 labels are not class indexes of .* \(3, 7\)"):
        import_predictions(dataset=dataset, file=file, classifier="elsewhere")
    assert not Classifier.objects.exists()
    file.write_text("image,label_1,label_2\n00000.jpg,1,2\n00001.jpg,11,0\n")
    assert import_predictions(dataset=dataset, file=file, classifier="elsewhere") == (2, 0)
