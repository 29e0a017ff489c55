"""Agreement, posteriors and the worker model of studies: computed from counted votes, again after changes."""

import csv
import io
from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction

from aggregation.actions import aggregate, forget
from aggregation.agreement import actions
from aggregation.agreement.actions import ask_for_agreement, recompute_agreement, recompute_due
from aggregation.agreement.reads import (
    MODEL,
    POSTERIOR_COLUMNS,
    contradictions_of,
    datasets_to_compute,
    posteriors_of,
    shared_answers_of,
    votes_of_two,
)
from aggregation.models import AgreementOfStudy, Alpha, Contradiction, PairPosterior, SharedAnswers
from catalog.models import Dataset
from data_export.reads import exported_files, exported_tables, write_rows
from data_import.votes.actions import replay
from numerics.agreement import krippendorff_alpha
from tests.factories import make_dataset, make_worker
from tests.required import require
from workforce.actions import exclude_submission
from workforce.models import Submission

# Image, label, rater, answer: two good raters and one who reverses; labels 1 and 2 are taken for each other on d.jpg.
ANSWERS = [
    *((f"{image}.jpg", 1, rater, "yes") for image in "abc" for rater in ("r1", "r2")),
    *((f"{image}.jpg", 1, "r3", "no") for image in "abc"),
    *((f"{image}.jpg", 2, rater, "no") for image in "abc" for rater in ("r1", "r2")),
    *((f"{image}.jpg", 2, "r3", "yes") for image in "ab"),
    *(("d.jpg", 1, "r1", "yes"), ("d.jpg", 1, "r2", "no"), ("d.jpg", 2, "r1", "no"), ("d.jpg", 2, "r2", "yes")),
]


def replayed(tmp_path, answers=ANSWERS, **figures) -> Dataset:
    dataset = make_dataset(**figures)
    path = tmp_path / "votes.csv"
    rows = [",".join(map(str, row)) for row in answers]
    path.write_text("\n".join(["image,label,rater,answer", *rows, ""]))
    replay(kind="contains", path=path, dataset_name=dataset.name)
    aggregate(dataset=dataset)
    return dataset


@pytest.fixture
def study(db, tmp_path):
    dataset = replayed(tmp_path)
    assert recompute_agreement(dataset=dataset)
    return dataset


def test_alpha_is_there_over_all_by_batch_and_by_label(study):
    counts = np.array([[1, 2]] * 3 + [[2, 1]] * 2 + [[2, 0]] + [[1, 1]] * 2)
    everywhere = Alpha.objects.get(dataset=study, batch=None, label=None)
    assert everywhere.value == pytest.approx(krippendorff_alpha(counts))
    assert (everywhere.low, everywhere.high) == (None, None), "four photographs are too few"
    assert (everywhere.answers, everywhere.n_pairs, everywhere.n_answers) == ("yes", 8, 21)
    of_batch = Alpha.objects.get(dataset=study, batch__isnull=False)
    assert of_batch.value == everywhere.value
    of_labels = Alpha.objects.filter(dataset=study, label__isnull=False).order_by("label__index")
    assert [(require(row.label).index, row.n_pairs) for row in of_labels] == [(1, 4), (2, 4)]
    assert of_labels[0].value == pytest.approx(krippendorff_alpha(np.array([[1, 2]] * 3 + [[1, 1]])))


def test_alpha_has_an_interval_where_there_are_enough_photographs(db, tmp_path):
    answers = [(f"{n}.jpg", 1, rater, ("yes", "no")[(n + rater) % 5 < 2]) for n in range(12) for rater in range(4)]
    dataset = replayed(tmp_path, answers)
    recompute_agreement(dataset=dataset)
    for row in Alpha.objects.filter(dataset=dataset):
        assert require(row.low) < require(row.value) < require(row.high)


def test_workers_are_compared_on_what_both_answered(study):
    rows = list(shared_answers_of(study))
    assert sorted((row.n_same, row.n_both) for row in rows) == [(0, 5), (0, 5), (6, 8)]
    good = max(rows, key=lambda row: row.n_both)
    answers = votes_of_two(study, good.first_id, good.second_id)
    assert len(answers) == 8 and sum(first != second for first, second in answers.values()) == 2


def test_the_labels_that_people_take_for_each_other_are_named(study):
    worst = contradictions_of(study)[0]
    assert (worst.first.index, worst.second.index, worst.n_images) == (1, 2, 4)
    # On a and b two of three votes differ by label, on d all; nobody contradicts on c.
    assert worst.expected == pytest.approx(2 * (2 / 3) ** 2 / 2 + 1 / 2)


