"""The demo study: complete on the first call, untouched by the next, and doable by one person alone."""

import io
import time

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from aggregation.actions import aggregate
from aggregation.models import Annotation, CandidateSet
from annotation_site import demo_study
from annotation_site.demo import TOPICS, DemoPhotoMissing, demo_photos
from annotation_site.demo_study import load_demo
from catalog.actions import create_dataset, ensure_imagenet
from catalog.models import Dataset
from classify_task.actions import record_vote
from contains_task.actions import record_votes
from contains_task.models import Grid, GridCell
from tests.factories import make_label_set, make_worker
from workforce.actions import close_batch, take_lease
from workforce.models import Batch, Slot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def addresses() -> list[str]:
    out = io.StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue().splitlines()


def contents() -> tuple:
    dataset = Dataset.objects.get(name="demo")
    return (
        sorted(dataset.images.values_list("pk", "original", "display")),
        sorted(dataset.batches.values_list("pk", "closed_at")),
        sorted(GridCell.objects.values_list("pk")),
        list(dataset.settings_versions.values_list("version")),
    )


def asked_pairs() -> set[tuple[str, int]]:
    return {(photo.name, label) for photo in demo_photos() for label in photo.potential_labels}


def opened_pairs() -> list[tuple[str, int]]:
    return sorted(GridCell.objects.values_list("image__name", "grid__label__index"))


def test_it_opens_a_grid_for_each_label_with_all_photographs_that_are_asked_about_it(settings):
    lines = addresses()
    contains, classify = Dataset.objects.get(name="demo").batches.order_by("-kind")
    assert lines == [
        f"demo, contains {settings.WORKER_ORIGIN}/join/{contains.public_id}?worker=you",
        f"demo, classify {settings.WORKER_ORIGIN}/join/{classify.public_id}?worker=you",
    ]
    assert opened_pairs() == sorted(asked_pairs())
    grids = Grid.objects.all()
    assert len(grids) == len({label for _, label in asked_pairs()})
    assert max(grid.cells.count() for grid in grids) <= 12
    assert contains.completion_code
    assert contains.marketplace == classify.marketplace == Batch.Marketplace.LINK
    assert Slot.objects.count() == len(grids)


def test_the_address_of_a_closed_batch_is_not_printed():
    contains, classify = load_demo()
    close_batch(batch=contains)
    (line,) = addresses()
    assert classify.public_id in line
    close_batch(batch=classify)
    assert addresses() == []


def test_its_photographs_have_files_and_their_dataset_labels():
    load_demo()
    images = Dataset.objects.get(name="demo").images.select_related("dataset_label")
    assert {image.name: image.dataset_label.index for image in images} == {
        photo.name: photo.dataset_label for photo in demo_photos()
    }
    for image in images:
        assert image.original.size


def test_a_second_call_changes_nothing_and_takes_no_time(media):
    first = addresses()
    before, files = contents(), sorted(media.rglob("*"))
    begin = time.monotonic()
    assert addresses() == first
    assert time.monotonic() - begin < 1
    assert (contents(), sorted(media.rglob("*"))) == (before, files)


def test_the_first_call_takes_less_than_5_seconds():
    begin = time.monotonic()
    load_demo()
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("step", ["add_image", "open_classify", "open_pairs"])
def test_a_stop_half_way_is_completed_by_the_next_call(step, monkeypatch):
    real, calls = getattr(demo_study, step), []

    def stop_at_third_image(**arguments):
        calls.append(arguments)
        if step != "add_image" or len(calls) == 3:
            raise KeyboardInterrupt
        return real(**arguments)

    monkeypatch.setattr(demo_study, step, stop_at_third_image)
    with pytest.raises(KeyboardInterrupt):
        load_demo()
    monkeypatch.undo()
    assert opened_pairs() == []
    assert len(load_demo()) == 2
    assert opened_pairs() == sorted(asked_pairs())
    assert Batch.objects.count() == 2


def test_one_person_can_do_all_of_it_and_annotations_appear():
    contains, classify = load_demo()
    you = make_worker("you")
    labels_ticked = 0
    while lease := take_lease(batch=contains, worker=you):
        shown = [cell.image.public_id for cell in lease.hit.grid.cells.select_related("image")]
        record_votes(lease=lease, selected=shown, idempotency_key=f"grid-{lease.pk}")
        labels_ticked += 1
    assert labels_ticked == Grid.objects.count()
    aggregate()
    while lease := take_lease(batch=classify, worker=you):
        first, second = lease.hit.form.labels[:2]
        record_vote(lease=lease, selected=[first, second], main=second, idempotency_key=lease.public_id)
        aggregate()
    n_photos = len(demo_photos())
    assert CandidateSet.objects.filter(split="follow_up").count() == n_photos
    assert Annotation.objects.filter(n_objects=2).count() == n_photos
    # One answer to each form under the one person's name: nothing is left to do.
    assert not Slot.objects.exclude(state=Slot.State.FILLED).exists()


def test_honest_answers_leave_only_photographs_with_a_second_label_for_the_forms():
    contains, classify = load_demo()
    own = dict(Dataset.objects.get(name="demo").images.values_list("public_id", "dataset_label_id"))
    you = make_worker("you")
    while lease := take_lease(batch=contains, worker=you):
        grid = lease.hit.grid
        selected = [cell.image.public_id for cell in grid.cells.all() if own[cell.image.public_id] == grid.label_id]
        record_votes(lease=lease, selected=selected, idempotency_key=f"grid-{lease.pk}")
    aggregate()
    assert set(CandidateSet.objects.values_list("split", flat=True)) == {"settled"}
    assert take_lease(batch=classify, worker=you) is None


def test_a_study_that_somebody_closed_is_not_opened_again():
    for batch in load_demo():
        close_batch(batch=batch)
    before = contents()
    assert all(batch.closed_at for batch in load_demo())
    assert contents() == before


def test_somebodys_own_dataset_of_that_name_is_left_alone_and_the_site_still_starts():
    create_dataset(name="demo", label_set=make_label_set())
    error = io.StringIO()
    call_command("load_demo", stderr=error)
    assert "not the demo study but one of your own" in error.getvalue()
    assert not Dataset.objects.get(name="demo").images.exists()


def test_photographs_that_are_not_installed_are_an_error_with_the_way_out(monkeypatch):
    def absent():
        raise DemoPhotoMissing("no photographs: ./run installs them")

    monkeypatch.setattr(demo_study, "demo_photos", absent)
    with pytest.raises(CommandError, match=r"\./run installs them"):
        call_command("load_demo")


def test_the_address_it_prints_is_answered(settings):
    ensure_imagenet()
    path = addresses()[0].split(settings.WORKER_ORIGIN)[1]
    host = settings.WORKER_ORIGIN.split("//")[1]
    answer = Client(headers={"host": host}).get(path, follow=True)
    assert answer.status_code == 200
    assert b"photo-" not in answer.content


def test_the_grids_of_one_topic_come_together_so_that_its_photographs_are_finished_early():
    load_demo()
    asked = list(Grid.objects.order_by("hit_id").values_list("label__index", flat=True))
    first, second = TOPICS[0].labels, TOPICS[1].labels
    assert set(asked[: len(first)]) == set(first)
    assert set(asked[len(first) :][: len(second)]) == set(second)
