"""Example photographs: never an image of the study or of its controls, and versioned with the settings."""

import io
import re
from pathlib import Path

import pytest
from PIL import Image as Pillow

from audit.models import AuditEntry
from catalog.actions import add_image, change_settings
from catalog.examples.reads import examples_of
from catalog.models import Dataset, Example, Image, Label, SettingsVersion
from catalog.photographs.reads import read_photograph
from catalog.reads import current_settings
from tests.commands import refusal, said
from tests.factories import make_batch, make_dataset, make_grid, make_images, start, worker_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(tmp_path, settings) -> Dataset:
    settings.MEDIA_ROOT = tmp_path / "media"
    return make_dataset(name="birds")


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "examples"


def photograph(shade: int) -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (400, 300), (shade, shade, 255)).save(file, "JPEG")
    return file.getvalue()


def write(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(photograph(shade))


def shown(settings: SettingsVersion, label: Label) -> tuple[int, dict[str, int]]:
    """Return the number of examples of a label, and of each look-alike by name."""
    examples = examples_of(settings, label)
    return len(examples.of_label), {group.label.name: len(group.examples) for group in examples.look_alikes}


def label_of(dataset: Dataset, index: int) -> Label:
    return dataset.label_set.labels.get(index=index)


def test_a_folder_makes_a_settings_version_that_shows_its_photographs(dataset, folder):
    write(folder / "0" / "a.jpg", 10)
    write(folder / "thing 0" / "b.jpg", 20)
    write(folder / "0" / "thing 1" / "c.jpg", 30)
    before = current_settings(dataset)
    out, _ = said("import", "examples", folder, "--dataset", "birds")
    assert out == "3 examples were imported. Batches under settings version 2 show them.\n"
    after = current_settings(dataset)
    assert shown(after, label_of(dataset, 0)) == (2, {"thing 1": 1})
    assert shown(after, label_of(dataset, 1)) == (0, {})
    assert shown(before, label_of(dataset, 0)) == (0, {}), "what was published before shows what it showed"
    assert AuditEntry.objects.get(action="examples.import").after == {"version": 2, "examples": 3}


def test_the_same_folder_again_changes_nothing_and_another_replaces_all(dataset, folder):
    write(folder / "0" / "a.jpg", 10)
    said("import", "examples", folder, "--dataset", "birds")
    out, _ = said("import", "examples", folder, "--dataset", "birds")
    assert out == "No change: the study already has these examples.\n"
    write(folder / "0" / "a.jpg", 50)
    write(folder / "0" / "b.jpg", 60)
    said("import", "examples", folder, "--dataset", "birds")
    versions = dataset.settings_versions.order_by("version")
    assert [shown(version, label_of(dataset, 0))[0] for version in versions] == [0, 1, 2]


def test_examples_stay_when_other_settings_change(dataset, folder):
    write(folder / "0" / "a.jpg", 10)
    said("import", "examples", folder, "--dataset", "birds")
    assert shown(change_settings(dataset=dataset, min_shown=3), label_of(dataset, 0)) == (1, {})


def test_an_image_of_the_study_or_of_its_controls_is_refused(dataset, folder):
    pool = make_dataset()
    change_settings(dataset=dataset, control_pool=pool)
    for number, owner in enumerate((dataset, pool)):
        image = read_photograph(photograph(10 + number))
        add_image(dataset=owner, name=f"image {number}", dataset_label=None, photograph=image)
        write(folder / "0" / f"{number}.jpg", 10 + number)
    # Images stored before digests were kept.
    Image.objects.update(digest="")
    message = refusal("import", "examples", folder, "--dataset", "birds")
    assert "no examples were imported.\n" in message
    assert "0/0.jpg: it is the image image 0 of dataset birds, about which workers are asked" in message
    assert f"0/1.jpg: it is the image image 1 of dataset {pool}" in message
    assert not Example.objects.exists()
    assert not AuditEntry.objects.filter(action="examples.import").exists()


@pytest.mark.parametrize("in_pool", [False, True])
def test_an_example_that_becomes_an_image_later_is_shown_no_more(dataset, folder, in_pool):
    pool = make_dataset()
    change_settings(dataset=dataset, control_pool=pool)
    write(folder / "0" / "a.jpg", 10)
    write(folder / "0" / "b.jpg", 20)
    said("import", "examples", folder, "--dataset", "birds")
    owner = pool if in_pool else dataset
    add_image(dataset=owner, name="new", dataset_label=None, photograph=read_photograph(photograph(10)))
    assert shown(current_settings(dataset), label_of(dataset, 0)) == (1, {})


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a.jpg", "put it into a folder named by its label"),
        ("0/1/2/a.jpg", "put it into a folder named by its label"),
        ("crane/a.jpg", "'crane' is no class of"),
        ("0/thing 0/a.jpg", "a label is no look-alike of itself"),
    ],
)
def test_a_file_in_a_wrong_place_is_named_and_nothing_is_imported(dataset, folder, path, reason):
    write(folder / "1" / "good.jpg", 10)
    write(folder / path, 20)
    message = refusal("import", "examples", folder, "--dataset", "birds")
    assert f"\n{path}: " in message
    assert reason in message
    assert not Example.objects.exists()


def test_a_file_that_is_no_photograph_a_repeated_one_and_too_many_are_refused(dataset, folder):
    for number in range(7):
        write(folder / "0" / f"{number}.jpg", number * 20)
    write(folder / "0" / "1" / "again.jpg", 0)
    (folder / "0" / "words.jpg").write_text("no photograph")
    message = refusal("import", "examples", folder, "--dataset", "birds")
    assert "0/words.jpg: unsupported format" in message
    assert "the same file is there twice for this label" in message
    write(folder / "0" / "1" / "again.jpg", 255)
    (folder / "0" / "words.jpg").unlink()
    assert "thing 0: a folder has at most 6 photographs, this one has 7" in refusal(
        "import", "examples", folder, "--dataset", "birds"
    )


def test_a_grid_shows_them_folded_and_its_workers_get_them(dataset, folder):
    write(folder / "0" / "a.jpg", 10)
    write(folder / "0" / "1" / "b.jpg", 20)
    said("import", "examples", folder, "--dataset", "birds")
    grid = make_grid(batch=make_batch(dataset), images=make_images(dataset, 2))
    page = start(grid.hit.batch, "ann", follow=True).content.decode()
    assert 'Often confused with it: <span lang="en">thing 1' in page
    addresses = re.findall(r'<img src="(/e/[^"]+\.jpg)" loading="lazy"', page)
    assert len(addresses) == 2
    for address in addresses:
        response = worker_client().get(address)
        picture = Pillow.open(io.BytesIO(b"".join(response)))
        assert (response.status_code, picture.format, max(picture.size)) == (200, "JPEG", 320)
    assert worker_client().get("/e/unknown.jpg").status_code == 404
