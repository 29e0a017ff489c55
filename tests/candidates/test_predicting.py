"""Classifiers over a dataset: what a run does, what it leaves out, and that portions are taken once."""

import numpy as np
import pytest
from django.db import connection
from PIL import Image as Pillow

from candidates import actions
from candidates.actions import OtherWeights, ensure_classifier, open_run, predict_next_portions, store_predictions
from candidates.classifiers.interface import ClassifierError, top_k
from candidates.ensemble.reads import loaded, named
from candidates.models import Portion, Run, Unpredicted
from candidates.reads import images_without, portions_to_do, progress_of, runs_of, runs_to_do
from candidates.runs.actions import open_runs
from candidates.tasks import hint_at_unfinished_runs, predict_portion
from catalog.actions import change_settings
from catalog.errors import UserError
from catalog.models import Classifier, Image, Prediction
from tests.candidates.small_ensemble import N_CLASSES, colour_network, coloured_dataset, picture, spoil
from tests.factories import make_dataset
from tests.required import require
from tests.threads import in_threads, while_another_has_done

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    loaded.cache_clear()


@pytest.fixture
def network(tmp_path):
    return colour_network(tmp_path / "networks")


def run_of(dataset, network) -> Run:
    return require(run_if_needed(dataset, network))


def run_if_needed(dataset, network) -> Run | None:
    (run,) = open_runs(dataset=dataset, names=[network]).values()
    return run


def work(run: Run | None = None) -> int:
    n_portions = 0
    while n_now := predict_next_portions(run=run):
        n_portions += n_now
    return n_portions


def test_every_image_gets_the_labels_that_its_classifier_ranks_highest(network):
    dataset = coloured_dataset(20)
    run = run_of(dataset, network)
    assert work() == 3
    classifier = named(network)
    assert (run.classifier.name, run.classifier.weights) == (network, classifier.weights)
    predictions = {p.image.name: p for p in Prediction.objects.filter(image__dataset=dataset).select_related("image")}
    assert len(predictions) == 20
    for number in range(20):
        path = dataset.images.get(name=f"{number:05}.jpg").original.path
        labels, scores = top_k(classifier.predict(classifier.prepare(Pillow.open(path))[None]), 5)
        prediction = predictions[f"{number:05}.jpg"]
        assert prediction.labels == labels[0].tolist()
        assert np.allclose(prediction.scores, scores[0], atol=1e-6)
    assert len({tuple(p.labels) for p in predictions.values()}) > 3


def test_a_finished_run_says_so_and_a_second_call_finds_nothing_to_do(network):
    dataset = coloured_dataset(9)
    run = run_of(dataset, network)
    assert progress_of([run]) == (0, 9)
    work()
    run.refresh_from_db()
    assert run.finished_at is not None
    assert progress_of([run]) == (9, 9)
    assert run_if_needed(dataset, network) is None
    assert [(run.n_images, run.n_done) for run in runs_of(dataset)] == [(9, 9)]


def test_a_second_call_goes_on_with_an_unfinished_run_and_takes_new_images_in(network):
    dataset = coloured_dataset(16)
    run = run_of(dataset, network)
    predict_next_portions()
    first = set(Prediction.objects.values_list("pk", flat=True))
    first_image = require(dataset.images.first())
    late = Image.objects.create(dataset=dataset, name="late.jpg", original=first_image.original.name)
    again = run_of(dataset, network)
    assert (again, progress_of([again])) == (run, (8, 17))
    work()
    assert first <= set(Prediction.objects.values_list("pk", flat=True))
    assert Prediction.objects.count() == 17
    assert late.predictions.exists()


def test_a_worker_killed_between_its_last_portion_and_the_end_of_the_run_is_made_up_for(network, monkeypatch):
    dataset = coloured_dataset(3)
    run = run_of(dataset, network)
    with monkeypatch.context() as patch:
        patch.setattr(actions, "finish_run", lambda run: None)
        predict_next_portions()
    assert Run.objects.get().finished_at is None
    assert runs_to_do().exists()
    assert not predict_next_portions()
    run.refresh_from_db()
    assert run.finished_at is not None
    Run.objects.update(finished_at=None)
    assert run_if_needed(dataset, network) is None


