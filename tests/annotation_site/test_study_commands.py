"""The researcher's commands: settings, open, close, exclude, create_dataset, create_staff."""

import io
import re
import threading

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from annotation_site.csv_cells import guarded
from annotation_site.study import Pay, Refused, address_of, batch_named, open_contains
from catalog.actions import add_image
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from contains_task.actions import record_votes
from contains_task.models import ContainsVote, Grid, GridCell
from contains_task.reads import cells_to_show
from tests.factories import (
    make_batch,
    make_dataset,
    make_grid,
    make_images,
    make_label_set,
    make_lease,
    small_photograph,
)
from workforce.models import Batch, Slot

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def said(command: str, *words: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(command: str, *words: object) -> str:
    with pytest.raises(CommandError) as refused:
        said(command, *words)
    return str(refused.value)


# create_dataset and settings


def test_create_dataset_takes_a_label_set_and_figures():
    label_set = make_label_set()
    figures = ["--set", "min_shown=3", "--set", "note=a = b"]
    out, _ = said("create_dataset", "pets", "--label-set", label_set.name, *figures)
    assert out == f"Dataset pets, labelled with {label_set.name}, settings version 1.\n"
    dataset = Dataset.objects.get(name="pets")
    assert (dataset.label_set, current_settings(dataset).min_shown) == (label_set, 3)
    assert current_settings(dataset).note == "a = b"


def test_create_dataset_is_on_imagenet_unless_told_otherwise():
    assert said("create_dataset", "pets")[0] == "Dataset pets, labelled with ImageNet, settings version 1.\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["taken"], "There is a dataset named 'taken' already"),
        (["new", "--label-set", "birds"], "There is no label set named 'birds'"),
        (["new", "--set", "grid=3"], "There is no setting grid. Settings: images_per_grid"),
        (["new", "--set", "min_shown"], "write --set figure=value"),
        (["new", "--set", "min_shown=1", "--set", "min_shown=2"], "given twice"),
        (["new", "--set", "min_shown=few"], "min_shown: .*integer"),
        (["new", "--set", "min_shown="], "min_shown: "),
        (["new", "--set", "max_other_labels=12"], "max_other_labels is from 1 to 11"),
    ],
)
def test_create_dataset_says_what_is_wrong_and_makes_nothing(words, reason):
    make_dataset(name="taken")
    assert re.search(reason, refusal("create_dataset", *words))
    assert list(Dataset.objects.values_list("name", flat=True)) == ["taken"]


def test_settings_prints_every_figure_of_every_version():
    make_dataset(name="pets", images_per_grid=20)
    said("settings", "--dataset", "pets", "--set", "contains_answers=3", "--set", "note=a pilot")
    lines = said("settings", "--dataset", "pets")[0].splitlines()
    table = {line.split()[0]: line.split()[1:] for line in lines}
    assert table["version"] == ["1", "2"]
    assert table["images_per_grid"] == ["20", "20"]
    assert table["contains_answers"] == ["9", "3"]
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[-1] == "2: a pilot"


def test_settings_makes_a_version_only_if_a_figure_changes():
    dataset = make_dataset()
    assert "Version 2 holds for batches opened" in said("settings", "--dataset", dataset, "--set", "min_shown=1")[1]
    assert "Version 2 has these figures already" in said("settings", "--dataset", dataset, "--set", "min_shown=1")[1]
    assert current_settings(dataset).version == 2


def test_settings_refuses_what_cannot_be():
    dataset = make_dataset()
    assert "There is no dataset named 'dogs'" in refusal("settings", "--dataset", "dogs")
    assert "lease_seconds is 30 or more" in refusal("settings", "--dataset", dataset, "--set", "lease_seconds=1")
    assert current_settings(dataset).version == 1


# open


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
    assert err == "7 pairs opened, in 3 grids.\n"
    found = [(grid.label.index, [cell.image for cell in cells_to_show(grid)]) for grid in Grid.objects.order_by("pk")]
    assert found == [(4, images[:1:-1]), (4, images[1::-1]), (2, images[:2])]
    assert Slot.objects.filter(batch=batch).count() == 3 * 2


def test_open_contains_keeps_how_the_batch_pays(dataset, images, pairs_file):
    options = ["--hits-per-worker", 2, "--completion-code", "C0DE", "--completion-url", "https://example.org/done?c=1"]
    batch, _ = opened(dataset, pairs_file([(images[0], 1)]), *options)
    assert (batch.hits_per_worker, batch.completion_code) == (2, "C0DE")
    assert (batch.completion_url, batch.marketplace) == ("https://example.org/done?c=1", "link")