def test_each_pair_has_a_posterior_and_what_the_model_says(study):
    rows = {(row.image.name, row.label.index): row for row in posteriors_of(study)}
    assert len(rows) == 8
    selected = rows["a.jpg", 1]
    assert (selected.n_selected, selected.n_shown) == (2, 3)
    assert 0 <= selected.low < selected.mean < selected.high <= 1 and 0 < selected.otherwise < 1
    # The model learns who answers the reverse, and is surer than the counts.
    assert require(selected.present) > 0.9 and require(rows["a.jpg", 2].present) < 0.1
    figures = AgreementOfStudy.objects.get(dataset=study)
    assert (figures.n_votes, figures.n_pairs, figures.n_workers, figures.three_answers) == (21, 8, 3, False)
    assert figures.otherwise == pytest.approx(np.mean([row.otherwise for row in rows.values()]))
    assert figures.n_yes == sum(row.frequency >= 0.5 for row in rows.values())


@pytest.mark.parametrize(("counts_as", "expected"), [("no", (1, 3)), ("yes", (2, 3)), ("nothing", (1, 2))])
def test_maybe_counts_in_posteriors_as_the_settings_say_and_is_an_answer_to_alpha(db, tmp_path, counts_as, expected):
    answers = [("a.jpg", 1, "r1", "yes"), ("a.jpg", 1, "r2", "maybe"), ("a.jpg", 1, "r3", "no")]
    answers += [("b.jpg", 1, "r1", "no"), ("b.jpg", 1, "r2", "no")]
    dataset = replayed(tmp_path, answers, maybe_counts=counts_as)
    recompute_agreement(dataset=dataset)
    row = PairPosterior.objects.get(image__name="a.jpg")
    assert (row.n_selected, row.n_shown) == expected
    three = Alpha.objects.get(dataset=dataset, batch=None, label=None, answers="three")
    assert three.value == pytest.approx(krippendorff_alpha(np.array([[1, 1, 1], [2, 0, 0]])))
    assert AgreementOfStudy.objects.get(dataset=dataset).three_answers


def test_an_excluded_answer_is_taken_out_and_computing_again_changes_nothing_else(study):
    def content():
        models = (Alpha, SharedAnswers, Contradiction, PairPosterior)
        return [
            list(model.objects.order_by("pk").values_list()[:0])
            or sorted(str({key: value for key, value in row.items() if key != "id"}) for row in model.objects.values())
            for model in models
        ]

    before = content()
    recompute_agreement(dataset=study)
    assert content() == before
    worker = shared_answers_of(study)[0].first
    for submission in Submission.objects.filter(worker=worker, hit__batch__dataset=study):
        exclude_submission(submission=submission, reason="a test")
    aggregate(dataset=study)
    recompute_agreement(dataset=study)
    assert AgreementOfStudy.objects.get(dataset=study).n_workers == 2
    assert not SharedAnswers.objects.filter(first=worker).exists()


def test_it_is_due_after_new_votes_but_not_all_the_time_and_at_once_when_asked_for(db, tmp_path):
    dataset = replayed(tmp_path)
    assert datasets_to_compute() == [dataset] and recompute_due() == 1
    assert datasets_to_compute() == []
    ask_for_agreement(dataset=dataset)
    assert datasets_to_compute() == [dataset] and recompute_due() == 1 and datasets_to_compute() == []
    computed_at = require(AgreementOfStudy.objects.get(dataset=dataset).computed_at)
    Submission.objects.filter(hit__batch__dataset=dataset).update(aggregated_at=computed_at + timedelta(seconds=1))
    assert datasets_to_compute() == [], "it was computed just now"
    # Ten times as long as it takes, and 20 seconds at least.
    earlier = computed_at - timedelta(seconds=30)
    AgreementOfStudy.objects.update(computed_at=earlier, asked_at=None, seconds=600)
    assert datasets_to_compute() == []
    AgreementOfStudy.objects.update(seconds=0.1)
    assert datasets_to_compute() == [dataset]


def test_nothing_is_computed_while_somebody_else_computes_or_deletes(db, tmp_path):
    # Not computed before: the transaction of the test would hold the turn.
    dataset = replayed(tmp_path)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended('agreement', %s))", [dataset.pk])
            assert not recompute_agreement(dataset=dataset)
            # A server may take its time to notice that a connection was closed.
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        other.close()
    assert not PairPosterior.objects.exists()
    assert recompute_agreement(dataset=dataset) and PairPosterior.objects.exists()


def test_a_fault_in_a_study_is_logged_and_leaves_the_others_alone(db, tmp_path, monkeypatch, caplog):
    broken, sound = replayed(tmp_path), replayed(tmp_path)
    computed = actions.computed_agreement
    monkeypatch.setattr(
        actions, "computed_agreement", lambda dataset, *rest: 1 / 0 if dataset == broken else computed(dataset, *rest)
    )
    assert recompute_due() == 1
    assert "could not be computed" in caplog.text and str(broken) in caplog.text
    assert AgreementOfStudy.objects.get().dataset == sound


