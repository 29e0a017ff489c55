"""Simulated people fill a study over HTTP: what is stored is what each meant, and it can be removed without a trace."""

from typing import Any

import pytest
from django.db.models import Model

from aggregation.actions import aggregate
from aggregation.models import Annotation, CandidateSet, SelectionFrequency
from audit.models import AuditEntry
from candidates.models import PotentialLabel
from catalog.errors import UserError
from classify_task.models import ClassifyVote, Form
from contains_task.actions import open_grids
from contains_task.models import ContainsVote
from contains_task.reads import cells_by_handle
from studies.simulation.actions import Plan, remove, simulate
from tests.factories import make_batch, make_dataset, make_images, make_lease, make_worker, tick_images
from workforce.consents.actions import begin
from workforce.links.reads import LinkVisit
from workforce.models import HIT, Batch, Consent, Lease, Slot, Submission, Worker, WorkerIdentity
from workforce.reads import is_simulated, pseudonym
from workforce.recruitment_links import NoParticipant
from workforce.simulated.actions import enrol

pytestmark = pytest.mark.django_db(transaction=True)

VISIT = LinkVisit(mark="", most_open=10)
COUNTED: tuple[type[Model], ...] = (
    *(ContainsVote, ClassifyVote, SelectionFrequency, CandidateSet, Annotation, Submission, Lease, Worker),
    *(Slot, Consent, WorkerIdentity),
)


def make_study(**options):
    """Two labels for each of six images, in grids of six; every image shows its dataset label, says the dataset."""
    dataset = make_dataset(contains_answers=3, classify_answers=2, min_shown=1, images_per_grid=6)
    images = make_images(dataset, 6)
    # Who errs on which photograph follows from its name.
    for number, image in enumerate(images):
        image.name = f"image {number}"
        image.save(update_fields=["name"])
    labels = list(dataset.label_set.labels.order_by("index")[:2])
    for image in images:
        for rank, label in enumerate(labels, start=1):
            sources = [{"classifier": "net", "rank": rank}]
            PotentialLabel.objects.create(image=image, label=label, is_dataset_label=rank == 1, sources=sources)
    batch = make_batch(dataset, **options)
    open_grids(batch=batch, images_by_label=dict.fromkeys(labels, images))
    return dataset


def count(dataset):
    aggregate(dataset=dataset)


def fill(dataset, **changes):
    """Simulate, with so many who select everything that each photograph gets a form, whatever the others select."""
    figures: dict[str, Any] = {"n_people": 5, "mix": {"all_yes": 4}, "at_once": 1} | changes
    return simulate(dataset=dataset, plan=Plan(**figures), settle=count)


def counts():
    open_hits = HIT.objects.filter(closed_at=None).count()
    return {model.__name__: model._default_manager.count() for model in COUNTED} | {"open HITs": open_hits}


@pytest.mark.parametrize("mix", [{"all_yes": 4}, {"all_yes": 1, "all_no": 1, "bot": 1}])
def test_stored_votes_are_what_each_person_meant(site, mix):
    dataset = make_study()
    outcome = fill(dataset, mix=mix)
    assert len(outcome.meant) == Submission.objects.count()
    assert "all_no" in mix or {meant.main != "" for meant in outcome.meant} == {True, False}
    for meant in outcome.meant:
        lease = Lease.objects.select_related("hit__batch").get(public_id=meant.lease)
        submission = lease.submissions.get()
        assert submission.worker.identity.external_id == meant.participant and is_simulated(submission.worker_id)
        if meant.main:
            vote = ClassifyVote.objects.get(submission=submission)
            assert (sorted(vote.selected), vote.main) == (sorted(map(int, meant.selected)), int(meant.main))
            continue
        image_of = {handle: cell.image_id for handle, cell in cells_by_handle(lease).items()}
        votes = submission.contains_votes.all()
        assert {vote.image_id for vote in votes} == set(image_of.values())
        assert {vote.image_id for vote in votes if vote.selected} == {image_of[handle] for handle in meant.selected}


def test_a_simulated_study_grows_to_its_annotations(site):
    dataset = make_study()
    fill(dataset)
    assert not Slot.objects.filter(batch__kind="contains").exclude(state="filled").exists()
    assert SelectionFrequency.objects.filter(n_shown=3).count() == 12
    assert Form.objects.exists() and Annotation.objects.count() == Form.objects.count()


