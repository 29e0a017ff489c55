"""Many people at once, on a real Postgres. (T3 and T6 of the reliability scenarios; SOAK=1 for full length.)

Every hand-out is written down with the time before and after it. `false_no_work` then replays the record: whoever
was told "no work" is checked against every slot that was free during the whole of that call.
"""

import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pytest
from django.db import connection
from django.db.models import Count, F
from django.utils import timezone

from aggregation.actions import aggregate, aggregate_new_submissions, forget
from catalog.models import Image
from classify_task.actions import classify_batch, open_forms, record_vote
from contains_task.models import ContainsVote
from tests.factories import (
    make_batch,
    make_dataset,
    make_form,
    make_grid,
    make_hits,
    make_images,
    make_lease,
    make_worker,
    tick_images,
    unique,
)
from tests.required import require
from tests.threads import PATIENCE_SECONDS, in_threads, started, waits, while_another_has_done
from workforce.actions import (
    AlreadySubmitted,
    BatchClosed,
    close_batch,
    expire_leases,
    identify_worker,
    publish_hits,
    submit,
    take_lease,
)
from workforce.models import HIT, Batch, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import not_aggregated

pytestmark = pytest.mark.django_db(transaction=True)

SOAK = bool(os.environ.get("SOAK"))
THREADS = 64
HAND_OUTS = 10_000 if SOAK else 300
EXPIRING_HAND_OUTS = 4_000 if SOAK else 150
ROUNDS = 200 if SOAK else 4
LONG_AGO = timezone.now().replace(year=2000)


@dataclass
class Record:
    """An event, with the moments just before and just after."""

    leased: dict[int, list[tuple[float, float, int]]] = field(default_factory=lambda: defaultdict(list))
    freed: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    no_work: list[tuple[int, float, float]] = field(default_factory=list)
    hit_of: dict[int, int] = field(default_factory=dict)

    def take(self, batch: Batch, worker: Worker) -> Lease | None:
        begin = time.monotonic()
        lease = take_lease(batch=batch, worker=worker)
        end = time.monotonic()
        if lease is None:
            self.no_work.append((worker.pk, begin, end))
        else:
            self.leased[require(lease.slot_id)].append((begin, end, worker.pk))
        return lease


def false_no_work(record: Record) -> list[tuple[int, int]]:
    """(worker, slot) of each "no work" during all of which a slot was free in a HIT that this person never had."""
    hits_of = defaultdict(set)
    for slot, taken in record.leased.items():
        for _, _, worker in taken:
            hits_of[worker].add(record.hit_of[slot])
    return [
        (worker, slot)
        for worker, begin, end in record.no_work
        for slot, hit in record.hit_of.items()
        if hit not in hits_of[worker] and free_throughout(record, slot, begin, end)
    ]


def free_throughout(record: Record, slot: int, begin: float, end: float) -> bool:
    """Surely free from `begin` to `end`: returned last before that, and no hand-out of it had begun by then."""
    taken = [start for start, _, _ in record.leased[slot] if start < end]
    returned = [done for _, done in record.freed[slot] if done < begin]
    return not taken or bool(returned) and max(returned) > max(taken)


def hand_in(lease: Lease) -> Submission:
    return submit(lease=lease, answer={"selected": []}, idempotency_key=lease.public_id)[0]


def all_ask(batch: Batch, workers: list[Worker]) -> list[Lease | None]:
    return in_threads(len(workers), lambda number: take_lease(batch=batch, worker=workers[number]))


def identify(name: str, _: int) -> int:
    return identify_worker(marketplace="link", external_id=name).pk


def fresh_record(batch: Batch) -> Record:
    return Record(hit_of=dict(Slot.objects.filter(batch=batch).values_list("id", "hit_id")))


def check_books(batch: Batch) -> None:
    """Check the invariants of the tables."""
    twice = Submission.objects.filter(hit__batch=batch).values("hit", "worker").annotate(n=Count("id")).filter(n__gt=1)
    assert not twice.exists(), "somebody answered a HIT twice"
    confirmed = Submission.objects.filter(hit__batch=batch, state="confirmed")
    assert confirmed.count() == Slot.objects.filter(batch=batch, state="filled").count()
    assert not confirmed.exclude(slot__hit=F("hit")).exists(), "an answer fills a slot of another HIT"
    active = Lease.objects.filter(batch=batch, state="active")
    assert active.count() == Slot.objects.filter(batch=batch, state="leased").count()
    assert active.filter(slot__state="leased", slot__hit=F("hit")).count() == active.count()


