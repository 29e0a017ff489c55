"""The researcher's commands: settings, close, exclude, create_dataset, create_staff."""

import io
import re

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import current_settings
from contains_task.models import ContainsVote
from studies.opening.actions import address_of
from tests.commands import refusal, said
from tests.factories import (
    make_batch,
    make_dataset,
    make_grid,
    make_images,
    make_label_set,
    make_lease,
    make_worker,
    tick_images,
    unique,
)
from workforce.actions import exclude_submission
from workforce.models import Exclusion, Submission, Worker
from workforce.reads import batch_named, pseudonym

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


# create_dataset and settings


def test_create_dataset_takes_a_label_set_and_figures():
    label_set = make_label_set()
    figures = ["--set", "min_shown=3", "--set", "note=a = b"]
    out, _ = said("create_dataset", "pets", "--label-set", label_set.name, *figures)
    assert out == f"Dataset “pets” was created with label set “{label_set.name}” and settings version 1.\n"
    dataset = Dataset.objects.get(name="pets")
    assert (dataset.label_set, current_settings(dataset).min_shown) == (label_set, 3)
    assert current_settings(dataset).note == "a = b"


def test_create_dataset_is_on_imagenet_unless_told_otherwise():
    assert (
        said("create_dataset", "pets")[0]
        == "Dataset “pets” was created with label set “ImageNet” and settings version 1.\n"
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["taken"], "A dataset named 'taken' exists already"),
        (["new", "--label-set", "birds"], "There is no label set named 'birds'"),
        (["new", "--set", "grid=3"], "There is no setting grid. Settings: images_per_grid"),
        (["new", "--set", "min_shown"], "Write --set figure=value"),
        (["new", "--set", "min_shown=1", "--set", "min_shown=2"], "appears twice"),
        (["new", "--set", "min_shown=few"], "min_shown: .*integer"),
        (["new", "--set", "min_shown="], "min_shown: "),
        (["new", "--set", "max_other_labels=12"], "max_other_labels must be from 1 to 11"),
    ],
)
def test_create_dataset_says_what_is_wrong_and_makes_nothing(words, reason):
    make_dataset(name="taken")
    text = refusal("create_dataset", *words)
    assert re.search(reason, text) and ".." not in text
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
    assert "From now on, version 2 is used" in said("settings", "--dataset", dataset, "--set", "min_shown=1")[1]
    assert "version 2 already has these values" in said("settings", "--dataset", dataset, "--set", "min_shown=1")[1]
    assert current_settings(dataset).version == 2


def test_settings_refuses_what_cannot_be():
    dataset = make_dataset()
    assert "There is no dataset named 'dogs'" in refusal("settings", "--dataset", "dogs")
    assert "lease_seconds must be 30 or more" in refusal("settings", "--dataset", dataset, "--set", "lease_seconds=1")
    assert current_settings(dataset).version == 1


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
    assert "was already closed" in said("close", batches[0].pk)[0]
    batches[0].refresh_from_db()
    assert batches[0].closed_at == closed_at


def test_an_unknown_batch_is_refused_with_those_that_are_open():
    batch = make_batch()
    for name in ("0", "999999999", "9" * 30, "nonsense", "http://localhost/join/xyz", ""):
        assert f"Open batches: {batch.pk} (contains of {batch.dataset} on link)." in refusal("close", name)


@pytest.fixture
def submission():
    lease = make_lease(make_grid(n_images=1, n_slots=1).hit.batch)
    return tick_images(lease=lease, selected=[], idempotency_key="one")


def test_an_excluded_submission_counts_no_more_until_that_is_lifted(submission):
    out, _ = said("exclude", submission.pk, "--reason", "clicked through")
    assert out == f"Submission {submission.pk} is now excluded.\n"
    assert [e.reason for e in submission.exclusions.filter(lifted_at=None)] == ["clicked through"]
    call_command("aggregate", "--dataset", submission.hit.batch.dataset.name, stdout=io.StringIO())
    assert not ContainsVote.objects.get().counted
    assert "already excluded: clicked through" in refusal("exclude", submission.pk, "--reason", "again")
    assert "is now included again" in said("exclude", submission.pk, "--lift")[0]
    call_command("aggregate", "--dataset", submission.hit.batch.dataset.name, stdout=io.StringIO())
    assert ContainsVote.objects.get().counted
    assert submission.exclusions.count() == 1


