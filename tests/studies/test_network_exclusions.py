"""All work from one network, excluded in one step and included again, by command and on the page."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management.base import CommandError

from aggregation.tasks import aggregate_new_submissions
from catalog.models import Dataset
from contains_task.models import ContainsVote
from tests.commands import said as run
from tests.factories import make_batch, make_dataset, make_grid, staff_client, start
from tests.required import require
from tests.rows_of_a_module import rows_of_a_module
from tests.workforce.test_links import ATTACKER, ELSEWHERE, answer
from workforce.exclusions.actions import exclude_at_once, exclude_submission, lift_step
from workforce.models import Batch, Exclusion, Lease, Submission
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


def attacked_batch() -> Batch:
    """A batch with ten answers under invented IDs from one network, and two honest ones from others."""
    batch = make_batch(make_dataset(contains_answers=20))
    make_grid(batch=batch, n_slots=20, n_images=2)
    for number in range(10):
        answer(start(batch, f"invented{number}", REMOTE_ADDR=ATTACKER).url)
    answer(start(batch, "ann", REMOTE_ADDR=ELSEWHERE).url)
    answer(start(batch, "bob", REMOTE_ADDR="2001:db8::1").url)
    aggregate_new_submissions()
    return batch


@pytest.fixture(scope="module")
def shared(django_db_setup, django_db_blocker) -> Iterator[Batch]:
    with rows_of_a_module(django_db_blocker):
        yield attacked_batch()


@pytest.fixture
def attacked(shared) -> Batch:
    return Batch.objects.get(pk=shared.pk)


def invented() -> list[Submission]:
    of_network = Submission.objects.filter(worker__identity__external_id__startswith="invented")
    return list(of_network.order_by("pk"))


def n_counted() -> int:
    aggregate_new_submissions()
    return ContainsVote.objects.filter(counted=True).count()


def marks() -> set[str]:
    return set(Lease.objects.values_list("network_mark", flat=True)) - {""}


def test_the_command_excludes_a_network_in_one_step_and_includes_it_again(attacked):
    assert n_counted() == 24
    out, _ = run("exclude", "--network-of", str(invented()[3].pk), "--reason", "a program")
    assert out == "From the same network: submissions 10, workers 10, now excluded 10 submissions.\n"
    assert n_counted() == 4
    assert set(Exclusion.objects.values_list("reason", flat=True)) == {"All work from one network: a program"}
    out, _ = run("exclude", "--network-of", str(invented()[7].pk), "--lift")
    assert out == "10 submissions are now included again.\n"
    assert n_counted() == 24


def test_a_worker_names_their_network_by_pseudonym(attacked):
    worker = pseudonym(attacked.dataset, invented()[0].worker_id)
    arguments = ("exclude", "--network-of", worker, "--dataset", attacked.dataset.name)
    run(*arguments, "--reason", "a program")
    assert n_counted() == 4
    run(*arguments, "--lift")
    assert n_counted() == 24


def test_what_was_excluded_before_keeps_its_reason_and_stays_excluded(attacked):
    first = invented()[0]
    run("exclude", str(first.pk), "--reason", "answered in a second")
    run("exclude", "--network-of", str(invented()[1].pk), "--reason", "a program")
    run("exclude", "--network-of", str(invented()[1].pk), "--lift")
    assert Exclusion.objects.get(lifted_at=None).submission == first
    with pytest.raises(CommandError, match="not excluded together"):
        run("exclude", "--network-of", str(first.pk), "--lift")


@pytest.mark.parametrize("words", [("--network-of", "abc"), ("--network-of", "999999999"), ("--network-of", "9" * 30)])
def test_the_command_says_what_it_needs(attacked, words):
    with pytest.raises(CommandError):
        run("exclude", *words, "--reason", "a program")
    assert not Exclusion.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 480])
def test_a_network_is_excluded_for_a_reason(attacked, reason):
    with pytest.raises(CommandError, match="needs a reason"):
        run("exclude", "--network-of", str(invented()[0].pk), "--reason", reason)


def test_a_forgotten_network_cannot_be_excluded_but_a_step_can_still_be_lifted(attacked):
    number = str(invented()[0].pk)
    run("exclude", "--network-of", number, "--reason", "a program")
    Lease.objects.update(network_mark="")
    with pytest.raises(CommandError, match="forgotten after 30 days"):
        run("exclude", "--network-of", number, "--reason", "a program")
    run("exclude", "--network-of", number, "--lift")
    assert n_counted() == 24


def test_another_study_of_the_same_network_is_left_alone(attacked):
    other = make_grid(n_images=2).hit.batch
    answer(start(other, "invented0", REMOTE_ADDR=ATTACKER).url)
    run("exclude", "--network-of", str(invented()[0].pk), "--reason", "a program")
    assert not Exclusion.objects.filter(submission__hit__batch=other).exists()


def page_of(dataset: Dataset) -> str:
    return f"/setup/networks/{dataset.name}/"


def test_the_page_shows_the_extent_excludes_and_includes_again(attacked):
    client, address = staff_client(), page_of(attacked.dataset)
    shown = client.get(f"{address}?of={invented()[0].pk}").content.decode()
    assert re.search(r"same network: <b>10</b>, by workers: <b>10</b>. Not excluded yet: <b>10</b>", shown)
    assert client.post(f"{address}?of={invented()[0].pk}", {"reason": "a program"}).status_code == 302
    assert n_counted() == 4
    listed = client.get(address).content.decode()
    assert "All work from one network: a program" in listed
    assert "Submissions: 10, by workers: 10. Still excluded: 10." in listed
    step = require(Exclusion.objects.first()).step
    assert client.post(f"/setup/include-again/{step}/{attacked.dataset.name}/").status_code == 302
    assert n_counted() == 24
    assert "Still excluded: 0." in client.get(address).content.decode()


def test_the_page_takes_a_pseudonym_too_and_explains_what_it_cannot_find(attacked):
    client, address = staff_client(), page_of(attacked.dataset)
    worker = pseudonym(attacked.dataset, invented()[0].worker_id)
    assert "<b>10</b>" in client.get(f"{address}?of={worker}").content.decode()
    for word in ("nobody", "0", "9" * 30, "", "x" * 50):
        page = client.get(f"{address}?of={word}")
        assert page.status_code == 422
        assert client.post(f"{address}?of={word}", {"reason": "a program"}).status_code == 422
    assert client.post(f"{address}?of={worker}", {"reason": " "}).status_code == 422
    assert client.post(f"/setup/include-again/abc/{attacked.dataset.name}/").status_code == 404
    assert not Exclusion.objects.exists()


def test_a_step_of_another_dataset_cannot_be_lifted_through_this_one(attacked):
    run("exclude", "--network-of", str(invented()[0].pk), "--reason", "a program")
    step, other = require(Exclusion.objects.first()).step, make_dataset()
    assert staff_client().post(f"/setup/include-again/{step}/{other.name}/").status_code == 404
    assert Exclusion.objects.filter(lifted_at=None).count() == 10


def test_a_mark_outlives_its_lease_by_the_days_of_the_setting(attacked, settings):
    assert settings.NETWORK_MARK_DAYS == 30
    assert all(lease.expires_at - lease.created_at <= timedelta(hours=1) for lease in Lease.objects.all())


def test_what_was_excluded_singly_belongs_to_no_step(attacked):
    exclude_submission(submission=invented()[0], reason="answered in a second")
    assert lift_step(step="") == 0
    assert Exclusion.objects.get().lifted_at is None


def test_what_is_excluded_together_is_excluded_once(attacked):
    submissions = Submission.objects.filter(hit__batch=attacked)
    assert [exclude_at_once(submissions=submissions, reason="a test", step=step) for step in ("a", "b")] == [12, 0]
    assert [lift_step(step=step) for step in ("b", "a", "a")] == [0, 12, 0]