def test_images_that_have_a_prediction_are_left_out(network):
    dataset = coloured_dataset(10)
    classifier = named(network)
    row = ensure_classifier(label_set=dataset.label_set, name=network, weights=classifier.weights)
    predicted = list(dataset.images.order_by("pk")[:4])
    store_predictions(classifier=row, predictions=[(image.pk, [4, 3, 2, 1, 0], []) for image in predicted])
    run = run_of(dataset, network)
    assert progress_of([run]) == (0, 6)
    work()
    assert [p.labels for p in Prediction.objects.filter(image__in=predicted)] == [[4, 3, 2, 1, 0]] * 4
    assert not images_without(dataset, row).exists()


def test_a_prediction_is_kept_once_whoever_comes_later():
    dataset = coloured_dataset(1)
    row = ensure_classifier(label_set=dataset.label_set, name="elsewhere")
    image = dataset.images.get().pk
    store_predictions(classifier=row, predictions=[(image, [1, 2], [])])
    store_predictions(classifier=row, predictions=[(image, [2, 1], [])])
    assert [p.labels for p in Prediction.objects.all()] == [[1, 2]]


def test_what_cannot_be_predicted_is_noted_and_tried_again_by_a_new_run(network):
    dataset = coloured_dataset(5)
    images = list(dataset.images.order_by("pk"))
    good = picture(1)
    spoil(images[1])
    images[2].original.storage.delete(require(images[2].original.name))
    Image.objects.filter(pk=images[3].pk).update(original="")
    work(run_of(dataset, network))
    reasons = {bad.image_id: bad.reason for bad in Unpredicted.objects.all()}
    assert set(reasons) == {image.pk for image in images[1:4]}
    assert "unsupported format" in reasons[images[1].pk]
    assert "cannot be read" in reasons[images[2].pk]
    assert "no file" in reasons[images[3].pk]
    assert Prediction.objects.count() == 2
    spoil(images[1], good)
    second = run_of(dataset, network)
    assert progress_of([second]) == (0, 3)
    work()
    assert images[1].predictions.exists()
    assert Unpredicted.objects.filter(run=second).count() == 2


def test_as_many_labels_are_kept_as_the_settings_want_and_fewer_are_made_anew(network):
    dataset = coloured_dataset(3, top_k=2)
    work(run_of(dataset, network))
    assert {len(p.labels) for p in Prediction.objects.all()} == {5}
    change_settings(dataset=dataset, top_k=7)
    work(run_of(dataset, network))
    assert {len(p.labels) for p in Prediction.objects.all()} == {7}
    change_settings(dataset=dataset, top_k=100)
    work(run_of(dataset, network))
    assert {len(p.labels) for p in Prediction.objects.all()} == {N_CLASSES}
    assert run_if_needed(dataset, network) is None


def test_a_fault_stops_its_run_with_the_reason_and_the_next_call_goes_on(tmp_path, network):
    dataset = coloured_dataset(16)
    broken = run_of(dataset, network)
    other = run_of(dataset, colour_network(tmp_path / "networks", "other", seed=1))
    path = tmp_path / "networks" / "small.onnx"
    content = path.read_bytes()
    path.write_bytes(b"not a network")
    assert work() == 3
    broken.refresh_from_db()
    assert "small.onnx" in broken.problem and broken.finished_at is None
    assert not broken.portions.exclude(done_at=None).exists()
    other.refresh_from_db()
    assert other.finished_at is not None
    path.write_bytes(content)
    assert not portions_to_do().exists()
    assert run_of(dataset, network) == broken
    work()
    assert Prediction.objects.filter(classifier=broken.classifier).count() == 16


def test_weights_that_changed_are_other_predictions(tmp_path, network):
    dataset = coloured_dataset(3)
    run = run_of(dataset, network)
    colour_network(tmp_path / "networks", seed=5)
    work()
    run.refresh_from_db()
    assert "have changed since the run was started" in run.problem
    assert not Prediction.objects.exists()
    with pytest.raises(OtherWeights, match="choose another name for one of them"):
        run_of(dataset, network)


