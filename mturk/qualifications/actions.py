"""Qualifications that keep workers from HITs: from repeated questions, since a second answer cannot count, and, if a
researcher decides so, after poor work. Unlike a block by the marketplace, neither affects the worker's account."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from audit.actions import Area, record
from mturk.models import Call, Qualification, Terms
from mturk.outbox.actions import decide, withdraw
from mturk.qualifications.reads import SOFT_BLOCK, decided_for, former_workers, has_it
from workforce.models import HIT, Batch, Worker

SOFT_BLOCK_WORDS = gettext_lazy(
    "Workers with this qualification are not offered certain studies. It has no other effect."
)
FORMER_WORDS = gettext_lazy(
    "Workers with this qualification answered the same questions before. They are not asked "
    "again, since a second answer could not be used. It has no other effect and does not "
    "count against you."
)
ROWS_AT_ONCE = 5000


@transaction.atomic
def note_repeats(*, repeats: Iterable[tuple[int, int]]) -> int:
    """Store pairs of HITs (ids) where the first repeats questions of the second. Idempotent. Returns their number."""
    through = HIT.asked_before.through
    rows = [through(from_hit_id=hit, to_hit_id=former) for hit, former in repeats]
    through.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE, ignore_conflicts=True)
    return len(rows)


# The qualification of former workers


@transaction.atomic
def guard_of(*, terms: Terms) -> Qualification:
    """Return the qualification that keeps former workers from repeated questions of this batch; created on first use.

    As soon as the marketplace knows it, all known former workers get it, before any such HIT is created.
    """
    terms = Terms.objects.select_for_update(of=("self",)).select_related("batch", "former_workers").get(pk=terms.pk)
    kind = terms.former_workers
    if kind is None:
        name = gettext("Answered these questions before (%(batch)s)") % {"batch": terms.batch.public_id}
        kind = Qualification.objects.create(name=name, description=str(FORMER_WORDS))
        Terms.objects.filter(pk=terms.pk).update(former_workers=kind)
    if kind.type_id:
        keep_out_former_workers(terms=terms)
    else:
        create_qualification(kind=kind, batch=terms.batch)
    return kind


@transaction.atomic
def keep_out_former_workers(*, terms: Terms) -> int:
    """Give the qualification to workers who answered meanwhile. Returns the number of new holders."""
    kind = Qualification.objects.filter(terms=terms).exclude(type_id="").first()
    if kind is None:
        return 0
    lacking = former_workers(terms.batch).difference(decided_for(kind))
    people = Worker.objects.filter(pk__in=lacking).order_by("pk")
    return sum(qualify(worker=worker, kind=kind, batch=terms.batch) for worker in people)


# The qualification of blocked workers


@transaction.atomic
def soft_block() -> Qualification:
    """Return the qualification that keeps its holders from our HITs; blocking accounts would hurt them elsewhere."""
    kind, _ = Qualification.objects.get_or_create(name=SOFT_BLOCK, defaults={"description": str(SOFT_BLOCK_WORDS)})
    if not kind.type_id:
        create_qualification(kind=kind)
    return kind


@transaction.atomic
def block_softly(*, workers: Iterable[Worker]) -> int:
    """Keep workers from our HITs without affecting their accounts. Returns the number of newly blocked workers."""
    kind = soft_block()
    blocked = [worker.pk for worker in workers if qualify(worker=worker, kind=kind)]
    if blocked:
        record(area=Area.REVIEW, action="workers.block", subject=f"{len(blocked)} workers", after={"workers": blocked})
    return len(blocked)


@transaction.atomic
def let_in_again(*, worker: Worker) -> bool:
    """Lift the block of a worker. Returns whether there was one."""
    is_lifted = disqualify(worker=worker, kind=soft_block())
    if is_lifted:
        record(area=Area.REVIEW, action="worker.unblock", subject=f"worker {worker.pk}")
    return is_lifted


# Giving and taking away


@transaction.atomic
def create_qualification(*, kind: Qualification, batch: Batch | None = None) -> None:
    payload = {"Name": kind.name, "Description": kind.description, "QualificationTypeStatus": "Active"}
    decide(op="CreateQualificationType", purpose=f"qualification:{kind.pk}", payload=payload, batch=batch)


@transaction.atomic
def qualify(*, worker: Worker, kind: Qualification, batch: Batch | None = None) -> bool:
    """Give a worker a qualification without a message. Returns whether that is new."""
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
    """Take a qualification from a worker, or withdraw its assignment. Returns whether the worker had it."""
    last = _decided(worker, kind)
    if last is None or not has_it(last):
        return False
    if not withdraw(purpose=last.purpose, reason=gettext("A later decision came before this call was sent.")):
        decide(
            op="DisassociateQualificationFromWorker",
            purpose=_purpose(worker, kind),
            payload={"qualification": kind.pk},
            worker=worker,
        )
    return True


def _decided(worker: Worker, kind: Qualification) -> Call | None:
    """Lock the worker and return the last decision, so that two decisions about one worker follow each other."""
    Worker.objects.select_for_update(no_key=True).get(pk=worker.pk)
    return decided_for(kind, [worker.pk]).get(worker.pk)


def _purpose(worker: Worker, kind: Qualification) -> str:
    """Return the purpose of the next decision: giving and taking away are decisions of their own."""
    prefix = f"qualify:{kind.pk}:{worker.pk}:"
    return f"{prefix}{Call.objects.filter(purpose__startswith=prefix).count() + 1}"
