"""`./manage publish` and `./manage marketplace …`, against a marketplace that runs."""

import builtins
import io
import json
from decimal import Decimal

import pytest

from access.models import Role
from mturk.models import Call, LedgerEntry, ListedAssignment, MarketplaceHIT, Terms
from tests.commands import refusal, said
from tests.factories import make_dataset, make_lease, make_member, worker_client
from tests.mturk.conftest import marketplace, running_endpoint  # noqa: F401
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.mturk_study import ask, grids_to_publish, hits_of, page_of, send_until_quiet, settle, work
from tests.workforce.starting import opened as opened_in_frame
from workforce.models import Batch, Worker
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


def published_by_command(n_grids: int = 1, n_slots: int = 2, *words: str) -> Terms:
    batch = grids_to_publish(n_grids, n_slots)
    said("publish", batch.pk, "--reward", "0.10", "--yes", "--below-target", *words)
    send_until_quiet()
    return Terms.objects.get(batch=batch)


@pytest.fixture
def paid(marketplace) -> ListedAssignment:  # noqa: F811
    """An assignment that was worked on, confirmed and approved."""
    terms = published_by_command(1, 1, "--cap", "2")
    work(marketplace, hits_of(terms)[0])
    settle()
    ask()
    return ListedAssignment.objects.get()


def test_the_cost_is_shown_to_the_cent_and_asked_about_first(marketplace, monkeypatch):  # noqa: F811
    batch = grids_to_publish(2, n_slots=10)
    monkeypatch.setattr(builtins, "input", lambda words: "no")
    assert refusal("publish", batch.pk, "--reward", "0.10").startswith("Nothing was published.")
    assert not Call.objects.exists()
    monkeypatch.setattr(builtins, "input", lambda words: "yes")
    out, err = said("publish", batch.pk, "--reward", "0.10")
    assert "20 assignments, 4 HITs" in err
    assert [line.split()[:2] for line in err.splitlines()[2:5]] == [["rewards", "$"], ["fees", "$"], ["total", "$"]]
    assert "106 seconds are assumed. $0.10 is $3.40 per hour, below the target wage of $12.00." in err
    assert all(amount in err for amount in ("2.00", "0.40", "2.40", "saves $0.40"))
    assert "spending cap is $2.64" in out
    assert Batch.objects.get(pk=batch.pk).marketplace == "mturk"


def test_without_a_terminal_nothing_is_published_and_nobody_is_asked_twice(marketplace, monkeypatch):  # noqa: F811
    batch = grids_to_publish(1, n_slots=1)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "agree in advance with --yes" in refusal("publish", batch.pk, "--reward", "0.10")
    assert "agree to them with --below-target" in refusal("publish", batch.pk, "--reward", "0.10", "--yes")
    said("publish", batch.pk, "--reward", "0.10", "--yes", "--below-target")
    assert "is already published" in refusal("publish", batch.pk, "--reward", "0.10")


@pytest.mark.parametrize("reward", ["0", "-1", "0.081", "eight"])
def test_a_reward_that_is_no_amount_is_refused(reward):
    batch = grids_to_publish(1)
    assert "is not an amount in dollars and cents" in refusal("publish", batch.pk, f"--reward={reward}", "--yes")


def test_an_empty_batch_is_not_published():
    batch = grids_to_publish(0)
    assert "needs no answers now" in refusal("publish", batch.pk, "--reward", "0.10", "--yes")


def test_requirements_come_from_a_file_and_a_bad_file_is_named(marketplace, tmp_path):  # noqa: F811
    batch = grids_to_publish(1)
    file = tmp_path / "requirements.json"
    file.write_text("{}")
    words = ("publish", batch.pk, "--reward", "0.40", "--yes", "--requirements", file)
    assert "a list of objects with QualificationTypeId" in refusal(*words)
    file.write_text(
        json.dumps(
            [
                {
                    "QualificationTypeId": "000000000000000000L0",
                    "Comparator": "GreaterThanOrEqualTo",
                    "IntegerValues": [95],
                }
            ]
        )
    )
    said(*words)
    send_until_quiet()
    requirements = Call.objects.get(op="CreateHITType").payload["QualificationRequirements"]
    assert [requirement["Comparator"] for requirement in requirements] == ["GreaterThanOrEqualTo", "DoesNotExist"]
    assert MarketplaceHIT.objects.get().external_id


def test_status_tells_progress_money_and_the_wage(paid):
    out, _ = said("marketplace", "status", paid.marketplace_hit.terms.batch_id)
    assert "1 created, 1 finished" in out
    assert "1 offered, 1 confirmed" in out
    assert "$0.12" in out
    assert "per hour (median of 1)" in out
    assert paid.external_id not in out


def test_status_lists_the_assignments_where_that_is_asked_for(paid):
    out, _ = said("marketplace", "status", paid.marketplace_hit.terms.batch_id, "--assignments")
    assert f"{paid.external_id}  approved   confirmed" in out


def test_a_batch_that_is_not_published_is_named_with_the_way_to_do_it():
    batch = grids_to_publish(1)
    assert f"./manage publish {batch.pk}" in refusal("marketplace", "status", batch.pk)


def test_the_ledger_is_printed_row_by_row_with_its_sums(paid):
    out, err = said("marketplace", "ledger", paid.marketplace_hit.terms.batch_id)
    assert [line.split()[-2:] for line in out.splitlines()] == [["reward", "$0.10"], ["reward_fee", "$0.02"]]
    assert "total       $0.12" in err


