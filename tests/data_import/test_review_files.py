"""`./manage open_review` and `./manage add_review_predictions`: predictions from files, with and without images."""

import gzip
import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Classifier, Dataset, Prediction
from review_task.models import Item, Review
from tests.factories import make_dataset, make_images

pytestmark = pytest.mark.django_db

HEAD = "image,dataset,dataset_label,label,n_models\n"
ROWS = "a.jpg,val,1,1,3\na.jpg,val,1,2,1\nb.jpg,v2,3,0,2\n"


def run(*words: object) -> str:
    out = io.StringIO()
    call_command(*map(str, words), stdout=out)
    return out.getvalue()


def items_of(review: Review) -> list[tuple]:
    rows = Item.objects.filter(page__review=review).order_by("image__name", "position")
    return list(rows.values_list("image__name", "page__label__index", "label__index", "n_models", "origin"))


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


def test_a_file_brings_its_images_and_opens_a_page_for_each_class(dataset, tmp_path):
    path = tmp_path / "predictions.csv.gz"
    path.write_bytes(gzip.compress((HEAD + ROWS).encode()))
    said = run("open_review", "--dataset", dataset.name, "--file", path, "--reviewers", 2)
    assert "2 images, 4 labels to judge, 2 class pages" in said
    review = Review.objects.get()
    assert review.n_reviewers == 2 and review.title == dataset.name
    assert items_of(review) == [
        ("a.jpg", 1, 1, 3, "models"),
        ("a.jpg", 1, 2, 1, "models"),
        ("b.jpg", 3, 0, 2, "models"),
        ("b.jpg", 3, 3, 0, "dataset"),
    ]
    assert not dataset.images.exclude(original="").exists()


def test_one_of_a_files_datasets_is_chosen_and_predictions_stand_alone(dataset, tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(HEAD + ROWS)
    run("open_review", "--dataset", dataset.name, "--file", path, "--source", "v2", "--predictions-only")
    assert items_of(Review.objects.get()) == [("b.jpg", 3, 0, 2, "models")]


def test_a_later_file_adds_only_what_is_new(dataset, tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(HEAD + ROWS)
    run("open_review", "--dataset", dataset.name, "--file", path)
    review = Review.objects.get()
    again = run("add_review_predictions", review.pk, "--file", path)
    assert again.startswith("0 new labels of 0 images, on 0 class pages")
    path.write_text("image,label,dataset_label\na.jpg,3,\nc.jpg,1,1\n")
    assert run("add_review_predictions", review.pk, "--file", path).startswith("2 new labels of 2 images, on 1 class")
    assert ("c.jpg", 1, 1, 1, "models") in items_of(review)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("a.jpg,val,1,9,1\n", "line 2: 9 is no class index"),
        ("a.jpg,val,9,1,1\n", "line 2: 9 is no class index"),
        ("a.jpg,val,1,x,1\n", "line 2: label is 'x': write a whole number"),
        ("a.jpg,val,1,²,1\n", "line 2: label is '²': write a whole number"),
        ("a.jpg,val,1,1,0\n", "line 2: n_models is 0"),
        ("a.jpg,val,1,1,99999\n", "line 2: n_models is 99999"),
        ("a.jpg,val,1,1,1\na.jpg,val,1,1,2\n", "line 3: label 1 of a.jpg is there twice"),
        ("a.jpg,val,1,1,1\na.jpg,val,2,2,1\n", "line 3: a.jpg has two dataset labels"),
        ("a.jpg,val,1,1,1\na.jpg,v2,1,2,1\n", "line 3: a.jpg is in two datasets"),
        (",val,1,1,1\n", "line 2: the image has no name"),
        ("a.jpg,val,1\n", "line 2"),
        ("", "has no predictions"),
    ],
)
def test_a_file_with_a_fault_stores_nothing(dataset, tmp_path, rows, reason):
    path = tmp_path / "predictions.csv"
    path.write_text(HEAD + rows)
    with pytest.raises(CommandError, match=reason.replace("(", r"\(")):
        run("open_review", "--dataset", dataset.name, "--file", path)
    assert not Review.objects.exists() and not dataset.images.exists()


def test_an_image_with_another_label_on_the_site_is_refused(dataset, tmp_path):
    (image,) = make_images(dataset, 1, label=0)
    path = tmp_path / "predictions.csv"
    path.write_text(HEAD + f"{image.name},val,1,1,1\n")
    with pytest.raises(CommandError, match="line 2: dataset_label is 1"):
        run("open_review", "--dataset", dataset.name, "--file", path)


def broken_archives() -> Iterator[bytes]:
    rows = "image,label\n" + "".join(f"image {n * n},{n % 4}\n" for n in range(300))
    whole = gzip.compress(rows.encode())
    yield whole[:-9]
    yield b"GZ" + whole[2:]
    for place in range(12, len(whole), len(whole) // 12):
        yield whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]


@pytest.mark.parametrize("content", [pytest.param(content, id=str(n)) for n, content in enumerate(broken_archives())])
def test_a_broken_archive_is_refused(dataset, tmp_path, content):
    path = tmp_path / "predictions.csv.gz"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="predictions.csv.gz cannot be read"):
        run("open_review", "--dataset", dataset.name, "--file", path)


@pytest.mark.parametrize("seed", [-1, 2**63, -(10**30)])
def test_a_seed_that_is_none_is_refused(dataset, tmp_path, seed):
    path = tmp_path / "predictions.csv"
    path.write_text(HEAD + ROWS)
    with pytest.raises(CommandError, match="whole number from 0 to 9223372036854775807"):
        run("open_review", "--dataset", dataset.name, "--file", path, f"--seed={seed}")
    assert not Review.objects.exists()


def test_predictions_of_the_site_are_first_ranks_of_networks(dataset):
    (image,) = make_images(dataset, 1)
    for name, network, labels in (("a", "a", [1, 0]), ("a flipped", "a", [1, 2]), ("b", "b", [2, 1])):
        classifier = Classifier.objects.create(name=name, network=network, label_set=dataset.label_set)
        Prediction.objects.create(classifier=classifier, image=image, labels=labels)
    run("open_review", "--dataset", dataset.name, "--title", "first")
    assert [row[2:] for row in items_of(Review.objects.get())] == [
        (1, 1, "models"),
        (2, 1, "models"),
        (0, 0, "dataset"),
    ]


def test_an_unknown_review_and_a_bad_number_of_reviewers_are_named(dataset, tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_text(HEAD + ROWS)
    with pytest.raises(CommandError, match="1 to 100 reviewers"):
        run("open_review", "--dataset", dataset.name, "--file", path, "--reviewers", 0)
    run("open_review", "--dataset", dataset.name, "--file", path)
    review = Review.objects.get()
    with pytest.raises(CommandError, match=f"no review 999. Reviews: {review.pk}"):
        run("add_review_predictions", 999)
    with pytest.raises(CommandError, match="no predictions to review"):
        run("open_review", "--dataset", make_dataset().name)