def test_a_classifier_of_other_classes_is_refused(network):
    with pytest.raises(UserError, match="scores for 12 classes, but the label set .* has 4"):
        run_of(make_dataset(), network)
    assert not Classifier.objects.exists()


def test_of_several_classifiers_all_or_none_are_begun(network):
    dataset = coloured_dataset(2)
    with pytest.raises(ClassifierError, match="There is no classifier 'resnet'"):
        open_runs(dataset=dataset, names=[network, "resnet"])
    assert not Run.objects.exists()


def test_a_view_is_recorded_as_a_view_of_its_network(network):
    dataset = coloured_dataset(2)
    (name,) = open_runs(dataset=dataset, names=[f"{network}@flip,crop=0.5"])
    row = Classifier.objects.get()
    assert (row.name, row.network, row.view) == (name, network, "crop 0.5, flip")
    work()
    assert Prediction.objects.filter(classifier=row).count() == 2


def test_a_portion_is_half_done_never(network, monkeypatch):
    dataset = coloured_dataset(9)
    run = run_of(dataset, network)
    n_kept = []

    def killed(run, answer):
        n_kept.append(len(answer.ids))
        keep(run, answer)
        raise SystemExit

    keep = actions._keep
    monkeypatch.setattr(actions, "_keep", killed)
    with pytest.raises(SystemExit):
        predict_next_portions()
    assert n_kept == [8]
    assert not Prediction.objects.exists()
    assert portions_to_do().count() == 2
    monkeypatch.undo()
    assert work(run) == 2
    assert Prediction.objects.count() == 9


def test_portions_cover_every_image_once_and_are_of_a_fair_size():
    dataset = make_dataset()
    row = ensure_classifier(label_set=dataset.label_set, name="some")
    Image.objects.bulk_create([Image(dataset=dataset, name=f"{number}") for number in range(3000)])
    run = open_run(dataset=dataset, classifier=row, n_classes=4)
    portions = list(require(run).portions.order_by("first"))
    assert {portion.n_images for portion in portions[:-1]} == {256}
    covered = [pk for p in portions for pk in dataset.images.filter(pk__range=(p.first, p.last)).values_list("pk")]
    assert len(covered) == len(set(covered)) == 3000
    assert require(run).top_k == 4


def test_the_task_sends_itself_again_while_there_is_more(network, monkeypatch):
    run_of(coloured_dataset(9), network)
    sent = []
    monkeypatch.setattr(predict_portion, "delay", lambda: sent.append(1))
    hint_at_unfinished_runs()
    assert len(sent) == 1
    # The second time it takes the rest: it has seen how fast this network is.
    for n_sent in (2, 3, 3):
        predict_portion()
        assert len(sent) == n_sent
    hint_at_unfinished_runs()
    assert len(sent) == 3


@pytest.mark.django_db(transaction=True)
def test_a_portion_somebody_is_at_is_left_to_them_and_no_worker_waits(network):
    run = run_of(coloured_dataset(16), network)
    with while_another_has_done(lambda: actions._claimed(actions._begin(None))) as other:
        assert work() == 1
        assert progress_of([run]) == (8, 16)
        other.end(commit=False)
    assert work() == 1
    run.refresh_from_db()
    assert run.finished_at is not None


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_share_the_portions_and_the_last_one_closes_the_run(network):
    dataset = coloured_dataset(64)
    run = run_of(dataset, network)
    shares = in_threads(3, lambda number: work())
    assert sum(shares) == 8
    assert Prediction.objects.count() == 64
    run.refresh_from_db()
    assert run.finished_at is not None


def test_the_claim_walks_the_small_index_of_what_is_to_do(network):
    run_of(coloured_dataset(9), network)
    Portion.objects.update(done_at="2020-01-01T00:00Z")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = portions_to_do().explain()
    assert "portions_to_do" in plan