def test_a_bonus_is_paid_by_command(paid):
    said("marketplace", "bonus", paid.external_id, "--amount", "0.25", "--reason", "For your care.")
    send_until_quiet()
    assert dict(LedgerEntry.objects.values_list("kind", "amount"))["bonus"] == Decimal("0.25")


def test_a_bonus_over_the_cap_is_refused_and_the_cap_can_be_raised(paid):
    words = ("marketplace", "bonus", paid.external_id, "--amount", "5.00", "--reason", "For your care.")
    assert "spending cap" in refusal(*words)
    said("marketplace", "extend", paid.marketplace_hit.terms.batch_id, "--cap", "20")
    said(*words)
    send_until_quiet()
    assert LedgerEntry.objects.filter(kind="bonus", amount=Decimal("5.00")).exists()


def test_who_worked_and_could_not_hand_in_is_paid_by_a_hit_that_only_they_see(marketplace):  # noqa: F811
    terms = published_by_command(1, 1, "--cap", "2")
    worker = marketplace.worker()
    assignment = marketplace.accept(worker, hits_of(terms)[0].external_id)
    opened_in_frame(worker_client(), page_of(hits_of(terms)[0], assignment, worker))
    marketplace.ask("return", worker=worker, assignment=assignment)
    name = pseudonym(terms.batch.dataset, Worker.objects.get().pk)
    assert "--returned" in refusal("marketplace", "compensate", terms.batch_id, name), "they may still hand it in"
    said("marketplace", "compensate", terms.batch_id, name, "--returned")
    assert "paid or compensated" in refusal("marketplace", "compensate", terms.batch_id, name)
    send_until_quiet()
    marketplace_hit = MarketplaceHIT.objects.exclude(compensates=None).get()
    assert "refused" in marketplace.ask("accept", worker=marketplace.worker(), hit=marketplace_hit.external_id)
    assignment = marketplace.accept(worker, marketplace_hit.external_id)
    ids = {"assignmentId": assignment, "hitId": marketplace_hit.external_id, "workerId": worker}
    page = worker_client().get(f"/compensation/{marketplace_hit.public_id}/", ids)
    assert f'name="assignmentId" value="{assignment}"' in page.content.decode()
    assert worker_client().get(f"/compensation/{marketplace_hit.public_id}/").status_code == 200
    marketplace.submit(assignment, compensation=marketplace_hit.public_id)
    settle()
    listed = ListedAssignment.objects.get()
    assert (listed.finding, listed.status) == ("compensation", "approved")
    assert LedgerEntry.objects.get(kind="reward").amount == Decimal("0.10")
    assert MarketplaceHIT.objects.filter(compensates=None).count() == 1


def test_a_batch_is_extended_and_ended_by_command(marketplace):  # noqa: F811
    terms = published_by_command()
    said("marketplace", "extend", terms.batch_id, "--days", "3")
    send_until_quiet()
    marketplace_hit = MarketplaceHIT.objects.get()
    assert (marketplace_hit.expires_at - terms.expires_at).days in (2, 3)
    said("marketplace", "expire", terms.batch_id)
    send_until_quiet()
    assert "refused" in marketplace.ask("accept", worker=marketplace.worker(), hit=marketplace_hit.external_id)


def test_reconciling_takes_in_what_came_and_sends_what_waits(marketplace):  # noqa: F811
    terms = published_by_command(1, 1)
    work(marketplace, hits_of(terms)[0])
    out, _ = said("marketplace", "reconcile", "--failed")
    assert "1 HIT was polled." in out
    assert ListedAssignment.objects.get().status == "approved"


def test_a_rejection_by_command_needs_a_researcher_and_obeys_the_limit(paid):
    words = ("marketplace", "reject", paid.external_id, "--reason", "It is empty.", "--by")
    assert "has the login “nobody”" in refusal(*words, "nobody")
    dataset = paid.marketplace_hit.terms.batch.dataset
    for person in (make_member(dataset, Role.READER), make_member(make_dataset(), Role.OWNER)):
        assert "has the login" in refusal(*words, person.username)
    for person in (researcher(), make_member(dataset, Role.RESEARCHER)):
        assert "is already approved" in refusal(*words, person.username)
    assert "has no rejection to reverse" in refusal(
        "marketplace", "override", paid.external_id, "--reason", "x", "--by", "nobody"
    )


def test_a_worker_is_blocked_softly_by_pseudonym(paid):
    dataset = paid.marketplace_hit.terms.batch.dataset
    said("marketplace", "block", pseudonym(dataset, paid.worker_id), "--dataset", dataset.name)
    send_until_quiet()
    assert Call.objects.get(op="AssociateQualificationWithWorker").state == "done"
    assert "No worker “0123”" in refusal("marketplace", "block", "0123", "--dataset", dataset.name)


def test_the_workers_of_a_batch_are_written_to(paid):
    batch = paid.marketplace_hit.terms.batch_id
    out, _ = said("marketplace", "notify", batch, "--subject", "Thank you", "--text", "It goes on next week.")
    assert out == "The message is being sent to 1 worker.\n"
    assert Worker.objects.count() == 1


def test_an_assignment_nobody_listed_is_named():
    assert "There is no submitted assignment “3ABC”" in refusal(
        "marketplace", "bonus", "3ABC", "--amount", "1", "--reason", "For your care."
    )


def test_a_batch_with_a_person_at_work_is_not_published(marketplace):  # noqa: F811
    batch = grids_to_publish(1)
    make_lease(batch)
    assert "through its link" in refusal("publish", batch.pk, "--reward", "0.10", "--yes")
