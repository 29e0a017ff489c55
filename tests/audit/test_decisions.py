"""Every decision of a person about settings, money, reviews, exports and permissions is in the record."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F

from api.actions import create_token, revoke_token
from audit.actions import NOTE_USE_EVERY
from audit.models import AuditEntry
from catalog.models import Dataset
from catalog.reads import now
from classify_task.actions import open_forms
from data_import.actions import new_study
from mturk.models import Call, ListedAssignment, Terms
from mturk.payments.actions import approve_now, give_bonus
from mturk.publishing.actions import allow_losses, move_end, raise_cap
from mturk.qualifications.actions import block_softly, let_in_again
from mturk.rejections.actions import override_rejection, reject
from studies.exclusions.actions import exclude, exclude_person, lift_exclusion, lift_exclusions
from studies.opening.actions import Pay, open_classify, open_pairs
from studies.settings.actions import new_settings
from tests.factories import (
    make_batch,
    make_dataset,
    make_grid,
    make_images,
    make_lease,
    make_worker,
    staff_client,
    tick_images,
    unique,
)
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.test_rejections import listed_assignments
from workforce.actions import close_batch
from workforce.exclusions.actions import exclude_at_once, lift_step
from workforce.introductions.actions import introduce
from workforce.models import Submission
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db
REASON = "Nothing was looked at."
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def work_of_somebody() -> tuple[Dataset, int, str]:
    """Return the dataset of a submission, its number, and its worker's pseudonym."""
    lease = make_lease(make_grid().hit.batch)
    submission = tick_images(lease=lease, selected=[], idempotency_key=unique("key-of-a-page"))
    dataset = lease.batch.dataset
    return dataset, submission.pk, pseudonym(dataset, lease.worker_id)


def exclude_and_lift() -> None:
    number = work_of_somebody()[1]
    exclude(number=number, reason=REASON)
    lift_exclusion(number=number)


def exclude_and_lift_a_person() -> None:
    dataset, _, worker = work_of_somebody()
    exclude_person(dataset=dataset, worker=worker, reason=REASON)
    lift_exclusions(dataset=dataset, worker=worker)


def exclude_and_readmit_many() -> None:
    number = work_of_somebody()[1]
    exclude_at_once(submissions=Submission.objects.filter(pk=number), reason=REASON, step="a step")
    lift_step(step="a step")


def decide_about_pay() -> None:
    listed = listed_assignments(60)
    rejection = reject(listed=listed[0], reason=REASON, decided_by=researcher())
    override_rejection(rejection=rejection, reason="A mistake", overridden_by=researcher())
    give_bonus(listed=listed[1], amount=Decimal("0.05"), reason="Careful")
    waiting = {"op": "ApproveAssignment", "purpose": f"approve:{listed[2].pk}", "payload": {}}
    Call.objects.filter(purpose=waiting["purpose"]).delete()
    Call.objects.create(batch=listed[2].marketplace_hit.hit.batch, next_try=FAR, **waiting)
    approve_now(listed=ListedAssignment.objects.filter(pk=listed[2].pk))


def open_batches_and_a_dataset() -> None:
    dataset = new_study(name=unique("study"), label_set=make_dataset().label_set)
    (image,) = make_images(dataset, 1)
    label = dataset.label_set.labels.all()[0]
    open_pairs(dataset=dataset, pairs=[(image, label)], pay=Pay())
    open_pairs(dataset=dataset, pairs=[(image, label)], pay=Pay())
    open_classify(dataset=dataset, pay=Pay())
    open_classify(dataset=dataset, pay=Pay())
    open_forms(dataset=dataset, labels_by_image={image.pk: [0, 1]})


def open_forms_in_a_new_batch() -> None:
    images = make_images(make_dataset(), 2)
    for image in images:
        open_forms(dataset=image.dataset, labels_by_image={image.pk: [0, 1]})


def change_an_offer() -> None:
    terms = Terms.objects.get(pk=listed_assignments(1)[0].marketplace_hit.terms_id)
    raise_cap(terms=terms, spending_cap=Decimal("2000"))
    allow_losses(terms=terms, per_hit=3)
    move_end(terms=terms, expires_at=now())


def block_and_let_in() -> None:
    worker = make_worker(marketplace="mturk")
    block_softly(workers=[worker])
    let_in_again(worker=worker)


def make_and_revoke_a_token() -> None:
    token, _ = create_token(name=unique("token"), dataset=make_dataset())
    revoke_token(token=token)