def test_running_open_contains_twice_opens_nothing_twice(dataset, images, pairs_file):
    file = pairs_file([(image, 1) for image in images])
    first, _ = opened(dataset, file)
    again, err = opened(dataset, file)
    assert again == first
    assert err.splitlines() == [
        "5 pairs were opened before; --again opens them once more.",
        "0 pairs opened, in 0 grids.",
    ]
    assert (Batch.objects.count(), GridCell.objects.count()) == (1, 5)


def test_pairs_added_to_the_file_are_opened_alone(dataset, images, pairs_file):
    first, _ = opened(dataset, pairs_file([(images[0], 1)]))
    second, err = opened(dataset, pairs_file([(images[0], 1), (images[0], 2), (images[1], 1)]))
    assert second != first
    assert "1 pairs were opened before" in err
    assert set(GridCell.objects.filter(grid__hit__batch=second).values_list("image", "grid__label__index")) == {
        (images[0].pk, 2),
        (images[1].pk, 1),
    }


def test_pairs_of_a_closed_batch_stay_opened_and_that_is_said(dataset, images, pairs_file):
    file = pairs_file([(images[0], 1)])
    first, _ = opened(dataset, file)
    opened(dataset, pairs_file([(images[0], 2)]))
    said("close", first.pk)
    again, err = opened(dataset, pairs_file([(images[0], 1)]))
    assert again == first
    assert err.endswith("Their batch is closed.\n")


def test_pairs_answered_elsewhere_can_be_opened_here(dataset, images, pairs_file):
    make_grid(images=images[:1], label=1, batch=make_batch(dataset, marketplace="replay"))
    assert "1 pairs opened" in opened(dataset, pairs_file([(images[0], 1)]))[1]


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
    assert "1 pairs opened" in opened(dataset, pairs_file([(images[0], 0)]))[1]


def test_open_contains_names_every_bad_line_and_opens_nothing(dataset, images, pairs_file):
    other = make_images(make_dataset(), 1)[0]
    absent = Image.objects.create(dataset=dataset, name="replayed")
    pairs = [(images[0], 1), ("nobody.jpg", 1), (images[1], 6), (other, 1), (absent, 1), (images[0], "n00000001")]
    lines = refusal("open", "contains", "--dataset", dataset, "--pairs", pairs_file(pairs)).splitlines()
    assert lines[0].endswith("pairs.csv: nothing was opened.")
    assert [line.split(":")[0] for line in lines[1:]] == [f"line {n}" for n in (3, 4, 5, 6, 7)]
    for line, words in zip(
        lines[1:], ["no image 'nobody.jpg'", "'6' is no class", "no image", "no file to show", "in line 2"], strict=True
    ):
        assert words in line
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("header", "reason"),
    [("image", "no column 'label'"), ("image,label,score", "column 'score'"), ("image,label", "holds no pairs")],
)
def test_a_file_that_holds_no_pairs_is_refused(dataset, pairs_file, header, reason):
    assert reason in refusal("open", "contains", "--dataset", dataset, "--pairs", pairs_file([], header))


def test_a_file_that_is_absent_is_refused_by_name(dataset, tmp_path):
    reason = refusal("open", "contains", "--dataset", dataset, "--pairs", tmp_path / "none.csv")
    assert "none.csv cannot be read: No such file" in reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--hits-per-worker", "0"], "--hits-per-worker is 1 or more"),
        (["--completion-code", "x" * 61], "at most 60"),
        (["--completion-url", "javascript:alert(1)"], "no http or https address"),
        (["--completion-url", "example.org"], "no http or https address"),
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
    assert "Close it first" in refusal("open", "classify", "--dataset", dataset, "--completion-code", "OTHER")
    said("close", batch.pk)
    assert said("open", "classify", "--dataset", dataset, "--completion-code", "OTHER")[0] != first


@pytest.mark.django_db(transaction=True)
def test_two_opens_of_the_same_pairs_at_once_open_them_once(pairs_file):
    dataset = make_dataset(images_per_grid=2)
    file = pairs_file([(image, 1) for image in make_images(dataset, 8)])
    found = []

    def run():
        try:
            found.append(open_contains(dataset=dataset, pairs=file, pay=Pay()))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.n_pairs for one in found) == [0, 0, 0, 8]
    assert len({one.batch for one in found}) == 1
    assert GridCell.objects.count() == 8


# close and exclude