def test_the_checker_finds_a_no_work_that_was_not_true():
    record = Record(hit_of={1: 10, 2: 20})
    record.leased[1] = [(1.0, 2.0, 7)]
    record.no_work = [(7, 3.0, 4.0)]
    assert false_no_work(record) == [(7, 2)]
    record.leased[2] = [(3.5, 5.0, 8)]
    assert false_no_work(record) == []
    record.no_work = [(9, 8.0, 9.0)]
    assert false_no_work(record) == []
    record.freed[2] = [(6.0, 7.0)]
    assert false_no_work(record) == [(9, 2)]


def test_64_threads_hand_out_every_slot_once_and_nobody_hears_no_work_while_there_is_some():
    n_hits = HAND_OUTS // 5
    batch = make_hits(n_hits, 5)[0].batch
    workers = [make_worker() for _ in range(60)]
    record = fresh_record(batch)

    def work(number: int) -> None:
        # 64 tabs of 60 people: four have the study open twice.
        while (lease := record.take(batch, workers[number % 60])) is not None:
            hand_in(lease)

    in_threads(THREADS, work)
    assert Slot.objects.filter(batch=batch, state="filled").count() == n_hits * 5
    assert Lease.objects.filter(batch=batch).count() == n_hits * 5
    people = HIT.objects.filter(batch=batch).annotate(n_people=Count("leases__worker", distinct=True))
    assert set(people.values_list("n_people", flat=True)) == {5}
    # A slot appears twice in the record only where both tabs of one person were given the same lease.
    assert all(len({worker for _, _, worker in taken}) == 1 for taken in record.leased.values())
    assert false_no_work(record) == []
    check_books(batch)


def test_hand_outs_submissions_and_expiries_at_once_keep_the_books_right():
    n_hits = EXPIRING_HAND_OUTS // 5
    batch = make_hits(n_hits, 5)[0].batch
    workers = [make_worker() for _ in range(30)]
    record, stop = fresh_record(batch), threading.Event()

    def work(number: int) -> None:
        chance = random.Random(number)
        while (lease := record.take(batch, workers[number % 30])) is not None:
            fate = chance.random()
            if fate < 0.2:
                # Gone without a word: the lease is over, and a sweep or a hand-out takes the slot back.
                Lease.objects.filter(pk=lease.pk, state="active").update(expires_at=LONG_AGO)
            if fate > 0.1:
                hand_in(lease)

    def sweep() -> None:
        while not stop.is_set():
            expire_leases()
        connection.close()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        in_threads(32, work)
    finally:
        stop.set()
        sweeper.join()
    check_books(batch)
    assert Slot.objects.filter(batch=batch, state="filled").count() == n_hits * 5
    assert Submission.objects.filter(hit__batch=batch).exclude(state__in=["confirmed", "surplus"]).count() == 0
    assert false_no_work(record) == []


def test_of_16_people_at_the_last_16_slots_nobody_goes_without():
    for _ in range(ROUNDS):
        batch = make_hits(4, 4)[0].batch
        workers = [make_worker() for _ in range(16)]
        leases = all_ask(batch, workers)
        assert None not in leases
        assert len({require(lease).slot_id for lease in leases}) == 16
        assert set(Counter(require(lease).hit_id for lease in leases).values()) == {4}


def test_of_16_people_at_3_slots_three_get_one_and_thirteen_none():
    for _ in range(ROUNDS):
        batch = make_hits(1, 3)[0].batch
        workers = [make_worker() for _ in range(16)]
        leases = all_ask(batch, workers)
        active_leases = [lease for lease in leases if lease is not None]
        assert len(active_leases) == len({lease.slot_id for lease in active_leases}) == 3


def test_16_people_at_16_slots_that_all_just_ran_out_all_get_one():
    for _ in range(ROUNDS):
        batch = make_hits(4, 4)[0].batch
        for _ in range(16):
            make_lease(batch)
        Lease.objects.filter(batch=batch).update(expires_at=LONG_AGO)
        workers = [make_worker() for _ in range(16)]
        leases = all_ask(batch, workers)
        assert None not in leases
        check_books(batch)


def test_a_slot_that_another_only_looked_at_is_waited_for_and_got():
    (hit,) = make_hits(1, 1)
    worker = make_worker()
    slot = Slot.objects.select_for_update()
    ask = partial(take_lease, batch=hit.batch, worker=worker)
    with while_another_has_done(lambda: slot.get(hit=hit)) as other, started(ask) as asked:
        assert waits(asked)
        other.end(commit=False)
        assert asked.result(PATIENCE_SECONDS).hit_id == hit.pk


def test_a_slot_that_another_takes_meanwhile_is_waited_for_and_then_there_is_none():
    (hit,) = make_hits(1, 1)
    first, second = make_worker(), make_worker()
    take, ask = (partial(take_lease, batch=hit.batch, worker=worker) for worker in (first, second))
    with while_another_has_done(take) as other, started(ask) as asked:
        assert waits(asked)
        other.end(commit=True)
        assert asked.result(PATIENCE_SECONDS) is None


