"""Assignment of HITs to workers, and its end."""

import pytest
from django.db import connection

from catalog.actions import change_settings
from tests.factories import make_batch, make_dataset, make_hits, make_lease, make_worker, unique
from tests.required import require
from workforce.actions import (
    BatchClosed,
    close_batch,
    expire_leases,
    identify_worker,
    mark_aggregated,
    open_batch,
    publish_hits,
    submit,
    take_lease,
    withdraw_hits,
)
from workforce.models import Batch, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import has_work_for, hits_with_open_slots, n_done, not_aggregated
from workforce.replacements.actions import add_slots
from workforce.slot_search import FREE_FOR_STRANGER

pytestmark = pytest.mark.django_db


def do(lease: Lease) -> Submission:
    return submit(lease=lease, answer={"selected": []}, idempotency_key=unique("key"))[0]


def test_a_person_coming_back_gets_the_same_hit_with_the_same_lease():
    hit, _ = make_hits(2, 2)
    worker = make_worker()
    first, again = make_lease(hit.batch, worker), make_lease(hit.batch, worker)
    assert first.pk == again.pk
    assert first.public_id == again.public_id
    assert Slot.objects.filter(state="leased").count() == 1


def test_two_people_work_on_the_first_hit_until_its_slots_are_taken():
    first, second = make_hits(2, 2)
    leases = [make_lease(first.batch) for _ in range(3)]
    assert [lease.hit_id for lease in leases] == [first.pk, first.pk, second.pk]
    assert len({lease.slot_id for lease in leases}) == 3


def test_nobody_gets_a_hit_a_second_time_after_handing_it_in():
    hit, other = make_hits(2, 3)
    worker = make_worker()
    done = make_lease(hit.batch, worker)
    do(done)
    following = make_lease(hit.batch, worker)
    assert {done.hit_id, following.hit_id} == {hit.pk, other.pk}
    do(following)
    assert take_lease(batch=hit.batch, worker=worker) is None
    assert Slot.objects.filter(state="free").count() == 4


def test_there_is_no_work_once_every_slot_is_taken():
    (hit,) = make_hits(1, 1)
    make_lease(hit.batch)
    assert take_lease(batch=hit.batch, worker=make_worker()) is None


def test_a_batch_without_hits_has_no_work():
    assert take_lease(batch=make_batch(), worker=make_worker()) is None


def test_work_of_another_batch_is_not_handed_out():
    make_hits(3, 3)
    mine = make_batch()
    assert take_lease(batch=mine, worker=make_worker()) is None


def test_a_person_may_hold_one_hit_in_each_of_two_batches():
    (first,), (second,) = make_hits(), make_hits()
    worker = make_worker()
    assert {make_lease(first.batch, worker).hit_id, make_lease(second.batch, worker).hit_id} == {first.pk, second.pk}


def test_nothing_is_handed_out_of_a_closed_batch_and_the_message_says_so():
    (hit,) = make_hits()
    closed = close_batch(batch=hit.batch)
    with pytest.raises(BatchClosed, match="no longer accepts answers"):
        take_lease(batch=closed, worker=make_worker())
    assert not Lease.objects.exists()


def test_closing_a_batch_keeps_what_is_in_peoples_hands_and_takes_it_in():
    (hit,) = make_hits(1, 2)
    lease = make_lease(hit.batch)
    close_batch(batch=hit.batch)
    assert do(lease).state == Submission.State.CONFIRMED


def test_closing_a_batch_has_its_submissions_aggregated_again_and_waits_for_no_further_answer():
    (hit,) = make_hits(1, 2)
    submission = do(make_lease(hit.batch))
    Submission.objects.update(aggregated_at=submission.submitted_at)
    assert hit in hits_with_open_slots()
    closed = close_batch(batch=hit.batch)
    submission.refresh_from_db()
    assert submission.aggregated_at is None
    assert closed.closed_at is not None
    assert hit not in hits_with_open_slots()


def test_closing_a_batch_has_the_other_batches_of_its_dataset_aggregated_again_too_and_no_other_dataset():
    batch = make_batch()
    (mine,), (other,) = make_hits(batch=make_batch(batch.dataset)), make_hits()
    submissions = [do(make_lease(hit.batch)) for hit in (mine, other)]
    mark_aggregated(submission_ids=[submission.pk for submission in submissions])
    close_batch(batch=batch)
    assert list(not_aggregated()) == submissions[:1]


