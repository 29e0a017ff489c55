"""Tests that former workers are kept from repeated questions, and that blocked workers can be unblocked."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from catalog.models import Image
from contains_task.models import GridCell
from mturk.models import Call, MarketplaceHIT, Qualification, RateLimit, Terms
from mturk.qualifications.actions import block_softly, keep_out_former_workers, let_in_again, note_repeats
from mturk.qualifications.reads import blocked_workers, former_workers, repeating_hits
from mturk.repeats.reads import repeated_by, repeats_of
from mturk.sync import send_waiting
from tests.factories import (
    make_batch,
    make_dataset,
    make_form,
    make_grid,
    make_hits,
    make_images,
    worker_client,
)
from tests.mturk.mturk_study import PAST, ask, hits_of, page_of, publish, send_until_quiet, settle, work
from tests.required import require
from workforce.actions import close_batch, keep_from_former_workers, publish_hits
from workforce.models import HIT, Batch, Submission, Worker

FAR = datetime(2100, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def batch_asking(*images: Image, n_slots: int = 1, label: int = 0) -> Batch:
    """A grid for each of these images of one dataset."""
    batch = make_batch(images[0].dataset)
    for image in images:
        make_grid(batch=batch, images=[image], n_slots=n_slots, label=label)
    return batch


def published(batch: Batch, **terms: Any) -> list[MarketplaceHIT]:
    marketplace_hits = publish(batch, cap="50", **terms)
    send_until_quiet()
    return hits_of(marketplace_hits)


def worked(marketplace, marketplace_hit: MarketplaceHIT, worker: str | None = None) -> str:
    """Somebody's answer to it is confirmed. Returns their id on the marketplace."""
    worker = worker or marketplace.worker()
    work(marketplace, marketplace_hit, worker)
    settle()
    return worker


def refusal(marketplace, worker: str, marketplace_hit: MarketplaceHIT) -> str:
    """Return the refusal of an accept by the marketplace; empty if it is allowed."""
    return marketplace.ask("accept", worker=worker, hit=marketplace_hit.external_id).get("refused", "")


@pytest.fixture
def images(db) -> list[Image]:
    return make_images(make_dataset(contains_answers=1), 3)


def test_who_answered_a_question_is_not_offered_it_again_in_a_later_batch_and_others_are(marketplace, images):
    [first, _] = published(batch_asking(images[0], images[1]))
    former = worked(marketplace, first)
    again, new = published(batch_asking(images[0], images[2]))
    terms = again.terms
    assert require(Terms.objects.get(pk=terms.pk).former_workers).type_id
    assert "ualific" in refusal(marketplace, former, again)
    assert refusal(marketplace, former, new) == ""
    assert refusal(marketplace, marketplace.worker(), again) == ""
    [call] = Call.objects.filter(op="AssociateQualificationWithWorker")
    assert (call.state, call.payload["SendNotification"]) == ("done", False)
    assert former not in json.dumps(list(Call.objects.values("payload", "purpose", "last_error")))


def test_they_do_not_even_see_it_in_the_list(marketplace, images):
    [first] = published(batch_asking(images[0]))
    worked(marketplace, first)
    published(batch_asking(images[0]))
    guarded = Call.objects.get(purpose__endswith=":guarded")
    requirements = guarded.payload["QualificationRequirements"]
    assert [(requirement["Comparator"], requirement["ActionsGuarded"]) for requirement in requirements] == [
        ("DoesNotExist", "DiscoverPreviewAndAccept")
    ] * 2
    assert len({requirement["QualificationTypeId"] for requirement in requirements}) == 2


def test_what_is_confirmed_only_after_the_later_batch_was_published_keeps_people_out_as_well(marketplace, images):
    [first] = published(batch_asking(images[0], n_slots=2))
    [again] = published(batch_asking(images[0]))
    late = marketplace.worker()
    assert not Call.objects.filter(op="AssociateQualificationWithWorker").exists()
    worked(marketplace, first, late)
    RateLimit.objects.filter(name__startswith="former").update(filled_at=PAST)
    settle()
    assert "ualific" in refusal(marketplace, late, again)
    assert keep_out_former_workers(terms=again.terms) == 0


def test_a_person_who_was_not_kept_out_is_refused_at_that_hit_alone_before_they_work(marketplace, images):
    [first, _] = published(batch_asking(images[0], images[1]))
    former = worked(marketplace, first)
    again, same_batch = published(batch_asking(images[0], images[1]), keeps_out_former=False)
    assert Terms.objects.get(pk=again.terms_id).former_workers is None
    assignment = marketplace.accept(former, again.external_id)
    source = worker_client().get(page_of(again, assignment, former)).content.decode()
    assert "You were asked about these photographs before" in source
    marketplace.ask("return", worker=former, assignment=assignment)
    worked(marketplace, same_batch, former)
    assert Submission.objects.filter(state="confirmed").count() == 2