DECISIONS: dict[Callable[[], object], list[tuple[str, str]]] = {
    exclude_and_lift: [("review", "submission.exclude"), ("review", "submission.readmit")],
    exclude_and_lift_a_person: [("review", "submission.exclude"), ("review", "submission.readmit")],
    exclude_and_readmit_many: [("review", "submissions.exclude"), ("review", "submissions.readmit")],
    decide_about_pay: [
        ("review", "assignment.reject"),
        ("review", "rejection.reverse"),
        ("money", "bonus.pay"),
        ("money", "assignments.approve"),
    ],
    open_batches_and_a_dataset: [("config", "dataset.create"), ("config", "batch.open"), ("config", "batch.open")],
    open_forms_in_a_new_batch: [("config", "batch.open")],
    change_an_offer: [("money", "offer.cap"), ("money", "offer.losses"), ("money", "offer.end")],
    block_and_let_in: [("review", "workers.block"), ("review", "worker.unblock")],
    make_and_revoke_a_token: [("permission", "token.create"), ("permission", "token.revoke")],
}


@pytest.mark.parametrize("decide", DECISIONS, ids=lambda decide: decide.__name__)
def test_what_people_decide_is_recorded(decide):
    decide()
    assert list(AuditEntry.objects.order_by("pk").values_list("area", "action")) == DECISIONS[decide]


def test_figures_are_recorded_as_they_were_and_are():
    dataset = make_dataset(contains_answers=5)
    new_settings(dataset=dataset, figures={"contains_answers": "7"})
    new_settings(dataset=dataset, figures={"contains_answers": "7"})
    introduce(dataset=dataset, fields={"requester_name": "The lab"})
    close_batch(batch=make_batch(dataset))
    settings, introduction, batch = AuditEntry.objects.order_by("pk")
    assert (settings.before, settings.after) == ({"contains_answers": "5"}, {"contains_answers": "7"})
    assert (introduction.before, introduction.after) == (None, {"requester_name": "The lab"})
    assert batch.action == "batch.close" and dataset.name in batch.subject


def test_reasons_are_recorded_and_no_key_or_worker_of_a_marketplace_is():
    _, key = create_token(name="reader")
    listed = listed_assignments(60)
    reject(listed=listed[0], reason=REASON, decided_by=researcher())
    entries = [str(vars(entry)) for entry in AuditEntry.objects.all()]
    assert any(REASON in entry for entry in entries)
    assert not any(key in entry or key[9:] in entry for entry in entries)
    worker = listed[0].worker.identity.external_id
    assert not any(worker in entry for entry in entries)


def test_assignments_are_named_by_numbers_of_the_site_alone():
    listed = listed_assignments(60)
    rejection = reject(listed=listed[0], reason=REASON, decided_by=researcher())
    override_rejection(rejection=rejection, reason="A mistake", overridden_by=researcher())
    give_bonus(listed=listed[1], amount=Decimal("0.05"), reason="Careful")
    subjects = [entry.subject for entry in AuditEntry.objects.order_by("pk") if entry.subject.startswith("assignment")]
    assert subjects == [f"assignment {row.pk}" for row in (listed[0], listed[0], listed[1])]
    entries = [str(vars(entry)) for entry in AuditEntry.objects.all()]
    assert not any(row.external_id in entry for row in listed for entry in entries)


def test_a_decision_that_fails_is_not_recorded():
    number = work_of_somebody()[1]
    exclude(number=number, reason=REASON)
    with pytest.raises(Exception, match="already excluded"):
        exclude(number=number, reason=REASON)
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_export_is_recorded_by_the_command_and_by_the_page():
    dataset = make_dataset()
    call_command("export", "annotations", dataset=dataset.name, format="csv", stdout=StringIO())
    page = staff_client().get(f"/setup/rows/annotations/csv/{dataset.name}/")
    assert page.status_code == 200 and b"".join(page)
    assert [entry.action for entry in AuditEntry.objects.all()] == ["rows.export"] * 2


@pytest.mark.django_db(transaction=True)
def test_a_download_is_recorded_once_a_minute_for_each_person_and_file_and_a_look_at_its_head_never():
    dataset, rosa, other = make_dataset(), staff_client(), staff_client()
    page = f"/setup/rows/annotations/csv/{dataset.name}/"
    assert rosa.head(page).status_code == 200 and not AuditEntry.objects.exists()
    for client, address in (
        (rosa, page),
        (other, page),
        (rosa, page.replace("csv", "jsonl")),
        (rosa, f"{page}?names=1"),
    ):
        for _ in range(3):
            assert client.get(address).status_code == 200
    assert AuditEntry.objects.count() == 4
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        AuditEntry.objects.update(at=F("at") - NOTE_USE_EVERY)
    rosa.get(page)
    assert AuditEntry.objects.count() == 5
