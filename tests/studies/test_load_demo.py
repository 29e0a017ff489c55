"""The demo study: its grids follow from what the networks predict; untouched by the next call; doable by one person."""

import io
import re
from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from aggregation.actions import aggregate
from aggregation.models import Annotation, CandidateSet
from candidates import actions as candidates_actions
from candidates.actions import ensure_classifier, store_predictions
from candidates.classifiers import packages
from candidates.classifiers.interface import ClassifierError
from candidates.classifiers.loading import predictions
from candidates.classifiers.registry import named
from candidates.models import PotentialLabel, Run
from catalog.actions import add_image, create_dataset, ensure_imagenet
from catalog.models import Dataset, Image, Label, Prediction
from catalog.photographs.reads import read_file
from classify_task.actions import record_vote
from classify_task.models import Form
from contains_task.models import Grid, GridCell, Role
from review_task.models import Item, Review
from studies.demo import actions as demo_study
from studies.demo.actions import FIGURES, NOTE, open_batches, open_demo, store_demo
from studies.demo.photos import DemoPhotoMissing, demo_photos
from studies.opening.actions import Pay, open_pairs
from tests.chance import SOAK
from tests.factories import make_label_set, make_worker, staff_client, tick_images
from tests.processor_time import at_most
from tests.required import require
from workforce.actions import close_batch, take_lease
from workforce.models import Batch, Lease, Slot

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(len(packages.installed()) < 3, reason="the weights of the networks are not installed"),
]
K = 5


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    candidates_actions.loaded.cache_clear()
    return settings.MEDIA_ROOT


@pytest.fixture(scope="module")
def top_labels() -> dict:
    """Return each network's labels of the installed photographs: {(name, weights): labels, best first}."""
    paths = {photo.name: photo.path for photo in demo_photos()}
    results = {}
    for name in packages.installed():
        network = named(name)
        answers = predictions(network, list(paths), paths.__getitem__, k=K)
        answer = {
            photo: labels
            for answer_of in answers
            for photo, labels in zip(answer_of.ids, answer_of.labels.tolist(), strict=True)
        }
        results[name, network.weights] = answer
    return results


@pytest.fixture
def potential(top_labels) -> set[tuple[str, int]]:
    """(photograph, label): the first labels of each network, and the dataset's own."""
    dataset_labels = {(photo.name, photo.dataset_label) for photo in demo_photos()}
    answer = [(photo, labels) for of_network in top_labels.values() for photo, labels in of_network.items()]
    return dataset_labels | {(photo, label) for photo, labels in answer for label in labels[: FIGURES["top_k"]]}


@pytest.fixture
def predicted(top_labels) -> Dataset:
    """The stored demo study, as it is once the workers are through."""
    dataset = store_demo()
    ids = dict(dataset.images.values_list("name", "pk"))
    for (name, weights), answer in top_labels.items():
        classifier = ensure_classifier(label_set=dataset.label_set, name=name, weights=weights)
        rows: list[Any] = [(ids[photo], labels, []) for photo, labels in answer.items()]
        store_predictions(classifier=classifier, predictions=rows)
    return dataset


@pytest.fixture
def batches(predicted) -> list[Batch]:
    open_demo(dataset=predicted)
    return open_batches(predicted)