def test_a_study_without_votes_has_figures_without_numbers(db):
    dataset = make_dataset()
    assert datasets_to_compute() == []
    ask_for_agreement(dataset=dataset)
    assert recompute_due() == 1
    figures = AgreementOfStudy.objects.get(dataset=dataset)
    assert (figures.n_votes, figures.otherwise, figures.present) == (0, None, None)
    assert Alpha.objects.get(dataset=dataset).value is None


def test_forgotten_with_the_other_derived_rows(study):
    forget(dataset=study)
    for model in (AgreementOfStudy, Alpha, SharedAnswers, Contradiction, PairPosterior):
        assert not model.objects.exists(), model
    aggregate(dataset=study)
    assert recompute_due() == 1 and PairPosterior.objects.count() == 8


def test_the_file_has_counts_and_model_side_by_side_and_names_the_model(study):
    out = io.StringIO()
    with transaction.atomic():
        assert write_rows(exported_files()["model_frequencies"], study, "csv", True, out) == 8
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert list(rows[0]) == [*POSTERIOR_COLUMNS, "label_wnid", "label_words"]
    assert {row["model"] for row in rows} == {MODEL}
    for row in rows:
        assert float(row["selection_frequency"]) == pytest.approx(
            int(row["n_selected"]) / int(row["n_shown"]), abs=1e-6
        )
    assert [row["image"] for row in rows] == sorted(row["image"] for row in rows)


def test_the_files_of_counts_say_nothing_of_the_model():
    for kind in exported_tables().values():
        assert not {"model_frequency", "posterior_mean"} & set(kind.columns), kind.name


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("one_alpha_per_scope", {"answers": "yes"}),
        ("answers_of_alpha_are_known", {"answers": "five"}),
    ],
)
def test_the_database_refuses_alphas_that_cannot_be(study, constraint, values):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Alpha.objects.create(dataset=study, n_pairs=1, n_answers=2, **values)


def test_the_database_refuses_an_alpha_of_a_batch_and_a_label_at_once(study):
    batch, label = study.batches.get(), study.label_set.labels.get(index=0)
    with pytest.raises(IntegrityError, match="alpha_is_of_a_batch_or_a_label"), transaction.atomic():
        Alpha.objects.create(dataset=study, batch=batch, label=label, answers="yes", n_pairs=1, n_answers=2)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("the_first_of_two_workers_is_the_older", {"n_both": 1, "n_same": 1, "swapped": True}),
        ("same_answers_are_shared_answers", {"n_both": 1, "n_same": 2}),
        ("same_answers_are_shared_answers", {"n_both": 0, "n_same": 0}),
    ],
)
def test_the_database_refuses_shared_answers_that_cannot_be(db, constraint, values):
    first, second = sorted([make_worker().pk, make_worker().pk], reverse=values.pop("swapped", False))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SharedAnswers.objects.create(dataset=make_dataset(), first_id=first, second_id=second, **values)


def test_the_database_refuses_two_rows_of_the_same_two(study):
    row = shared_answers_of(study)[0]
    with pytest.raises(IntegrityError, match="two_workers_are_compared_once"), transaction.atomic():
        SharedAnswers.objects.create(dataset=study, first=row.first, second=row.second, n_both=1, n_same=1)
    worst = contradictions_of(study)[0]
    with pytest.raises(IntegrityError, match="two_labels_are_compared_once"), transaction.atomic():
        Contradiction.objects.create(dataset=study, first=worst.first, second=worst.second, n_images=1, expected=1)
    with pytest.raises(IntegrityError, match="a_label_does_not_contradict_itself"), transaction.atomic():
        Contradiction.objects.create(dataset=study, first=worst.first, second=worst.first, n_images=1, expected=1)


def test_the_database_refuses_posteriors_that_cannot_be(study):
    refused: list[tuple[str, dict[str, float]]] = [
        ("one_posterior_per_pair", {}),
        ("the_mean_of_a_posterior_is_within_its_interval", {"low": 0.9}),
        ("the_mean_of_a_posterior_is_within_its_interval", {"high": 1.1}),
        ("a_posterior_has_votes", {"n_shown": 0, "n_selected": 0}),
        ("a_posterior_has_votes", {"n_selected": 10}),
    ]
    for constraint, values in refused:
        row = posteriors_of(study)[0]
        row.pk = None
        for name, value in values.items():
            setattr(row, name, value)
        if values:
            row.label = study.label_set.labels.get(index=3)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            row.save(force_insert=True)