def test_slots_that_another_is_just_giving_back_are_waited_for():
    (hit,) = make_hits(1, 1)
    make_lease(hit.batch)
    Lease.objects.update(expires_at=LONG_AGO)
    worker = make_worker()
    ask = partial(take_lease, batch=hit.batch, worker=worker)
    with while_another_has_done(expire_leases) as other, started(ask) as asked:
        assert waits(asked)
        other.end(commit=True)
        assert asked.result(PATIENCE_SECONDS).hit_id == hit.pk


def test_an_answer_that_meets_the_sweep_of_its_own_lease_fills_the_slot_that_became_free():
    (hit,) = make_hits(1, 1)
    lease = make_lease(hit.batch)
    Lease.objects.update(expires_at=LONG_AGO)
    with while_another_has_done(expire_leases) as other, started(lambda: hand_in(lease)) as sent:
        assert waits(sent)
        other.end(commit=True)
        assert sent.result(PATIENCE_SECONDS).state == Submission.State.CONFIRMED
    check_books(hit.batch)


def test_two_tabs_opened_at_once_get_the_same_hit():
    for _ in range(ROUNDS):
        batch = make_hits(8, 2)[0].batch
        worker = make_worker()
        leases = all_ask(batch, [worker] * 8)
        assert len({require(lease).pk for lease in leases}) == 1


def test_a_new_person_with_many_tabs_is_one_worker():
    for _ in range(ROUNDS):
        name = unique("newcomer")
        workers = in_threads(8, partial(identify, name))
        assert len(set(workers)) == 1
        assert WorkerIdentity.objects.filter(external_id=name).count() == 1
    assert Worker.objects.count() == ROUNDS


def tick(lease: Lease, ticked: list[str], _: int) -> Submission:
    return tick_images(lease=lease, selected=ticked, idempotency_key="k" + lease.public_id)


def test_an_answer_sent_three_times_at_once_is_one_submission_and_three_equal_replies():
    for _ in range(ROUNDS):
        grid = make_grid(n_images=3, n_slots=2)
        lease = make_lease(grid.hit.batch)
        ticked = [require(grid.cells.first()).image.public_id]
        replies = in_threads(3, partial(tick, lease, ticked))
        assert len({(reply.pk, str(reply.answer), reply.state, reply.submitted_at) for reply in replies}) == 1
        assert Submission.objects.filter(lease=lease).count() == 1
        assert ContainsVote.objects.filter(submission__lease=lease).count() == 3


def answer_with(lease: Lease, number: int) -> str:
    try:
        stored, _ = submit(lease=lease, answer={"selected": [number]}, idempotency_key=f"{number}{lease.public_id}")
    except AlreadySubmitted:
        return "refused"
    return str(stored.answer)


def test_of_two_different_answers_at_once_one_is_stored_and_the_other_refused():
    for _ in range(ROUNDS):
        batch = make_batch(make_dataset())
        (hit,) = make_hits(1, 2, batch=batch)
        outcomes = in_threads(2, partial(answer_with, make_lease(batch)))
        assert outcomes.count("refused") == 1
        assert str(Submission.objects.get(hit=hit).answer) in outcomes


def test_a_batch_that_is_being_closed_takes_no_further_hits():
    batch = make_batch()
    close, publish = partial(close_batch, batch=batch), partial(publish_hits, batch=batch, n_hits=1, n_slots=1)
    with while_another_has_done(close) as other, started(publish) as published:
        assert waits(published)
        other.end(commit=True)
        assert isinstance(published.exception(PATIENCE_SECONDS), BatchClosed)
    assert not HIT.objects.exists()


def test_hits_that_are_being_added_are_closed_with_their_batch():
    batch = make_batch()
    publish, close = partial(publish_hits, batch=batch, n_hits=2, n_slots=1), partial(close_batch, batch=batch)
    with while_another_has_done(publish) as other, started(close) as closed:
        assert waits(closed)
        other.end(commit=True)
        closed.result(PATIENCE_SECONDS)
    assert HIT.objects.exclude(closed_at=None).count() == 2


def image_waiting_for_its_form() -> Image:
    """An image whose answers lead to a form, of a dataset that has an answered form in its CLASSIFY batch already."""
    dataset = make_dataset(contains_answers=1, classify_answers=1, min_shown=1)
    ready, image = make_images(dataset, 2)
    form = make_form(labels=(0, 1), image=ready)
    record_vote(lease=make_lease(form.hit.batch), selected=[0], main=0, idempotency_key=unique("key"))
    for label in (0, 1):
        lease = make_lease(make_grid(images=[image], label=label).hit.batch)
        tick_images(lease=lease, selected=[image.public_id], idempotency_key=unique("key"))
    return image