def said(**options) -> tuple[list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("load_demo", stdout=out, stderr=err, **options)
    return out.getvalue().splitlines(), err.getvalue()


def contents() -> tuple:
    dataset = Dataset.objects.get(name="demo")
    return (
        sorted(dataset.images.values_list("pk", "original", "display")),
        sorted(dataset.batches.values_list("pk", "closed_at")),
        sorted(GridCell.objects.values_list("pk")),
        list(dataset.settings_versions.values_list("version")),
        sorted(Prediction.objects.values_list("pk")),
        sorted(PotentialLabel.objects.values_list("pk")),
        sorted(Slot.objects.values_list("pk", "state")),
    )


def asked() -> list[tuple[str, int]]:
    questions = GridCell.objects.filter(role=Role.QUESTION)
    return sorted(questions.values_list("image__name", "grid__label__index"))


def honest_answer(lease: Lease, seen: set[tuple[str, int]]) -> list[str]:
    """The photographs of a grid that a person ticks who sees these (photograph, label) and the datasets' labels."""
    grid = lease.hit.grid
    return [
        cell.image.public_id
        for cell in grid.cells.select_related("image")
        if cell.image.dataset_label_id == grid.label_id or (cell.image.name, grid.label.index) in seen
    ]


def answer_grid(lease: Lease, seen: set[tuple[str, int]]) -> None:
    tick_images(lease=lease, selected=honest_answer(lease, seen), idempotency_key=lease.public_id)


# What is opened


def test_its_grids_ask_about_exactly_the_potential_labels_of_the_networks_each_once(settings, potential):
    lines, _ = said(here=True)
    contains, classify = Dataset.objects.get(name="demo").batches.exclude(kind="review").order_by("-kind")
    assert asked() == sorted(potential)
    results = PotentialLabel.objects.values_list("image__name", "label__index")
    assert sorted(results) == sorted(potential)
    assert Prediction.objects.count() == 3 * len(demo_photos())
    assert re.search(".*-lite0, .*-lite1, .*-lite2 now predict the labels of 25 photographs", lines[0])
    assert lines[1:-3] == [
        *(f"efficientnet-lite{n}: 25 images processed." for n in range(3)),
        f"Demo study: {Grid.objects.count()} grids were opened for {len(potential)} potential labels.",
    ]
    addresses = [
        f"  demo grids   {settings.WORKER_ORIGIN}/join/{contains.public_id}?worker=you",
        f"  demo forms   {settings.WORKER_ORIGIN}/join/{classify.public_id}?worker=you",
        f"  demo review  {settings.STAFF_ORIGIN}/review/{Review.objects.get().pk}/next/",
    ]
    assert lines[-3:] == addresses
    assert said()[0] == addresses, "the next call prints them and no more"
    assert contains.completion_code
    assert contains.marketplace == classify.marketplace == Batch.Marketplace.LINK


def test_every_grid_is_a_real_question_small_and_with_photographs_that_do_not_show_its_class(batches):
    for grid in Grid.objects.select_related("label"):
        roles = Counter(grid.cells.values_list("role", "expected"))
        assert roles[Role.QUESTION, None] in (1, 2)
        assert roles[Role.CONTROL, False] == FIGURES["negative_controls"]
        assert sum(roles.values()) <= FIGURES["images_per_grid"]
        controls = grid.cells.filter(role=Role.CONTROL)
        assert not controls.filter(image__dataset_label=grid.label).exists()
    assert Slot.objects.filter(batch__kind="contains").count() == Grid.objects.count(), "one answer wanted of each"


def test_its_photographs_have_files_and_their_dataset_labels():
    images = store_demo().images.select_related("dataset_label")
    assert {image.name: require(image.dataset_label).index for image in images} == {
        photo.name: photo.dataset_label for photo in demo_photos()
    }
    assert all(image.original.size for image in images)


# At the hands of one person


def test_the_first_forms_open_after_a_handful_of_grids(batches):
    contains, _ = batches
    # The cat may be any of three, and the coffee is in a cup.
    seen = {("photo-01", 285), ("photo-01", 282), ("photo-02", 968)}
    you = make_worker("you")
    pages_until: dict[Any, Any] = {}
    while len(pages_until) < 2:
        answer_grid(require(take_lease(batch=contains, worker=you)), seen)
        aggregate()
        n_done = contains.hits.filter(submissions__isnull=False).count()
        for photo in Form.objects.values_list("image__name", flat=True):
            pages_until.setdefault(photo, n_done)
    assert list(pages_until) == ["photo-01", "photo-02"]
    assert pages_until["photo-01"] <= 5
    assert pages_until["photo-02"] <= 10


def test_one_person_can_do_all_of_it_and_annotations_appear(batches, potential):
    contains, classify = batches
    you = make_worker("you")
    while lease := take_lease(batch=contains, worker=you):
        answer_grid(lease, potential)
    aggregate()
    while lease := take_lease(batch=classify, worker=you):
        first, second = lease.hit.form.labels[:2]
        record_vote(lease=lease, selected=[first, second], main=second, idempotency_key=lease.public_id)
        aggregate()
    several = {photo for photo, n in Counter(photo for photo, _ in potential).items() if n > 1}
    assert len(several) > 20
    assert CandidateSet.objects.filter(split="follow_up").count() == len(several)
    assert Annotation.objects.filter(n_objects=2).count() == len(several)
    # One answer to each form under the one person's name: nothing is left to do.
    assert not Slot.objects.exclude(state=Slot.State.FILLED).exclude(batch__kind="review").exists()


def test_who_sees_the_dataset_labels_alone_leaves_nothing_for_the_forms(batches):
    contains, classify = batches
    you = make_worker("you")
    while lease := take_lease(batch=contains, worker=you):
        answer_grid(lease, set())
    aggregate()
    assert set(CandidateSet.objects.values_list("split", flat=True)) == {"settled"}
    assert take_lease(batch=classify, worker=you) is None


# Again, and after a stop


def test_a_second_call_changes_nothing_and_asks_little(batches, media, django_assert_max_num_queries):
    before, files = contents(), sorted(media.rglob("*"))
    with at_most(1), django_assert_max_num_queries(30):
        lines, _ = said()
    assert len(lines) == 3
    assert (contents(), sorted(media.rglob("*"))) == (before, files)


def test_storing_the_photographs_takes_less_than_5_seconds_of_the_processor_and_says_nothing():
    with at_most(5):
        assert said(store=True) == ([], "")
    assert Image.objects.count() == len(demo_photos())
    assert not Batch.objects.exists()


STEPS = ["find_potential_labels", "open_classify", "open_review", "open_composed"]


# In the short form, one call completes what was stopped at each step, one after the other.
@pytest.mark.parametrize("steps", [[step] for step in STEPS] if SOAK else [STEPS], ids=" ".join)
def test_a_stop_while_it_is_opened_leaves_nothing_and_is_completed_by_the_next_call(steps, predicted, potential):
    def stop(**arguments):
        raise KeyboardInterrupt

    before = contents()
    for step in steps:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(demo_study, step, stop)
            said()
        assert contents() == before, step
    assert len(said()[0]) > 2
    assert asked() == sorted(potential)
    assert sorted(Batch.objects.values_list("kind", flat=True)) == ["classify", "contains", "review"]
    assert Item.objects.filter(n_models__gte=1).count() > 25, "what the networks said of each photograph"


def test_a_stop_while_photographs_are_stored_is_completed_by_the_next_call(monkeypatch):
    calls = []

    def stop_at_third(**arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return add_image(**arguments)

    monkeypatch.setattr(demo_study, "add_image", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        store_demo()
    monkeypatch.undo()
    assert Image.objects.count() == 2
    assert store_demo().images.count() == len(demo_photos())


def test_what_two_calls_at_once_open_is_opened_once(predicted):
    assert require(open_demo(dataset=predicted)).n_grids == Grid.objects.count()
    before = contents()
    assert open_demo(dataset=predicted) is None
    assert contents() == before


def test_a_demo_of_an_earlier_version_is_left_as_it_is_and_goes_on():
    dataset = create_dataset(name="demo", note=NOTE, images_per_grid=12, contains_answers=1, min_shown=1)
    photo = demo_photos()[1]
    labels = [Label.objects.get(label_set=dataset.label_set, index=index) for index in (281, 285)]
    image, _ = add_image(dataset=dataset, name="photo-01", dataset_label=labels[0], photograph=read_file(photo.path))
    batch = open_pairs(dataset=dataset, pairs=[(image, label) for label in labels], pay=Pay()).batch
    you = make_worker("you")
    answer_grid(require(take_lease(batch=batch, worker=you)), set())
    before = contents()
    (line,), _ = said()
    assert batch.public_id in line
    assert contents() == before
    answer_grid(require(take_lease(batch=batch, worker=you)), set())
    aggregate()
    assert CandidateSet.objects.get().split == "settled"


def test_the_address_of_a_closed_batch_is_not_printed_and_nothing_is_opened_again(batches):
    contains, classify = batches
    close_batch(batch=contains)
    (line, of_review), _ = said()
    assert classify.public_id in line
    close_batch(batch=classify)
    before = contents()
    assert said() == ([of_review], "")
    assert contents() == before
    close_batch(batch=Review.objects.get().batch)
    assert said() == ([], "")


# What cannot be had


def test_somebodys_own_dataset_of_that_name_is_left_alone_and_the_site_still_starts():
    create_dataset(name="demo", label_set=make_label_set())
    assert said(store=True) == ([], "")
    lines, error = said()
    assert not lines
    assert "is not the demo study" in error
    assert not Dataset.objects.get(name="demo").images.exists()


def test_photographs_that_are_not_installed_are_an_error_with_the_way_out(monkeypatch):
    def absent():
        raise DemoPhotoMissing("no photographs: ./run installs them")

    monkeypatch.setattr(demo_study, "demo_photos", absent)
    with pytest.raises(CommandError, match=r"\./run installs them"):
        said()


def test_without_a_network_it_says_the_way_out_and_goes_on_when_there_is_one(monkeypatch, potential):
    monkeypatch.setattr("candidates.runs.actions.installed", list)
    with pytest.raises(CommandError, match=r"(?s)No network is installed.*restart \./run"):
        said()
    assert not Batch.objects.exists()
    monkeypatch.undo()
    said(here=True)
    assert asked() == sorted(potential)


def test_a_fault_of_a_network_is_told_with_the_way_out_and_what_is_predicted_stays(monkeypatch, potential):
    real = candidates_actions.loaded

    def spoiled(name: str, weights: str):
        if name == "efficientnet-lite2":
            raise ClassifierError("the weights are torn")
        return real(name, weights)

    monkeypatch.setattr(candidates_actions, "loaded", spoiled)
    with pytest.raises(
        CommandError, match=r"(?s)efficientnet-lite2: the weights are torn.*everything else works without it"
    ):
        said(here=True)
    assert Prediction.objects.count() == 2 * len(demo_photos())
    assert not Batch.objects.exists()
    monkeypatch.setattr(candidates_actions, "loaded", real)
    lines, _ = said(here=True)
    assert re.search(r"lite1: all images were predicted already", "\n".join(lines))
    assert asked() == sorted(potential)
    assert not Run.objects.exclude(problem="").exists()


def test_the_address_it_prints_is_answered(settings, batches):
    ensure_imagenet()
    path = said()[0][0].split(settings.WORKER_ORIGIN)[1]
    host = settings.WORKER_ORIGIN.split("//")[1]
    answer = Client(headers={"host": host}).get(path, follow=True)
    assert answer.status_code == 200
    assert b"photo-" not in answer.content


def test_it_prints_the_address_of_its_review_which_a_signed_in_person_opens(settings, batches):
    (line,) = [line for line in said()[0] if "demo review" in line]
    address = line.split()[-1]
    assert address.startswith(settings.STAFF_ORIGIN)
    page = staff_client().get(address.removeprefix(settings.STAFF_ORIGIN), follow=True)
    assert page.status_code == 200 and page.redirect_chain[0][0].startswith("/review/class/")
    assert b"data-review" in page.content
