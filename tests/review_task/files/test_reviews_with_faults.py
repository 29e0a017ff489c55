"""Reviews from files whose rows do not fit each other, tables or study: each has a reason, and nothing is stored."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from catalog.errors import StagedConflict, UserError
from catalog.models import Classifier, Dataset
from review_task.files.actions import load_review
from review_task.files.reads import label_set_document, log_of
from review_task.files.rows import BadReviewRow, ReviewLog, VerdictRow
from review_task.models import ClassPage, Comment, ConsensusVerdict, FurtherLabel, Item, ProblemMark, Review, Verdict
from review_task.progress.reads import progress, states_of
from tests.factories import make_dataset, make_images
from tests.review_task.files.generated_reviews import renamed
from tests.review_task.files.small_reviews import MOMENT, changed, renaming, small_log, with_further
from workforce.models import HIT, Submission

pytestmark = pytest.mark.django_db

FAULTS: dict[str, tuple[Callable[[], ReviewLog], str]] = {
    "no label at all": (lambda: replace(small_log(), items=[]), "The review has no label of any image."),
    "a page twice": (lambda: with_further("pages"), "Page 0 stands twice."),
    "a class on two pages": (lambda: with_further("pages", page=7), "Class 1 has two pages."),
    "an item twice": (lambda: with_further("items", n_models=9), "Item 0, a.jpg, 1 stands twice."),
    "a reviewer twice": (lambda: with_further("reviewers", state="excluded"), "Reviewer 0, ann stands twice."),
    "an item of no page": (lambda: with_further("items", page=9), "There is no page 9."),
    "a reviewer of no page": (lambda: with_further("reviewers", page=9), "There is no page 9."),
    "a prediction of no model": (
        lambda: changed("items", n_models=0),
        "a.jpg, label 1: a prediction needs n_models of 1 or more.",
    ),
    "a seeded prediction of no model": (
        lambda: changed("items", 2, n_models=0),
        "b.jpg, label 0: a prediction needs n_models of 1 or more.",
    ),
    "a class beyond the set": (lambda: changed("pages", 1, page_label=4), "4 is no class index"),
    "a label beyond the set": (lambda: with_further("items", label=4), "4 is no class index"),
    "a dataset label beyond the set": (
        lambda: changed("items", 2, dataset_label=99),
        "99 is no class index of the dataset’s label set.",
    ),
    "a further label beyond the set": (lambda: changed("further_labels", further_label=4), "4 is no class index"),
    "two dataset labels": (
        lambda: changed("items", 1, dataset_label=2),
        "a.jpg has two dataset labels: 1 and 2.",
    ),
    "a dataset label and none": (
        lambda: changed("items", 1, dataset_label=None),
        "a.jpg has two dataset labels: 1 and None.",
    ),
    "a verdict of somebody else": (lambda: changed("verdicts", reviewer="zoe"), "Reviewer 0, zoe took part in no such"),
    "a verdict on a page of others": (
        lambda: with_further("verdicts", 1, page=1, image="b.jpg", label=0),
        "Reviewer 1, ben took part in no such page.",
    ),
    "a verdict on no item": (lambda: changed("verdicts", label=3), "There is no item 0, a.jpg, 3."),
    "a verdict on an image elsewhere": (lambda: changed("verdicts", image="b.jpg"), "There is no image 0, b.jpg."),
    "a mark by somebody else": (lambda: changed("problems", reviewer="zoe"), "Reviewer 0, zoe took part in no such"),
    "a mark of no image": (lambda: changed("problems", image="c.jpg"), "There is no image 0, c.jpg."),
    "a further label of no image": (lambda: changed("further_labels", image="c.jpg"), "There is no image 0, c.jpg."),
    "a further label by nobody": (lambda: changed("further_labels", reviewer="zoe"), "Reviewer 0, zoe took part"),
    "a further label without any": (
        lambda: changed("further_labels", further_label=None),
        "a.jpg: a further label is one of the set, or words of at most 200 characters.",
    ),
    "a further label twice over": (lambda: changed("further_labels", words="a fez"), "is one of the set, or words"),
    "a further label too long": (
        lambda: changed("further_labels", further_label=None, words="w" * 201),
        "words of at most 200 characters",
    ),
    "a comment on no item": (lambda: changed("comments", label=0), "There is no item 0, a.jpg, 0."),
    "a comment by nobody": (lambda: changed("comments", reviewer="zoe"), "Reviewer zoe took part in no page."),
    "a comment without words": (lambda: changed("comments", words=""), "a.jpg, label 1: a comment has words."),
    "a consensus on no item": (lambda: changed("consensus", label=0), "There is no item 0, a.jpg, 0."),
    "a consensus by nobody": (lambda: changed("consensus", reviewer="zoe"), "Reviewer zoe took part in no page."),
    "a consensus that does not know": (
        lambda: changed("consensus", verdict="dontknow"),
        "a.jpg, label 1: a consensus is correct, wrong, unclear or unreviewed.",
    ),
    "a category of what is right": (
        lambda: changed("verdicts", category="Other", severity="Minor"),
        "a.jpg, label 1: only a wrong label has a category, and then a severity too.",
    ),
    "a category without a severity": (lambda: changed("verdicts", 1, category="Other"), "and then a severity too"),
    "a severity without a category": (lambda: changed("verdicts", 1, severity="Minor"), "only a wrong label has a"),
    "a severity of what is right": (lambda: changed("verdicts", severity="Minor"), "only a wrong label has a category"),
    "a category of a consensus on what is right": (
        lambda: changed("consensus", category="Other", severity="Minor"),
        "only a wrong label has a category",
    ),
    "a severity of a consensus alone": (
        lambda: changed("consensus", verdict="wrong", severity="Minor"),
        "only a wrong label has a category",
    ),
    "a reason twice": (lambda: small_log(reasons=["dark", "dark"]), "Reason dark stands twice."),
    "mistakes of no classifier": (lambda: small_log(stage="mistakes"), "A review of mistakes names its classifier"),
    "a first review with a classifier": (lambda: small_log(classifier="net"), "and others neither"),
    "a first review with an earlier one": (lambda: small_log(earlier="Small"), "and others neither"),
    "a blind review of none": (lambda: small_log(stage="blind"), "a blind review the earlier one"),
    "an unknown classifier": (
        lambda: small_log(stage="mistakes", classifier="net"),
        "knows no classifier “net”. Import its predictions first.",
    ),
    "an unknown earlier review": (
        lambda: small_log(stage="blind", earlier="The first"),
        "has no review “The first”, which this one follows. Load that one first.",
    ),
}
TABLES = (Review, ClassPage, Item, Verdict, ProblemMark, FurtherLabel, Comment, ConsensusVerdict, HIT, Submission)


@pytest.fixture
def dataset() -> Dataset:
    """A study of the classes 0 to 3, without images."""
    return make_dataset()


def stored() -> list[int]:
    return [table._default_manager.count() for table in TABLES]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_nothing_is_stored(dataset, fault):
    make, reason = FAULTS[fault]
    with pytest.raises(BadReviewRow) as refused:
        load_review(dataset=dataset, log=make())
    assert reason in str(refused.value)
    assert stored() == [0] * len(TABLES) and not dataset.images.exists()


def test_without_a_fault_it_is_stored_whole(dataset):
    review = load_review(dataset=dataset, log=small_log())
    assert stored() == [1, 2, 3, 3, 1, 1, 1, 1, 2, 3]
    assert renamed(log_of(review)) == renamed(small_log())
    assert review.batch.closed_at is not None
    assert dict(dataset.images.values_list("name", "dataset_label__index")) == {"a.jpg": 1, "b.jpg": None}


def test_an_image_with_another_dataset_label_here_is_refused(dataset):
    (image,) = make_images(dataset, 1, label=3)
    log = small_log()
    log.items.append(replace(log.items[0], image=image.name))
    with pytest.raises(StagedConflict, match=f"dataset_label is 1, but {image.name} has label 3"):
        load_review(dataset=dataset, log=log)
    assert not Review.objects.exists()


def test_a_blind_review_follows_the_newest_earlier_one_of_its_title(dataset):
    older, newer = (load_review(dataset=dataset, log=small_log()) for _ in range(2))
    blind = load_review(dataset=dataset, log=small_log(title="Again", stage="blind", earlier="Small"))
    assert blind.earlier == newer != older
    assert log_of(blind).review.earlier == "Small"


def test_a_classifier_of_the_label_set_is_met_again(dataset):
    net = Classifier.objects.create(name="net", network="net", label_set=dataset.label_set)
    Classifier.objects.create(name="other", network="other", label_set=make_dataset().label_set)
    log = small_log(stage="mistakes", classifier="net")
    log.verdicts[1] = replace(log.verdicts[1], category="Other", severity="Minor")
    review = load_review(dataset=dataset, log=log)
    assert review.classifier == net and renamed(log_of(review)) == renamed(log)
    with pytest.raises(BadReviewRow, match="knows no classifier “other”"):
        load_review(dataset=dataset, log=small_log(stage="mistakes", classifier="other"))


@pytest.mark.parametrize(
    "moment",
    ["2026-W01-4T12:00:00Z", "20260101T120000+0000", "2026-01-01 12:00:00,5+00:00", "2026-01-01T12:00:00.123456789Z"],
)
def test_times_of_every_form_are_stored_as_they_are_read(dataset, moment):
    log = changed("reviewers", submitted_at=moment)
    log.verdicts[0] = replace(log.verdicts[0], created_at=moment)
    review = load_review(dataset=dataset, log=log)
    assert log_of(review).reviewers[0].submitted_at.startswith("2026-01-01T12:00:00")
    assert log_of(review).verdicts[0].created_at.startswith("2026-01-01T12:00:00")


@pytest.mark.parametrize("state", ["excluded", "surplus"])
def test_what_does_not_count_elsewhere_does_not_count_here(dataset, state):
    log = changed("reviewers", state=state)
    review = load_review(dataset=dataset, log=log)
    assert states_of(review).counts.sum(axis=0).tolist() == [0, 1, 0, 0]
    assert log_of(review).reviewers[0].state == state
    assert progress(review).n_verdicts == 1


def test_of_several_verdicts_the_last_row_counts_whatever_its_time(dataset):
    log = small_log()
    log.verdicts.append(VerdictRow(0, "a.jpg", 1, "ann", "unclear", "", "", "2020-01-01T00:00:00+00:00"))
    review = load_review(dataset=dataset, log=log)
    counted = Verdict.objects.filter(counted=True, item__label__index=1).order_by("pk")
    assert list(counted.values_list("verdict", flat=True)) == ["wrong", "unclear"]
    assert renamed(log_of(review)) == renamed(log)


def test_a_consensus_that_is_taken_back_settles_nothing(dataset):
    log = small_log()
    log.consensus.append(replace(log.consensus[0], verdict="unreviewed"))
    review = load_review(dataset=dataset, log=log)
    assert label_set_document(review)["image_labels"]["a.jpg"] == {"unclear": ["n00000001"]}


def test_a_page_that_nobody_took_part_in_is_loaded_too(dataset):
    log = replace(small_log(), reviewers=[], verdicts=[], problems=[], further_labels=[], comments=[], consensus=[])
    review = load_review(dataset=dataset, log=log)
    assert (progress(review).n_pages, progress(review).n_items, progress(review).percent) == (2, 3, 0.0)
    assert log_of(review) == log and HIT.objects.filter(closed_at=None).count() == 0
    assert not any(label_set_document(review).values())


@pytest.mark.parametrize(
    "name", ["ä/ö ü.jpg", "צילום ראשון.jpg", 'it\'s "quoted" \\ 100%.jpg', "a" * 500, "=1+1", "\\N", "{}", "%(n)s"]
)
def test_unusual_names_of_images_and_people_pass_unchanged(dataset, name):
    log = renaming(small_log(), image={"a.jpg": name}, reviewer={"ann": name[:150]})
    review = load_review(dataset=dataset, log=log)
    assert renamed(log_of(review)) == renamed(log)
    assert set(label_set_document(review)["image_labels"]) == {name}


def test_loading_takes_as_many_queries_however_many_rows(dataset, django_assert_max_num_queries):
    log = small_log()
    log.items += [replace(log.items[0], image=f"{n}.jpg") for n in range(300)]
    log.verdicts += [VerdictRow(0, f"{n}.jpg", 1, "ann", "correct", "", "", MOMENT) for n in range(300)]
    with django_assert_max_num_queries(60):
        review = load_review(dataset=dataset, log=log)
    with django_assert_max_num_queries(12):
        assert len(log_of(review).verdicts) == 303


def test_faults_of_a_file_are_errors_for_people():
    assert issubclass(BadReviewRow, UserError)
