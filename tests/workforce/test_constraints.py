"""Each named constraint of the rooms broken once: the database itself refuses.

The aggregation's are broken in tests/aggregation/test_constraints.py. A test at the end holds this file complete: a
constraint nobody breaks here makes it fail.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from candidates.models import Portion, PotentialLabel, Run, Unpredicted
from catalog.actions import change_settings
from catalog.models import (
    Classifier,
    Dataset,
    Example,
    ExampleSet,
    Image,
    Label,
    Prediction,
    ReferencePage,
    SettingsVersion,
)
from catalog.reads import now
from classify_task.models import ClassifyVote, Form
from contains_task.models import ContainsVote, GridCell
from jobs.models import Job
from tests.access.membership_breakers import BREAKERS as MEMBERSHIP_BREAKERS
from tests.accounts.account_breakers import BREAKERS as ACCOUNT_BREAKERS
from tests.catalog.class_examples.example_breakers import BREAKERS as EXAMPLE_BREAKERS
from tests.catalog.class_pairs.pair_breakers import BREAKERS as PAIR_BREAKERS
from tests.catalog.guide.guide_breakers import BREAKERS as GUIDE_BREAKERS
from tests.factories import (
    make_batch,
    make_dataset,
    make_form,
    make_grid,
    make_hits,
    make_images,
    make_lease,
    make_worker,
    unique,
)
from tests.mturk.marketplace_breakers import BREAKERS as MARKETPLACE_BREAKERS
from tests.review_task.mistake_breakers import BREAKERS as MISTAKE_BREAKERS
from tests.review_task.review_breakers import BREAKERS as REVIEW_BREAKERS
from tests.workforce.assignments_by_hand import make_assignment, make_offered_grid
from workforce.actions import exclude_submission, submit
from workforce.models import (
    HIT,
    Assignment,
    Bar,
    Batch,
    Consent,
    ConsentText,
    Draft,
    Exclusion,
    Lease,
    ListedID,
    PlatformVisit,
    Report,
    Slot,
    Submission,
    Worker,
    WorkerIdentity,
)
from workforce.models.drafts import MOST_CHARACTERS

ROOMS = (
    "access",
    "accounts",
    "audit",
    "catalog",
    "jobs",
    "workforce",
    "mturk",
    "contains_task",
    "classify_task",
    "review_task",
    "candidates",
    "api",
)
BREAKERS: dict[str, Callable[[], object]] = (
    MARKETPLACE_BREAKERS
    | MEMBERSHIP_BREAKERS
    | ACCOUNT_BREAKERS
    | PAIR_BREAKERS
    | GUIDE_BREAKERS
    | REVIEW_BREAKERS
    | MISTAKE_BREAKERS
    | EXAMPLE_BREAKERS
)


def breaks(name: str) -> Callable:
    def register(breaker: Callable[[], object]) -> Callable[[], object]:
        assert name not in BREAKERS, f"{name} is broken twice"
        BREAKERS[name] = breaker
        return breaker

    return register


def twice(row) -> None:
    """The same row a second time."""
    row.pk = None
    row._state.adding = True
    if hasattr(row, "public_id"):
        row.public_id = unique("copy")
    row.save()


def submission_of(held: Lease, /, **changed: object) -> Submission:
    """A row as `submit` would write it, but for what is changed."""
    stored, _ = submit(lease=held, answer={"selected": []}, idempotency_key=unique("key"))
    for name, value in changed.items():
        setattr(stored, name, value)
    return stored


def contains_vote(**changed: object) -> ContainsVote:
    grid = make_grid(n_images=1)
    submission = submission_of(make_lease(grid.hit.batch))
    fields = {
        "submission": submission,
        "worker": submission.worker,
        "image": grid.cells.get().image,
        "label": grid.label,
        "selected": True,
        "role": "question",
        "counted": True,
    }
    return ContainsVote(**fields | changed)


def classify_vote(**changed: object) -> ClassifyVote:
    form = make_form(labels=(0, 1, 2))
    submission = submission_of(make_lease(form.hit.batch))
    fields = {
        "submission": submission,
        "worker": submission.worker,
        "image": form.image,
        "selected": [0, 1],
        "main": 1,
        "role": "question",
        "counted": True,
    }
    return ClassifyVote(**fields | changed)


def settings_row(**changed: object) -> SettingsVersion:
    return SettingsVersion(dataset=make_dataset(), version=9, **changed)


# catalog


@breaks("label_index_once_per_label_set")
def _() -> None:
    twice(make_dataset().label_set.labels.first())


def reference_page(**changed: object) -> ReferencePage:
    dataset = make_dataset()
    fields = {"dataset": dataset, "label": dataset.label_set.labels.first(), "position": 0, "url": "https://a.example"}
    return ReferencePage(**fields | changed)


@breaks("one_reference_page_per_dataset_label_and_position")
def _() -> None:
    page = reference_page()
    page.save()
    ReferencePage.objects.create(dataset=page.dataset, label=page.label, position=0, url="https://b.example")


@breaks("reference_page_once_per_dataset_and_label")
def _() -> None:
    page = reference_page()
    page.save()
    ReferencePage.objects.create(dataset=page.dataset, label=page.label, position=1, url=page.url)


@breaks("reference_page_is_on_the_web")
def _() -> None:
    reference_page(url="javascript:alert(1)").save()


def example(**changed: object) -> Example:
    dataset = make_dataset()
    example_set = ExampleSet.objects.create(settings=dataset.settings_versions.get())
    fields = {"example_set": example_set, "label": dataset.label_set.labels.first(), "digest": "ab"}
    return Example(**fields | changed)


@breaks("example_once_per_set_and_label")
def _() -> None:
    row = example()
    row.save()
    Example.objects.create(example_set=row.example_set, label=row.label, digest=row.digest)


@breaks("example_has_a_digest")
def _() -> None:
    example(digest="").save()


@breaks("look_alike_is_another_label")
def _() -> None:
    row = example()
    row.look_alike = row.label
    row.save()


@breaks("image_name_once_per_dataset")
def _() -> None:
    twice(make_images(make_dataset(), 1)[0])


@breaks("image_has_a_name")
def _() -> None:
    Image.objects.create(dataset=make_dataset(), name="")


@breaks("settings_version_once_per_dataset")
def _() -> None:
    twice(make_dataset().settings_versions.get())


@breaks("settings_counts_are_positive")
def _() -> None:
    settings_row(contains_answers=0).save()


@breaks("settings_ratio_is_above_0_and_at_most_1")
def _() -> None:
    settings_row(ratio_numerator=0).save()


@breaks("settings_grid_of_500_images_or_fewer")
def _() -> None:
    settings_row(images_per_grid=501).save()


@breaks("settings_candidates_fit_a_form")
def _() -> None:
    settings_row(max_other_labels=12).save()


@breaks("settings_lease_of_30_seconds_or_more")
def _() -> None:
    settings_row(lease_seconds=29).save()


@breaks("settings_maybe_counts_is_known")
def _() -> None:
    settings_row(maybe_counts="half").save()


@breaks("settings_further_answers_are_at_most_100")
def _() -> None:
    settings_row(most_further_answers=101).save()


@breaks("settings_replacements_are_at_most_1000")
def _() -> None:
    settings_row(most_replacements=1001).save()


# workforce


@breaks("identity_once_per_marketplace")
def _() -> None:
    identity = make_worker().identity
    WorkerIdentity.objects.create(
        worker=Worker.objects.create(), marketplace=identity.marketplace, external_id=identity.external_id
    )


@breaks("identity_is_not_empty")
def _() -> None:
    WorkerIdentity.objects.filter(pk=make_worker().identity.pk).update(external_id="")


@breaks("one_open_classify_batch_per_settings")
def _() -> None:
    dataset = make_dataset()
    make_batch(dataset, kind="classify"), make_batch(dataset, kind="classify")


@breaks("batch_marketplace_is_known")
def _() -> None:
    make_batch(marketplace="bazaar")


@breaks("batch_admission_is_known")
def _() -> None:
    make_batch(admission="friends")


@breaks("batch_networks_are_known")
def _() -> None:
    make_batch(networks="none")


@breaks("batch_answers_are_known")
def _() -> None:
    make_batch(kind="classify", answers="three")


@breaks("listed_once_per_batch")
def _() -> None:
    twice(ListedID.objects.create(batch=make_batch(), digest="0" * 64))


@breaks("slot_number_once_per_hit")
def _() -> None:
    twice(make_hits()[0].slots.get())


@breaks("slot_state_is_known")
def _() -> None:
    make_hits()[0].slots.update(state="lost")


@breaks("one_lease_per_worker_and_hit")
def _() -> None:
    lease = make_lease(make_hits(1, 2)[0].batch)
    lease.slot, lease.state = None, Lease.State.EXPIRED
    twice(lease)


@breaks("one_active_lease_per_slot")
def _() -> None:
    lease = make_lease(make_hits(2, 1)[0].batch)
    lease.worker = make_worker()
    twice(lease)


@breaks("one_active_lease_per_worker_and_batch")
def _() -> None:
    first, second = make_hits(2, 1)
    lease = make_lease(first.batch)
    lease.hit, lease.slot = second, second.slots.get()
    twice(lease)


@breaks("only_an_active_lease_holds_a_slot")
def _() -> None:
    Lease.objects.filter(pk=make_lease(make_hits()[0].batch).pk).update(state="expired")


@breaks("assignment_once_per_worker_and_hit_there")
def _() -> None:
    twice(make_assignment(*on_the_marketplace()))


@breaks("assignment_has_an_id")
def _() -> None:
    make_assignment(*on_the_marketplace())
    Assignment.objects.update(external_id="")


@breaks("assignment_outcome_is_known")
def _() -> None:
    make_assignment(*on_the_marketplace())
    Assignment.objects.update(outcome="lost")


@breaks("lease_state_is_known")
def _() -> None:
    Lease.objects.filter(pk=make_lease(make_hits()[0].batch).pk).update(state="lost", slot=None)


@breaks("one_submission_per_worker_and_hit")
def _() -> None:
    stored = submission_of(make_lease(make_hits(1, 2)[0].batch), lease=None, slot=None, state="surplus")
    stored.idempotency_key = unique("key")
    twice(stored)


@breaks("one_submission_per_lease")
def _() -> None:
    stored = submission_of(make_lease(make_hits(1, 1)[0].batch), slot=None, state="orphaned")
    stored.worker, stored.idempotency_key = make_worker(), unique("key")
    twice(stored)


@breaks("what_waits_for_proof_names_its_assignment")
def _() -> None:
    submission_of(make_lease(make_hits()[0].batch), slot=None, state="provisional").save()


@breaks("under_an_assignment_there_is_a_lease")
def _() -> None:
    assignment = make_assignment(*on_the_marketplace())
    submission_of(assignment.lease, lease=None).save()


@breaks("a_submission_is_confirmed_iff_it_fills_a_slot")
def _() -> None:
    submission_of(make_lease(make_hits()[0].batch), state="surplus").save()


@breaks("reported_once_per_lease_and_kind")
def _() -> None:
    lease = make_lease(make_hits()[0].batch)
    for _ in range(2):
        Report.objects.create(lease=lease, kind="other")


@breaks("report_kind_is_known")
def _() -> None:
    Report.objects.create(lease=make_lease(make_hits()[0].batch), kind="joy")


@breaks("submission_state_is_known")
def _() -> None:
    submission_of(make_lease(make_hits()[0].batch), state="lost", slot=None).save()


@breaks("one_standing_exclusion_per_submission")
def _() -> None:
    stored = submission_of(make_lease(make_hits()[0].batch))
    twice(exclude_submission(submission=stored, reason="one"))


@breaks("exclusion_has_a_reason")
def _() -> None:
    exclude_submission(submission=submission_of(make_lease(make_hits()[0].batch)), reason="")


@breaks("one_standing_bar_per_worker")
def _() -> None:
    twice(Bar.objects.create(dataset=make_dataset(), worker=make_worker(), reason="one"))


def platform_visit(**changed: object) -> PlatformVisit:
    fields = {"batch": make_batch(), "worker": make_worker(), "session_id": "a session"}
    return PlatformVisit.objects.create(**fields | changed)


@breaks("platform_visit_once_per_batch_and_worker")
def _() -> None:
    twice(platform_visit())


@breaks("platform_visit_names_a_session_or_study")
def _() -> None:
    platform_visit(session_id="")


@breaks("bar_has_a_reason")
def _() -> None:
    Bar.objects.create(dataset=make_dataset(), worker=make_worker(), reason="")


# contains_task


@breaks("cell_position_once_per_grid")
def _() -> None:
    cell = make_grid(n_images=1).cells.get()
    cell.image = make_images(cell.image.dataset, 1)[0]
    twice(cell)


@breaks("image_once_per_grid")
def _() -> None:
    cell = make_grid(n_images=1).cells.get()
    cell.position = 7
    twice(cell)


@breaks("cell_role_is_known")
def _() -> None:
    GridCell.objects.filter(grid=make_grid()).update(role="decoy")


@breaks("one_contains_vote_per_cell")
def _() -> None:
    vote = contains_vote(counted=False)
    vote.save()
    twice(vote)


@breaks("one_counted_contains_vote_per_worker_and_pair")
def _() -> None:
    first = contains_vote()
    first.save()
    contains_vote(worker=first.worker, image=first.image, label=first.label).save()


@breaks("a_maybe_is_not_selected")
def _() -> None:
    contains_vote(selected=True, maybe=True).save()


@breaks("only_a_question_counts_in_contains")
def _() -> None:
    contains_vote(role="control").save()


@breaks("surplus_does_not_count_in_contains")
def _() -> None:
    contains_vote(surplus=True).save()


@breaks("contains_role_is_known")
def _() -> None:
    contains_vote(role="decoy", counted=False).save()


# classify_task


@breaks("form_offers_1_to_12_labels")
def _() -> None:
    Form.objects.filter(pk=make_form().pk).update(labels=list(range(13)))


@breaks("form_offers_a_label_once")
def _() -> None:
    Form.objects.filter(pk=make_form().pk).update(labels=[1, 1])


@breaks("one_counted_classify_vote_per_worker_and_image")
def _() -> None:
    first = classify_vote()
    first.save()
    classify_vote(worker=first.worker, image=first.image).save()


@breaks("at_least_one_label_is_selected")
def _() -> None:
    classify_vote(selected=[]).save()


@breaks("a_label_is_selected_once")
def _() -> None:
    classify_vote(selected=[1, 1]).save()


@breaks("main_label_is_among_the_selected")
def _() -> None:
    classify_vote(main=2).save()


@breaks("only_a_question_counts_in_classify")
def _() -> None:
    classify_vote(role="repeat").save()


@breaks("surplus_does_not_count_in_classify")
def _() -> None:
    classify_vote(surplus=True).save()


@breaks("classify_role_is_known")
def _() -> None:
    classify_vote(role="decoy", counted=False).save()


@breaks("adaptive_figures_are_all_set_or_none")
def _() -> None:
    make_batch(initial_images=4, accept=0.95, reject=0.05, min_votes=2)


@breaks("adaptive_figures_make_a_stopping_rule")
def _() -> None:
    make_batch(initial_images=4, accept=0.5, reject=0.5, min_votes=2, max_votes=6)


# classifiers, and what comes of them


def classifier(dataset: Dataset | None = None, **changed: object) -> Classifier:
    label_set = (dataset or make_dataset()).label_set
    return Classifier.objects.create(**{"label_set": label_set, "name": unique("net"), "network": "net"} | changed)


def prediction(**changed: object) -> Prediction:
    dataset = make_dataset()
    fields = {"classifier": classifier(dataset), "image": make_images(dataset, 1)[0], "labels": [2, 1]}
    return Prediction.objects.create(**fields | changed)


def run_of(dataset: Dataset, **changed: object) -> Run:
    return Run.objects.create(**{"dataset": dataset, "classifier": classifier(dataset), "top_k": 5} | changed)


def potential_label(**changed: object) -> PotentialLabel:
    image = make_images(make_dataset(), 1)[0]
    fields: dict[str, Any] = {"image": image, "label": image.dataset_label, "is_dataset_label": True, "sources": []}
    return PotentialLabel.objects.create(**fields | changed)


@breaks("settings_top_k_is_positive")
def _() -> None:
    settings_row(top_k=0).save()


@breaks("settings_grid_has_room_for_questions")
def _() -> None:
    settings_row(images_per_grid=8, positive_controls=5, negative_controls=3).save()


@breaks("settings_wage_is_above_0_and_at_most_1000")
def _() -> None:
    settings_row(target_wage="0.00").save()


@breaks("settings_negatives_are_known")
def _() -> None:
    settings_row(negatives_from="chance").save()


@breaks("only_a_control_has_an_expected_answer")
def _() -> None:
    make_grid().cells.update(expected=True)


@breaks("classifier_name_once_per_label_set")
def _() -> None:
    twice(classifier())


@breaks("classifier_has_a_name")
def _() -> None:
    classifier(network="")


@breaks("one_prediction_per_image_and_classifier")
def _() -> None:
    twice(prediction())


@breaks("prediction_names_a_label")
def _() -> None:
    prediction(labels=[])


@breaks("prediction_has_all_scores_or_none")
def _() -> None:
    prediction(scores=[0.9])


@breaks("one_unfinished_run_per_classifier")
def _() -> None:
    twice(run_of(make_dataset()))


@breaks("run_keeps_a_label")
def _() -> None:
    run_of(make_dataset(), top_k=0)


@breaks("portion_once_per_run")
def _() -> None:
    twice(Portion.objects.create(run=run_of(make_dataset()), first=1, last=2, n_images=2))


def on_the_marketplace() -> tuple[HIT, str]:
    grid, external_hit_id = make_offered_grid()
    return grid.hit, external_hit_id


@breaks("portion_has_images")
def _() -> None:
    Portion.objects.create(run=run_of(make_dataset()), first=2, last=1, n_images=1)


@breaks("unpredicted_once_per_run")
def _() -> None:
    dataset = make_dataset()
    twice(Unpredicted.objects.create(run=run_of(dataset), image=make_images(dataset, 1)[0], reason="cut off"))


@breaks("potential_label_once_per_image")
def _() -> None:
    twice(potential_label())


@breaks("potential_label_has_a_source")
def _() -> None:
    potential_label(is_dataset_label=False)


def consent_text(**changed: object) -> ConsentText:
    return ConsentText.objects.create(**{"dataset": make_dataset(), "version": 1, "text": "I agree."} | changed)


@breaks("consent_version_once_per_study")
def _() -> None:
    twice(consent_text())


@breaks("consent_text_is_not_empty")
def _() -> None:
    consent_text(text="")


@breaks("consent_versions_begin_with_one")
def _() -> None:
    consent_text(version=0)


def consent(**changed: object) -> Consent:
    row = {"worker": make_worker(), "batch": make_batch(), "number": 1, "agreed": True, "created_at": now()}
    return Consent.objects.create(**row | changed)


@breaks("decision_number_once_per_batch")
def _() -> None:
    twice(consent())


@breaks("a_trace_needs_consent")
def _() -> None:
    consent(agreed=False, trace=True)


# annotation_site


def job(**changed: object) -> Job:
    return Job.objects.create(**{"dataset": make_dataset(), "kind": "import_images", "asked_by": "anna"} | changed)


@breaks("one_unfinished_job_of_a_kind")
def _() -> None:
    twice(job())


@breaks("job_does_no_more_than_all")
def _() -> None:
    job(n_done=3, n_total=2)


@breaks("job_is_begun_before_it_is_finished")
def _() -> None:
    job(finished_at=now())


@breaks("job_with_a_problem_is_finished")
def _() -> None:
    job(problem="There is nothing to import.")


def draft(**changed: Any) -> Draft:
    lease = changed.pop("lease", None) or make_lease(make_hits(1, 1)[0].batch)
    return Draft(**{"lease": lease, "version": 1, "answer": "{}", "updated_at": now()} | changed)


@breaks("one_draft_per_lease")
def _() -> None:
    first = draft()
    first.save()
    twice(first)


@breaks("one_draft_per_assignment")
def _() -> None:
    assignment = make_assignment(*on_the_marketplace())
    first = draft(lease=assignment.lease, assignment=assignment)
    first.save()
    twice(first)


@breaks("draft_versions_begin_with_one")
def _() -> None:
    draft(version=0).save()


@breaks("draft_is_short")
def _() -> None:
    draft(answer="x" * (MOST_CHARACTERS + 1)).save()


@pytest.mark.django_db
@pytest.mark.parametrize("name", BREAKERS)
def test_the_database_refuses_to_break(name):
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        BREAKERS[name]()
    cause = refusal.value.__cause__
    assert isinstance(cause, psycopg2.Error) and cause.diag.constraint_name == name


def test_no_named_constraint_goes_unbroken():
    models = [model for room in ROOMS for model in apps.get_app_config(room).get_models()]
    named = {constraint.name for model in models for constraint in model._meta.constraints}
    assert sorted(named) == sorted(BREAKERS)


@pytest.mark.django_db
def test_no_two_submissions_share_a_slot():
    first = submission_of(make_lease(make_hits(1, 1)[0].batch))
    with pytest.raises(IntegrityError, match="slot_id"), transaction.atomic():
        submission_of(make_lease(make_hits(1, 1)[0].batch), slot=first.slot).save()


@pytest.mark.django_db
def test_of_many_answers_that_wait_for_proof_one_is_proven():
    assignment = make_assignment(*on_the_marketplace())
    first, second = (submission_of(assignment.lease) for _ in range(2))
    slots = assignment.lease.hit.slots.order_by("number")
    first.slot, first.state = slots[0], "confirmed"
    first.save()
    second.slot, second.state = slots[1], "confirmed"
    with pytest.raises(IntegrityError, match="one_submission_per_worker_and_hit"), transaction.atomic():
        second.save()


@pytest.mark.django_db
def test_an_idempotency_key_names_one_submission():
    first = submission_of(make_lease(make_hits(1, 1)[0].batch))
    with pytest.raises(IntegrityError, match="idempotency_key"), transaction.atomic():
        submission_of(make_lease(make_hits(1, 1)[0].batch), idempotency_key=first.idempotency_key).save()


@pytest.mark.django_db
def test_what_the_constraints_allow_is_allowed():
    contains_vote().save()
    contains_vote(role="control", counted=False).save()
    classify_vote(selected=[2], main=2).save()
    assert change_settings(dataset=make_dataset(), max_other_labels=11, lease_seconds=30).version == 2
    batch = make_batch(kind="classify")
    Batch.objects.filter(pk=batch.pk).update(closed_at=now() - timedelta(days=1))
    assert make_batch(batch.dataset, kind="classify").closed_at is None
    assert not Exclusion.objects.exists()
    assert Slot.objects.filter(state="filled").count() == Submission.objects.count() == 3
    assert Label.objects.filter(label_set=batch.dataset.label_set).count() == 4