def test_a_batch_closed_during_a_pass_that_adds_forms_to_it_is_closed_with_them_and_neither_fails():
    image = image_waiting_for_its_form()
    batch = Batch.objects.get(kind="classify")
    closing = []

    def close_meanwhile(execute, sql, params, many, context):
        # The pass has locked the submissions by now, and not yet the batch.
        if "INSERT INTO aggregation_selectionfrequency" in sql:
            closing.append(pool.submit(close_and_let_go, batch))
            assert waits(closing[0])
        return execute(sql, params, many, context)

    with ThreadPoolExecutor(1) as pool, connection.execute_wrapper(close_meanwhile):
        assert aggregate_new_submissions(dataset=image.dataset) == 3
        closing[0].result(PATIENCE_SECONDS)
    assert image.forms.get().hit.closed_at is not None
    aggregate()
    assert [form.hit.batch_id == batch.pk for form in image.forms.order_by("id")] == [True, False]


def close_and_let_go(batch: Batch) -> None:
    try:
        close_batch(batch=batch)
    finally:
        connection.close()


def test_a_pass_that_waits_for_a_batch_that_is_being_closed_puts_its_forms_into_another():
    dataset = make_dataset(contains_answers=1, min_shown=1)
    (image,) = make_images(dataset, 1)
    grids = [make_grid(images=[image], label=label) for label in (0, 1)]
    batch = classify_batch(dataset=dataset)
    # Closed by somebody whose transaction goes on; the answers come in behind it and are not locked by it.
    with while_another_has_done(partial(close_batch, batch=batch)) as other:
        for grid in grids:
            tick_images(lease=make_lease(grid.hit.batch), selected=[image.public_id], idempotency_key=unique("key"))
        with started(partial(aggregate, dataset=dataset)) as aggregated:
            assert waits(aggregated)
            other.end(commit=True)
            assert aggregated.result(PATIENCE_SECONDS) == 2
    form = image.forms.get()
    assert (form.hit.batch_id == batch.pk, form.hit.closed_at) == (False, None)


def test_closing_a_batch_and_starting_its_dataset_anew_at_once_wait_for_each_other_and_both_happen():
    for _ in range(ROUNDS):
        batch = make_batch()
        for hit in make_hits(3, 2, batch=batch):
            for _ in range(2):
                hand_in(make_lease(hit.batch))
        close, start_anew = partial(close_batch, batch=batch), partial(forget, dataset=batch.dataset)
        acts: list[Callable[[], object]] = [close, start_anew] * 2
        in_threads(4, partial(do_one, acts))
        assert not_aggregated(batch.dataset).count() == 6


def do_one(acts: list[Callable[[], object]], number: int) -> None:
    acts[number]()


def test_a_form_that_is_just_being_handed_out_is_not_withdrawn():
    form = make_form(labels=(0, 1), n_slots=1)
    dataset, labels_by_image = form.image.dataset, {form.image_id: [0, 1, 2]}
    take = partial(take_lease, batch=form.hit.batch, worker=make_worker())
    with (
        while_another_has_done(take) as other,
        started(partial(open_forms, dataset=dataset, labels_by_image=labels_by_image)) as opened,
    ):
        assert waits(opened)
        other.end(commit=True)
        assert opened.result(PATIENCE_SECONDS) == []
    form.hit.refresh_from_db()
    assert form.hit.closed_at is None


def test_whoever_meets_the_withdrawal_of_a_form_is_given_the_one_that_replaces_it():
    form = make_form(labels=(0, 1), n_slots=1)
    dataset, labels_by_image = form.image.dataset, {form.image_id: [0, 1, 2]}
    replace = partial(open_forms, dataset=dataset, labels_by_image=labels_by_image)
    ask = partial(take_lease, batch=form.hit.batch, worker=make_worker())
    with while_another_has_done(replace) as other, started(ask) as asked:
        assert waits(asked)
        other.end(commit=True)
        assert asked.result(PATIENCE_SECONDS).hit.form.labels == [0, 1, 2]


def test_the_sweep_waits_for_nobody_and_leaves_an_answer_that_is_just_coming_in_alone():
    (hit,) = make_hits(1, 1)
    lease = make_lease(hit.batch)
    Lease.objects.update(expires_at=LONG_AGO)
    with while_another_has_done(partial(hand_in, lease)) as other, started(expire_leases) as swept:
        assert swept.result(PATIENCE_SECONDS / 4) == 0
        other.end(commit=True)
    assert Submission.objects.get().state == Submission.State.CONFIRMED
    check_books(hit.batch)