@pytest.mark.parametrize(
    ("label", "role", "n_repeats"), [(0, "question", 1), (1, "question", 0), (0, "control", 0), (0, "padding", 0)]
)
def test_only_the_same_question_is_a_repeat(images, label, role, n_repeats):
    earlier = batch_asking(images[0])
    Batch.objects.update(marketplace="mturk")
    GridCell.objects.update(role=role)
    later = batch_asking(images[0], label=label)
    assert list(repeats_of(later)) == ([(later.hits.get().pk, earlier.hits.get().pk)] if n_repeats else [])


def test_what_was_asked_elsewhere_or_of_another_dataset_is_no_repeat(images):
    batch_asking(images[0])
    later = batch_asking(images[0])
    assert repeated_by(later) is None


def test_a_form_for_the_same_image_is_a_repeat():
    form = make_form()
    Batch.objects.update(marketplace="mturk")
    earlier = form.hit.batch
    close_batch(batch=earlier)
    later = make_form(image=form.image)
    assert list(repeats_of(later.hit.batch)) == [(later.hit_id, form.hit_id)]
    repeated = repeated_by(later.hit.batch)
    assert (require(repeated).n_hits, require(repeated).n_workers, require(repeated).batches) == (1, 0, [earlier.pk])


def test_a_further_hit_of_an_adaptive_batch_repeats_what_the_one_it_follows_repeats(db):
    [former] = make_hits(1)
    batch = make_batch(initial_images=1, accept=0.95, reject=0.05, min_votes=1, max_votes=3)
    [initial] = make_hits(1, batch=batch)
    [further] = publish_hits(batch=batch, n_hits=1, n_slots=1)
    keep_from_former_workers(asked_before={further: {initial.pk}})
    assert repeating_hits(batch) == set()
    assert note_repeats(repeats=[(initial.pk, former.pk)]) == 1
    assert repeating_hits(batch) == {initial.pk, further.pk}


def test_noting_a_repeat_twice_adds_nothing(images):
    batch_asking(images[0])
    Batch.objects.update(marketplace="mturk")
    later = batch_asking(images[0])
    for _ in range(2):
        note_repeats(repeats=repeats_of(later))
    assert HIT.asked_before.through.objects.count() == 1


def test_an_answer_that_is_not_confirmed_keeps_nobody_out(marketplace, images):
    [first] = published(batch_asking(images[0]))
    work(marketplace, first)
    later = batch_asking(images[0])
    note_repeats(repeats=repeats_of(later))
    assert former_workers(later) == set()
    ask()
    assert len(former_workers(later)) == 1


def test_a_hit_that_was_never_asked_before_has_no_qualification_made(marketplace, images):
    published(batch_asking(images[0]))
    published(batch_asking(images[1]))
    assert list(Qualification.objects.values_list("name", flat=True)) == ["Not for these studies"]


# A person's decision


def test_who_was_offered_no_more_is_offered_hits_again_and_can_be_kept_out_once_more(marketplace, images):
    first, second, third = published(batch_asking(*images))
    name = worked(marketplace, first)
    worker = Worker.objects.get(identity__external_id=name)
    assert block_softly(workers=[worker]) == 1
    assert block_softly(workers=[worker]) == 0
    send_until_quiet()
    assert blocked_workers([worker.pk]) == {worker.pk}
    assert "ualific" in refusal(marketplace, name, second)
    assert let_in_again(worker=worker)
    assert not let_in_again(worker=worker)
    send_until_quiet()
    assert blocked_workers() == set()
    assert refusal(marketplace, name, second) == ""
    assert block_softly(workers=[worker]) == 1
    send_until_quiet()
    assert "ualific" in refusal(marketplace, name, third)
    assert set(Call.objects.values_list("state", flat=True)) == {"done"}


def test_a_decision_that_was_not_sent_yet_is_withdrawn_by_the_opposite_one(db):
    [hit] = make_hits(1)
    worker = Worker.objects.create()
    block_softly(workers=[worker])
    let_in_again(worker=worker)
    assert list(Call.objects.filter(worker=worker).values_list("op", "state")) == [
        ("AssociateQualificationWithWorker", "withdrawn")
    ]
    assert blocked_workers() == set()


def test_a_person_is_kept_out_only_once_the_marketplace_knows_the_qualification(marketplace, images):
    [first] = published(batch_asking(images[0]))
    name = worked(marketplace, first)
    creation = Call.objects.filter(op="CreateQualificationType")
    creation.update(state="waiting", done_at=None, doubtful_at=None, next_try=FAR)
    Qualification.objects.update(type_id="")
    block_softly(workers=[Worker.objects.get(identity__external_id=name)])
    call = Call.objects.get(op="AssociateQualificationWithWorker")
    Call.objects.filter(pk=call.pk).update(next_try=PAST)
    assert send_waiting() == 0
    call.refresh_from_db()
    assert (call.state, call.last_error) == ("waiting", "The qualification is not made yet.")
    send_until_quiet()
    call.refresh_from_db()
    assert call.state == "done"
