"""`./manage open contains|classify`: what gets opened, once, and what is refused."""

import threading

import pytest
from django.db import connection

from catalog.actions import add_image
from catalog.models import Image
from contains_task.models import Grid, GridCell
from csv_files.cells import guarded
from studies.opening.actions import Pay, open_contains
from tests.commands import refusal, said
from tests.factories import (
    make_batch,
    make_dataset,
    make_grid,
    make_images,
    small_photograph,
)
from workforce.models import Batch, Slot
from workforce.reads import batch_named

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def dataset():
    return make_dataset(n_labels=6, images_per_grid=3, contains_answers=2)


@pytest.fixture
def images(dataset) -> list[Image]:
    return make_images(dataset, 5)


@pytest.fixture
def pairs_file(tmp_path):
    def write(pairs, header="image,label"):
        path = tmp_path / "pairs.csv"
        path.write_text("\n".join([header, *(f"{image},{label}" for image, label in pairs)]) + "\n")
        return path

    return write


def opened(dataset, file, *words) -> tuple[Batch, str]:
    out, err = said("open", "contains", "--dataset", dataset, "--pairs", file, *words)
    return batch_named(out.split()[-1]), err


def test_open_contains_fills_grids_of_one_label_each_in_the_order_of_the_file(dataset, images, pairs_file, settings):
    file = pairs_file([(image, 4) for image in reversed(images)] + [(images[0], "n00000002"), (images[1], "02")])
    out, err = said("open", "contains", "--dataset", dataset, "--pairs", file)
    batch = Batch.objects.get()
    assert out == f"Batch {batch.pk}: {settings.WORKER_ORIGIN}/join/{batch.public_id}\n"
    assert err == "7 pairs were opened in 3 grids.\n"
    grids = Grid.objects.order_by("pk")
    results = [(grid.label.index, [cell.image for cell in grid.cells.order_by("position")]) for grid in grids]
    assert results == [(4, images[:1:-1]), (4, images[1::-1]), (2, images[:2])]
    assert Slot.objects.filter(batch=batch).count() == 3 * 2


def test_open_contains_keeps_how_the_batch_pays(dataset, images, pairs_file):
    options = ["--hits-per-worker", 2, "--completion-code", "C0DE", "--completion-url", "https://example.org/done?c=1"]
    options += ["--decline-code", "N0", "--decline-url", "https://example.org/no?c=0"]
    batch, _ = opened(dataset, pairs_file([(images[0], 1)]), *options)
    assert (batch.decline_code, batch.decline_url) == ("N0", "https://example.org/no?c=0")
    assert (batch.hits_per_worker, batch.completion_code) == (2, "C0DE")
    assert (batch.completion_url, batch.marketplace) == ("https://example.org/done?c=1", "link")


def test_a_batch_offers_two_answers_or_three(dataset, images, pairs_file):
    batch, _ = opened(dataset, pairs_file([(images[0], 1)]))
    assert batch.answers == "two"
    batch, _ = opened(dataset, pairs_file([(images[1], 1)]), "--answers", "three")
    assert batch.answers == "three"


def test_running_open_contains_twice_opens_nothing_twice(dataset, images, pairs_file):
    file = pairs_file([(image, 1) for image in images])
    first, _ = opened(dataset, file)
    out, err = said("open", "contains", "--dataset", dataset, "--pairs", file)
    assert out == "", "the address of another batch is no result"
    assert err == (
        f"No new grids: all 5 pairs were opened before, the last of them in batch {first.pk}. To open these pairs "
        "again, use --again.\n"
    )
    assert (Batch.objects.count(), GridCell.objects.count()) == (1, 5)


def test_pairs_added_to_the_file_are_opened_alone(dataset, images, pairs_file):
    first, _ = opened(dataset, pairs_file([(images[0], 1)]))
    second, err = opened(dataset, pairs_file([(images[0], 1), (images[0], 2), (images[1], 1)]))
    assert second != first
    assert "1 pair was opened before" in err
    assert set(GridCell.objects.filter(grid__hit__batch=second).values_list("image", "grid__label__index")) == {
        (images[0].pk, 2),
        (images[1].pk, 1),
    }


def test_pairs_of_a_closed_batch_stay_opened_and_that_is_said(dataset, images, pairs_file):
    file = pairs_file([(images[0], 1)])
    first, _ = opened(dataset, file)
    opened(dataset, pairs_file([(images[0], 2)]))
    said("close", first.pk)
    _, err = said("open", "contains", "--dataset", dataset, "--pairs", pairs_file([(images[0], 1)]))
    assert f"in batch {first.pk}, which is closed" in err


def test_pairs_answered_elsewhere_can_be_opened_here(dataset, images, pairs_file):
    make_grid(images=images[:1], label=1, batch=make_batch(dataset, marketplace="replay"))
    assert "1 pair was opened" in opened(dataset, pairs_file([(images[0], 1)]))[1]