def test_all_of_a_person_in_a_dataset_is_excluded_by_their_pseudonym_and_readmitted():
    dataset, other = make_dataset(contains_answers=2), make_dataset(contains_answers=2)
    person, colleague = make_worker(), make_worker()
    sent = [send(dataset, person), send(dataset, person), send(other, person), send(dataset, colleague)]
    exclude_submission(submission=sent[0], reason="one at first")
    whose = ("--worker", pseudonym(dataset, person.pk), "--dataset", dataset.name)
    out, _ = said("exclude", *whose, "--reason", "clicked through")
    assert out.startswith("1 of 2 submissions of ") and "is now excluded" in out
    assert standing() == {sent[0].pk: "one at first", sent[1].pk: "All work of this worker: clicked through"}
    assert "1 of 2 submissions" in said("exclude", *whose, "--lift")[0]
    assert standing() == {sent[0].pk: "one at first"}, "what was decided by itself stays"


def send(dataset: Dataset, worker: Worker) -> Submission:
    lease = make_lease(make_grid(images=make_images(dataset, 1)).hit.batch, worker)
    return tick_images(lease=lease, selected=[], idempotency_key=unique("key"))


def standing() -> dict[int, str]:
    return dict(Exclusion.objects.filter(lifted_at=None).values_list("submission", "reason"))


def test_exclude_by_worker_says_what_is_wrong(submission):
    dataset = submission.hit.batch.dataset
    worker = pseudonym(dataset, submission.worker_id)
    nobody = refusal("exclude", "--worker", "nobody", "--dataset", dataset, "--reason", "x")
    assert "No worker “nobody” has submitted work" in nobody and "export contains_votes" in nobody
    assert "NAME together" in refusal("exclude", "--worker", worker, "--reason", "x")
    assert "NAME together" in refusal("exclude", submission.pk, "--dataset", dataset, "--reason", "x")
    assert "not allowed with" in refusal("exclude", submission.pk, "--worker", worker, "--dataset", dataset, "--lift")
    assert "needs a reason" in refusal("exclude", "--worker", worker, "--dataset", dataset, "--reason", " ")
    assert "required" in refusal("exclude", "--reason", "x")
    assert not submission.exclusions.exists()


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


def test_create_staff_gives_an_administrator_a_new_password():
    User.objects.create_user("ada", password="the old one, forgotten", is_staff=True, email="ada@example.org")
    password = said("create_staff", "ada")[0].strip().partition(" / ")[2]
    user = User.objects.get()
    assert user.check_password(password)
    assert (user.is_staff, user.is_active, user.email) == (True, True, "ada@example.org")


@pytest.mark.parametrize(
    ("fields", "reason", "remark"),
    [
        ({"is_staff": False}, "is no site administrator's", ""),
        ({"is_staff": False, "is_active": False}, "is closed", "Now it is open again"),
        ({"is_staff": True, "is_active": False}, "is closed", "Now it is open again"),
    ],
)
def test_create_staff_makes_no_administrator_of_an_account_unless_told_so(fields, reason, remark):
    before = User.objects.create_user("ada", password="the old one, forgotten", **fields)
    for words in ((), ("--email", "ada@example.org"), ("--forget-second-factors",)):
        text = refusal("create_staff", "ada", *words)
        assert reason in text and "--administrator" in text
    user = User.objects.get()
    assert (user.password, user.email) == (before.password, "")
    assert (user.is_staff, user.is_active) == (before.is_staff, before.is_active)
    out, err = said("create_staff", "ada", "--administrator")
    user.refresh_from_db()
    assert user.check_password(out.strip().partition(" / ")[2])
    assert (user.is_staff, user.is_active) == (True, True) and remark in err
    assert bool(err) == bool(remark)


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
    assert "cannot be read" in refusal("create_staff", "ada", "--password-file", tmp_path)


def test_a_batch_is_never_taken_for_another_by_half_its_name():
    batch = make_batch()
    with pytest.raises(UserError):
        batch_named(batch.public_id[:-1])