def test_close_takes_a_number_a_public_id_or_an_address():
    batches = [make_batch() for _ in range(3)]
    for batch, name in zip(
        batches, [batches[0].pk, batches[1].public_id, address_of(batches[2]) + "?worker=you"], strict=True
    ):
        if str(name).startswith("-"):
            # A public id may look like an option; its address does not.
            name = address_of(batch)
        assert said("close", name)[0] == f"Batch {batch.pk} ({batch}) is closed.\n"
        batch.refresh_from_db()
        assert batch.closed_at is not None
    closed_at = batches[0].closed_at
    assert "was closed already" in said("close", batches[0].pk)[0]
    batches[0].refresh_from_db()
    assert batches[0].closed_at == closed_at


def test_an_unknown_batch_is_refused_with_those_that_are_open():
    batch = make_batch()
    for name in ("0", "999999999", "9" * 30, "nonsense", "http://localhost/join/xyz", ""):
        assert f"Open batches: {batch.pk} (contains of {batch.dataset} on link)." in refusal("close", name)


@pytest.fixture
def submission():
    lease = make_lease(make_grid(n_images=1, n_slots=1).hit.batch)
    return record_votes(lease=lease, selected=[], idempotency_key="one")


def test_an_excluded_submission_counts_no_more_until_that_is_lifted(submission):
    out, _ = said("exclude", submission.pk, "--reason", "clicked through")
    assert out == f"Submission {submission.pk} counts no more.\n"
    assert [e.reason for e in submission.exclusions.filter(lifted_at=None)] == ["clicked through"]
    call_command("aggregate", "--dataset", submission.hit.batch.dataset.name, stdout=io.StringIO())
    assert not ContainsVote.objects.get().counted
    assert "excluded already: clicked through" in refusal("exclude", submission.pk, "--reason", "again")
    assert "counts again" in said("exclude", submission.pk, "--lift")[0]
    call_command("aggregate", "--dataset", submission.hit.batch.dataset.name, stdout=io.StringIO())
    assert ContainsVote.objects.get().counted
    assert submission.exclusions.count() == 1


def test_exclude_says_what_is_wrong(submission):
    assert "There is no submission 0" in refusal("exclude", 0, "--reason", "x")
    assert "is not excluded" in refusal("exclude", submission.pk, "--lift")
    assert "needs a reason" in refusal("exclude", submission.pk, "--reason", "  ")
    assert "needs a reason" in refusal("exclude", submission.pk, "--reason", "x" * 501)
    assert "one of the arguments --reason --lift is required" in refusal("exclude", submission.pk)
    assert not submission.exclusions.exists()


# create_staff


def test_create_staff_prints_a_random_password_that_opens_the_pages():
    name, _, password = said("create_staff", "ada")[0].strip().partition(" / ")
    user = User.objects.get(username=name)
    assert user.check_password(password)
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert len(password) >= 16


def test_create_staff_takes_the_password_of_a_file_and_shows_it_nowhere(tmp_path):
    file = tmp_path / "password"
    file.write_text("correct horse battery\n")
    out, err = said("create_staff", "ada", "--password-file", file)
    assert "horse" not in out + err
    assert User.objects.get().check_password("correct horse battery")


def test_create_staff_makes_an_absent_password_file_for_its_owner_alone(tmp_path):
    file = tmp_path / "secrets" / "password"
    said("create_staff", "ada", "--password-file", file)
    assert User.objects.get().check_password(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600


def test_create_staff_gives_somebody_there_a_new_password_and_their_rights_back():
    User.objects.create_user("ada", password="the old one, forgotten", is_active=False, email="ada@example.org")
    password = said("create_staff", "ada")[0].strip().partition(" / ")[2]
    user = User.objects.get()
    assert user.check_password(password)
    assert (user.is_staff, user.is_active, user.email) == (True, True, "ada@example.org")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ada", "short", "too short"),
        ("ada", "password123", "too common"),
        ("ada", "2718281828459", "entirely numeric"),
        ("ada", "\n", "is empty"),
        ("not a name!", "correct horse battery", "valid username"),
        ("", "correct horse battery", "valid username"),
    ],
)
def test_create_staff_refuses_weak_passwords_and_odd_names(tmp_path, name, content, reason):
    file = tmp_path / "password"
    file.write_text(content)
    assert reason in refusal("create_staff", name, "--password-file", file)
    assert not User.objects.exists()


def test_a_folder_is_no_password_file(tmp_path):
    assert "cannot be read as a password file" in refusal("create_staff", "ada", "--password-file", tmp_path)


def test_a_batch_is_never_taken_for_another_by_half_its_name():
    batch = make_batch()
    with pytest.raises(Refused):
        batch_named(batch.public_id[:-1])
