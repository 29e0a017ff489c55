"""Keeping people from HITs: those who answered before what a HIT asks again, since a second answer cannot count, and
those whose work was poor, when a person decides so. Neither touches their account, as a block would."""

from collections.abc import Iterable

from django.db import transaction

from mturk.models import Call, Qualification, Terms
from mturk.outbox.actions import decide, withdraw
from mturk.qualifications.reads import SOFT_BLOCK, decided_for, former_workers, has_it
from workforce.models import HIT, Batch, Worker

SOFT_BLOCK_WORDS = "Workers who have this are not offered certain studies. It has no effect on anything else."
FORMER_WORDS = (
    "Workers who have this answered the same questions before. They are not asked a second time, as that answer could "
    "not be used. It has no effect on anything else, and says nothing bad."
)
ROWS_AT_ONCE = 5000


@transaction.atomic
def note_repeats(*, repeats: Iterable[tuple[int, int]]) -> int:
    """Remember which HITs (ids) ask again what which former ones asked. Twice adds nothing. Returns how many pairs."""
    through = HIT.asked_before.through
    rows = [through(from_hit_id=hit, to_hit_id=former) for hit, former in repeats]
    through.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE, ignore_conflicts=True)
    return len(rows)


# The qualification of those who answered before


@transaction.atomic
def guard_of(*, terms: Terms) -> Qualification:
    """The qualification that HITs of this batch which ask something again ask people not to have; made on first use.

    Given to all who are known to have it coming as soon as the marketplace knows it, before such a HIT is created.
    """
    terms = Terms.objects.select_for_update(of=("self",)).select_related("batch", "former_workers").get(pk=terms.pk)
    kind = terms.former_workers
    if kind is None:
        name = f"Answered these questions before ({terms.batch.public_id})"
        kind = Qualification.objects.create(name=name, description=FORMER_WORDS)
        Terms.objects.filter(pk=terms.pk).update(former_workers=kind)
    if kind.type_id:
        keep_out_former_workers(terms=terms)
    else:
        create_qualification(kind=kind, batch=terms.batch)
    return kind


@transaction.atomic
def keep_out_former_workers(*, terms: Terms) -> int:
    """Give the qualification to those who answered meanwhile, too. Returns to how many more."""
    kind = Qualification.objects.filter(terms=terms).exclude(type_id="").first()
    if kind is None:
        return 0
    lacking = former_workers(terms.batch).difference(decided_for(kind))
    people = Worker.objects.filter(pk__in=lacking).order_by("pk")
    return sum(qualify(worker=worker, kind=kind, batch=terms.batch) for worker in people)


# The qualification of those who are offered nothing more


@transaction.atomic
def soft_block() -> Qualification:
    """The qualification that keeps its holders from our HITs; blocking their accounts would hurt them elsewhere."""
    kind, _ = Qualification.objects.get_or_create(name=SOFT_BLOCK, defaults={"description": SOFT_BLOCK_WORDS})
    if not kind.type_id:
        create_qualification(kind=kind)
    return kind


@transaction.atomic
def block_softly(*, workers: Iterable[Worker]) -> int:
    """Offer these people no more HITs of ours; their accounts are not touched. Returns how many that is new for."""
    kind = soft_block()
    return sum(qualify(worker=worker, kind=kind) for worker in workers)


@transaction.atomic
def let_in_again(*, worker: Worker) -> bool:
    """Offer HITs again to somebody who was offered no more. Returns whether that was so."""
    return disqualify(worker=worker, kind=soft_block())


# Giving and taking away


@transaction.atomic
def create_qualification(*, kind: Qualification, batch: Batch | None = None) -> None:
    payload = {"Name": kind.name, "Description": kind.description, "QualificationTypeStatus": "Active"}
    decide(op="CreateQualificationType", purpose=f"qualification:{kind.pk}", payload=payload, batch=batch)


@transaction.atomic
def qualify(*, worker: Worker, kind: Qualification, batch: Batch | None = None) -> bool:
    """Give a qualification without a message to the person. Returns whether they did not have it by any decision."""
    last = _decided(worker, kind)
    if last is not None and has_it(last):
        return False
    payload = {"qualification": kind.pk, "IntegerValue": 1, "SendNotification": False}
    decide(
        op="AssociateQualificationWithWorker",
        purpose=_purpose(worker, kind),
        payload=payload,
        worker=worker,
        batch=batch,
    )
    return True


@transaction.atomic
def disqualify(*, worker: Worker, kind: Qualification) -> bool:
    """Take a qualification away, or do not give it after all. Returns whether they had it by some decision."""
    last = _decided(worker, kind)
    if last is None or not has_it(last):
        return False
    if not withdraw(purpose=last.purpose, reason="It was decided otherwise before it was sent."):
        decide(
            op="DisassociateQualificationFromWorker",
            purpose=_purpose(worker, kind),
            payload={"qualification": kind.pk},
            worker=worker,
        )
    return True


def _decided(worker: Worker, kind: Qualification) -> Call | None:
    """Two decisions about one person are one after the other."""
    Worker.objects.select_for_update(no_key=True).get(pk=worker.pk)
    return decided_for(kind, [worker.pk]).get(worker.pk)


def _purpose(worker: Worker, kind: Qualification) -> str:
    """It may be given and taken away again: each is a decision of its own."""
    prefix = f"qualify:{kind.pk}:{worker.pk}:"
    return f"{prefix}{Call.objects.filter(purpose__startswith=prefix).count() + 1}"