def test_equal_seeds_answer_equally_and_others_do_not(site):
    def selected(seed):
        dataset = make_study()
        named = {image.pk: image.name for image in dataset.images.all()}
        people = fill(dataset, n_people=3, mix={"honest": 3}, seed=seed).people
        votes = ContainsVote.objects.filter(image__dataset=dataset)
        number = {name: person.number for name, person in people.items()}
        return {
            (number[pseudonym(dataset, vote.worker_id)], named[vote.image_id], vote.label.index, vote.selected)
            for vote in votes.select_related("label")
        }

    assert selected(1) == selected(1) != selected(2)


def test_several_people_work_at_once(site):
    dataset = make_study()
    outcome = fill(dataset, n_people=8, mix={"all_yes": 7}, at_once=4)
    assert len(outcome.meant) == Submission.objects.count() > 6


def test_removal_restores_everything(site):
    dataset = make_study()
    before = counts()
    fill(dataset, n_answers=5)
    assert Slot.objects.count() > before["Slot"]
    removed = remove(dataset=dataset)
    assert (removed.n_people, removed.n_submissions) == (5, 2 * 5 + Form.objects.count() * 5)
    aggregate(dataset=dataset)
    # The slots of withdrawn forms are withdrawn with them.
    slots = Slot.objects.exclude(state="withdrawn")
    assert counts() | {"Slot": slots.count()} == before
    assert not slots.exclude(state="free").exists()
    entry = AuditEntry.objects.get(action="simulated.remove")
    assert entry.before == {"people": 5, "submissions": removed.n_submissions}


def test_removal_leaves_what_real_people_did(site):
    dataset = make_study()
    batch = dataset.batches.get()
    person = make_worker()
    early = make_lease(batch, person)
    fill(dataset, n_answers=4, beside_people=True)
    cells = cells_by_handle(early)
    selected = [next(iter(cells.values())).public_id]
    submission = tick_images(lease=early, selected=selected, idempotency_key="k" * 20)
    late = make_lease(batch, make_worker()) if Slot.objects.filter(batch=batch, state="free").exists() else None
    assert late is None and submission.state == "confirmed"
    remove(dataset=dataset)
    aggregate(dataset=dataset)
    submission.refresh_from_db()
    assert submission.state == "confirmed" and submission.slot and submission.slot.number < 3
    assert ContainsVote.objects.count() == 6 and not Worker.objects.filter(pk__gte=2**40).exists()
    assert list(SelectionFrequency.objects.values_list("n_shown", flat=True)) == [1] * 6
    assert Slot.objects.filter(batch=batch).count() == 6


def test_a_late_answer_of_a_person_gets_the_place_of_a_simulated_one(site):
    dataset = make_study()
    lease = make_lease(dataset.batches.get())
    Lease.objects.filter(pk=lease.pk).update(state="expired", slot=None)
    Slot.objects.filter(state="leased").update(state="free")
    fill(dataset, beside_people=True)
    submission = tick_images(lease=Lease.objects.get(pk=lease.pk), selected=[], idempotency_key="k" * 20)
    assert submission.state == "surplus"
    remove(dataset=dataset)
    submission.refresh_from_db()
    assert submission.state == "confirmed"


def test_removed_people_do_not_come_back_as_real_ones(site):
    dataset = make_study()
    (name,) = enrol(dataset=dataset, names=["0-0-honest"])
    remove(dataset=dataset)
    with pytest.raises(NoParticipant):
        begin(batch=dataset.batches.get(), participant=name, visit=VISIT)
    assert not Worker.objects.exists()


def test_a_pseudonym_says_that_somebody_is_simulated(db):
    dataset = make_dataset()
    enrol(dataset=dataset, names=["0-0-honest"])
    worker = Worker.objects.get()
    assert pseudonym(dataset, worker.pk).startswith("simulated-")
    assert not pseudonym(dataset, make_worker().pk).startswith("simulated-")


def test_nothing_is_simulated_where_answers_cost_money(site):
    dataset = make_study()
    make_batch(dataset, kind="classify", marketplace=Batch.Marketplace.MTURK)
    with pytest.raises(UserError, match="cost money"):
        fill(dataset)
    assert not Worker.objects.exists()


def test_a_study_of_real_people_is_left_alone_unless_asked(site):
    dataset = make_study()
    lease = make_lease(dataset.batches.get())
    tick_images(lease=lease, selected=[], idempotency_key="k" * 20)
    with pytest.raises(UserError, match="Real people"):
        fill(dataset)
    assert fill(dataset, beside_people=True).meant


def test_a_study_without_work_is_refused(site):
    with pytest.raises(UserError, match="no open batch"):
        fill(make_dataset())