def test_hits_that_nobody_was_given_can_be_withdrawn_and_all_others_stay():
    batch = make_batch()
    hits = make_hits(4, 2, batch=batch)
    done, held, given_back = (make_lease(batch, worker) for worker in [make_worker() for _ in range(3)])
    assert {done.hit_id, held.hit_id, given_back.hit_id} == {hits[0].pk, hits[1].pk}
    do(done)
    Lease.objects.filter(pk=given_back.pk).update(expires_at=given_back.created_at)
    expire_leases()
    assert withdraw_hits(hit_ids=[hit.pk for hit in hits[:3]]) == {hits[2].pk}
    assert withdraw_hits(hit_ids=[hits[2].pk]) == withdraw_hits(hit_ids=[]) == set()
    hits[2].refresh_from_db()
    assert hits[2].closed_at is not None
    assert set(hits[2].slots.values_list("state", flat=True)) == {"withdrawn"}
    worker = make_worker()
    handed_out = []
    while (lease := take_lease(batch=batch, worker=worker)) is not None:
        do(lease)
        handed_out.append(lease.hit_id)
    assert handed_out == [hits[1].pk, hits[3].pk]


def test_closing_a_batch_twice_keeps_the_first_moment():
    batch = make_batch()
    first = close_batch(batch=batch).closed_at
    assert close_batch(batch=batch).closed_at == first


def test_a_closed_batch_takes_no_further_hits_even_through_an_old_copy_of_it():
    batch = make_batch()
    old = Batch.objects.get(pk=batch.pk)
    close_batch(batch=batch)
    with pytest.raises(BatchClosed, match="Open a new batch"):
        publish_hits(batch=old, n_hits=1, n_slots=1)
    assert not batch.hits.exists()


def test_after_hits_per_worker_a_person_gets_no_more_and_others_still_do():
    batch = make_batch(hits_per_worker=2)
    make_hits(3, 1, batch=batch)
    worker = make_worker()
    for _ in range(2):
        do(make_lease(batch, worker))
    assert n_done(batch, worker.pk) == 2
    assert take_lease(batch=batch, worker=worker) is None
    assert make_lease(batch, make_worker())


def test_a_hit_in_hand_does_not_count_towards_hits_per_worker_before_it_is_handed_in():
    batch = make_batch(hits_per_worker=1)
    make_hits(2, 1, batch=batch)
    worker = make_worker()
    held = make_lease(batch, worker)
    assert make_lease(batch, worker).pk == held.pk


def test_further_slots_are_handed_out_to_people_who_have_not_had_the_hit():
    (hit,) = make_hits(1, 1)
    worker = make_worker()
    do(make_lease(hit.batch, worker))
    assert not has_work_for(hit.batch, make_worker())
    add_slots(hit=hit, n_slots=2)
    assert has_work_for(hit.batch, make_worker())
    assert take_lease(batch=hit.batch, worker=worker) is None
    assert {require(make_lease(hit.batch).slot).number for _ in range(2)} == {1, 2}


def test_a_lease_lasts_as_long_as_the_settings_of_its_batch_say():
    batch = make_batch(make_dataset(lease_seconds=90))
    make_hits(batch=batch)
    lease = make_lease(batch)
    assert (lease.expires_at - lease.created_at).total_seconds() == 90


def test_a_batch_keeps_the_settings_it_was_opened_under():
    dataset = make_dataset(lease_seconds=90)
    old = make_batch(dataset)
    change_settings(dataset=dataset, lease_seconds=600)
    assert (old.settings.version, make_batch(dataset).settings.version) == (1, 2)
    make_hits(batch=old)
    submission = do(make_lease(old))
    assert submission.settings.version == 1


def test_a_batch_can_be_opened_under_a_chosen_settings_version():
    dataset = make_dataset()
    first = dataset.settings_versions.get()
    change_settings(dataset=dataset, images_per_grid=12)
    assert open_batch(dataset=dataset, kind="contains", settings=first).settings == first


def test_the_same_id_is_the_same_worker_and_another_marketplaces_id_is_not():
    first = identify_worker(marketplace="link", external_id="5f3c")
    assert identify_worker(marketplace="link", external_id="5f3c") == first
    assert identify_worker(marketplace="replay", external_id="5f3c") != first
    assert (Worker.objects.count(), WorkerIdentity.objects.count()) == (2, 2)


def test_the_next_free_slot_of_a_long_used_batch_is_found_without_reading_the_filled_ones():
    (hit,) = make_hits(1, 1)
    filled = make_hits(3000, 1, batch=hit.batch)
    Slot.objects.filter(hit__in=filled).update(state=Slot.State.FILLED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workforce_slot")
        key = {"batch": hit.batch_id, "worker": make_worker().pk}
        cursor.execute("EXPLAIN " + FREE_FOR_STRANGER + "FOR UPDATE OF slot SKIP LOCKED", key)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "free_slots" in plan