def test_a_name_may_stand_as_an_export_writes_it(dataset, pairs_file):
    photograph = small_photograph()
    image, _ = add_image(dataset=dataset, name="=1+1.jpg", dataset_label=None, photograph=photograph)
    for name in (guarded(image.name), image.name):
        opened(dataset, pairs_file([(name, 1)]), "--again")
    assert set(GridCell.objects.values_list("image", flat=True)) == {image.pk}


def test_again_opens_pairs_once_more(dataset, images, pairs_file):
    file = pairs_file([(images[0], 1)])
    first, _ = opened(dataset, file)
    second, _ = opened(dataset, file, "--again")
    assert second != first
    assert GridCell.objects.filter(image=images[0], grid__label__index=1).count() == 2


def test_pairs_of_another_dataset_are_not_in_the_way(dataset, images, pairs_file):
    make_grid(images=make_images(make_dataset(), 2))
    assert "1 pair was opened" in opened(dataset, pairs_file([(images[0], 0)]))[1]


def test_open_contains_names_every_bad_line_and_opens_nothing(dataset, images, pairs_file):
    other = make_images(make_dataset(), 1)[0]
    absent = Image.objects.create(dataset=dataset, name="replayed")
    pairs = [(images[0], 1), ("nobody.jpg", "nonsense"), (images[1], 6), (other, 1), (absent, 1)]
    pairs.append((images[0], "n00000001"))
    *lines, way_out = refusal("open", "contains", "--dataset", dataset, "--pairs", pairs_file(pairs)).splitlines()
    assert way_out == "Import image files with ./manage import images.", "once for all lines"
    assert lines[0].endswith("pairs.csv: no grids were opened.")
    assert [line.split(":")[0] for line in lines[1:]] == [f"line {n}" for n in (3, 4, 5, 6, 7)]
    for line, words in zip(
        lines[1:],
        ["no image “nobody.jpg”", "'6' is no class", "no image", "has no image file", "in line 2"],
        strict=True,
    ):
        assert words in line
    assert "'nonsense' is no class" in lines[1], "all that is wrong with a line"
    assert not Batch.objects.exists()


def test_asking_about_images_without_a_dataset_label_is_warned_of_with_their_number(dataset, images, pairs_file):
    unlabelled = make_images(dataset, 2, label=None)
    file = pairs_file([(image, label) for image in (images[0], *unlabelled) for label in (1, 2)])
    _, err = opened(dataset, file)
    assert err.splitlines()[0] == (
        "2 images have no dataset label: they get selection frequencies but no candidate labels."
    )
    assert "no dataset label" not in opened(dataset, pairs_file([(images[1], 1)]))[1]


@pytest.mark.parametrize(
    ("header", "reason"),
    [("image", "no column 'label'"), ("image,label,score", "column 'score'"), ("image,label", "contains no pairs")],
)
def test_a_file_that_holds_no_pairs_is_refused(dataset, pairs_file, header, reason):
    assert reason in refusal("open", "contains", "--dataset", dataset, "--pairs", pairs_file([], header))


def test_a_file_that_is_absent_is_refused_by_name(dataset, tmp_path):
    reason = refusal("open", "contains", "--dataset", dataset, "--pairs", tmp_path / "none.csv")
    assert "none.csv cannot be read: No such file" in reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--hits-per-worker", "0"], "must be 1 or more. Leave --hits-per-worker out"),
        (["--completion-code", "x" * 61], "at most 60"),
        (["--completion-url", "javascript:alert(1)"], "must begin with http:// or https://"),
        (["--completion-url", "example.org"], "must begin with http:// or https://"),
    ],
)
@pytest.mark.parametrize("kind", ["contains", "classify"])
def test_how_a_batch_pays_is_checked(dataset, images, pairs_file, words, reason, kind):
    pairs = ["--pairs", pairs_file([(images[0], 1)])] if kind == "contains" else []
    assert reason in refusal("open", kind, "--dataset", dataset, *pairs, *words)
    assert not Batch.objects.exists()


def test_open_classify_makes_the_batch_that_takes_the_forms_and_finds_it_again(dataset):
    first, _ = said("open", "classify", "--dataset", dataset, "--completion-code", "C0DE")
    batch = batch_named(first.split()[-1])
    assert (batch.kind, batch.completion_code) == ("classify", "C0DE")
    assert said("open", "classify", "--dataset", dataset)[0] == first
    assert said("open", "classify", "--dataset", dataset, "--completion-code", "C0DE")[0] == first
    assert "Close the batch first" in refusal("open", "classify", "--dataset", dataset, "--completion-code", "OTHER")
    said("close", batch.pk)
    assert said("open", "classify", "--dataset", dataset, "--completion-code", "OTHER")[0] != first


@pytest.mark.django_db(transaction=True)
def test_two_opens_of_the_same_pairs_at_once_open_them_once(pairs_file):
    dataset = make_dataset(images_per_grid=2)
    file = pairs_file([(image, 1) for image in make_images(dataset, 8)])
    results = []

    def run():
        try:
            results.append(open_contains(dataset=dataset, pairs=file, pay=Pay()))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(batch.n_pairs for batch in results) == [0, 0, 0, 8]
    assert len({batch.batch for batch in results}) == 1
    assert GridCell.objects.count() == 8
