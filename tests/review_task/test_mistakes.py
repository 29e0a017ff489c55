"""Queues of a classifier's mistakes: what is one under which labels, how it is judged, and files of judgements."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from aggregation.models import Annotation
from audit.models import AuditEntry
from catalog.class_pairs.actions import add_pair
from catalog.models import Classifier, ClassPair, Image, Label
from catalog.reads import current_settings
from data_export.reads import exported_files, write_rows
from review_task.actions import close_review, give_verdict, mark_problem, open_review
from review_task.consensus.actions import settle
from review_task.consensus.reads import Decision, Standing, queue_of
from review_task.errors import BadVerdict
from review_task.mistakes.actions import BadMistakePair, NoMistakes, NoPredictions, open_mistakes, pair_classes
from review_task.mistakes.reads import (
    UnknownClassifier,
    classifier_named,
    judged_mistakes,
    labels_beside,
    mistake_row,
    queues_of,
    sources_of,
)
from review_task.models import Item, LabelsInForce, MistakeCategory, Review, Severity, Verdict
from studies.mistakes.actions import open_mistake_queue
from tests.commands import refusal, said
from tests.factories import make_dataset, make_images
from tests.required import require
from tests.review_task.panels import items_of, judge, make_reviewers, predict, review_of
from workforce.actions import exclude_submission
from workforce.kinds import kind_named
from workforce.models import Submission, Worker
from workforce.reads import pseudonym
from workforce.votes.actions import settle_votes

pytestmark = pytest.mark.django_db

RELEASED = Path(__file__).parents[3] / "shared" / "released" / "vit3b_mistakes.csv"
FINE, OOV = MistakeCategory.FINE_GRAINED, MistakeCategory.FINE_GRAINED_OOV


def queue_of_predictions(labels=(0, 1, 1, 2), **options) -> Review:
    """The queue of a classifier that says these labels of images of class 0."""
    dataset = make_dataset()
    classifier = predict(dataset, make_images(dataset, len(labels)), labels)
    return open_mistakes(dataset=dataset, classifier=classifier, **options).review


def label_of(dataset, index) -> Label:
    return dataset.label_set.labels.get(index=index)


def judged(dataset) -> list[dict]:
    return [mistake_row(item) for item in judged_mistakes(dataset).order_by("image__name")]


# What is a mistake


def test_a_queue_has_the_first_ranks_that_are_not_the_datasets_label():
    dataset = make_dataset()
    zeros, twos = make_images(dataset, 2, label=0), make_images(dataset, 2, label=2)
    classifier = predict(dataset, [*zeros, *twos], [0, 1, 2, 1])
    opened = open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=2, seed=5)
    assert (opened.is_new, opened.n_new, opened.n_predictions) == (True, Counter(dataset=2), 4)
    review = opened.review
    assert (review.stage, review.classifier, review.n_reviewers) == ("mistakes", classifier, 2)
    assert review.title == f"Mistakes of {classifier}"
    # On the page of the class of each image, in the order of classes.
    pages = review.pages.order_by("number").values_list("label__index", "items__label__index")
    assert list(pages) == [(0, 1), (2, 1)]
    rows = LabelsInForce.objects.order_by("item__page__number").values_list("source", "labels")
    assert list(rows) == [("dataset", [0]), ("dataset", [2])]
    assert AuditEntry.objects.filter(action="review.open").count() == 1
    assert [vars(row)["n_items"] for row in queues_of(dataset)] == [2] and sources_of(review) == {"dataset": 2}


def test_annotations_by_people_come_before_the_datasets_label():
    dataset = make_dataset()
    images = make_images(dataset, 3)
    for image, labels in zip(images[:2], ([1], [0, 2]), strict=True):
        Annotation.objects.create(
            image=image,
            settings=current_settings(dataset),
            main_label=labels[0],
            n_objects=len(labels),
            n_annotators=3,
            n_optimal_partitions=1,
            objects_found=[{"label": label, "labels": [], "main_votes": 1} for label in labels],
            unplaced=[],
            main_may_differ=False,
            main_must_differ=False,
        )
    # By people 1 is right on the first, and 2 on the second; of the third only the dataset says something.
    classifier = predict(dataset, images, [0, 2, 1])
    opened = open_mistake_queue(dataset=dataset, classifier=classifier)
    assert opened.n_new == Counter(people=1, dataset=1)
    assert {(row.item.image_id, *row.labels) for row in LabelsInForce.objects.all()} == {
        (images[0].pk, 1),
        (images[2].pk, 0),
    }


def test_reviews_come_before_everything_else():
    review, _ = review_of(["cwuc", "cwuw"])
    dataset = review.batch.dataset
    images = [item.image for item in items_of(review)]
    classifier = predict(dataset, images, [1, 1, 1, 1])
    # 1 is correct on the first; unclear on the third, in dispute on the last: neither is a mistake.
    opened = open_mistakes(dataset=dataset, classifier=classifier)
    assert [item.image for item in items_of(opened.review)] == [images[1]]
    # On the second, the review left no correct label: the dataset's counts.
    assert opened.n_new == Counter(dataset=1)
    other = predict(dataset, images, [0, 2, 2, 2])
    opened = open_mistakes(dataset=dataset, classifier=other)
    sources = {
        row.item.image_id: (row.source, row.labels) for row in LabelsInForce.objects.filter(item__label__index=0)
    }
    assert sources == {images[0].pk: ("reviews", [1])}
    assert opened.n_new == Counter(reviews=1, dataset=3)


def test_an_image_whose_label_a_review_found_wrong_has_none_until_another_is_found():
    dataset = make_dataset()
    (image,) = make_images(dataset, 1)
    review = open_review(dataset=dataset, title="t", predictions=[(image.name, 0, 1)])
    judge(review, make_reviewers(dataset, 1)[0], "w")
    classifier = predict(dataset, [image], [2])
    with pytest.raises(NoMistakes):
        open_mistakes(dataset=dataset, classifier=classifier)
    with pytest.raises(NoPredictions):
        open_mistakes(dataset=dataset, classifier=predict(dataset, [], []))


def test_what_a_queue_finds_correct_is_added_to_the_labels():
    queue = queue_of_predictions((1, 2))
    dataset = queue.batch.dataset
    (ann,) = make_reviewers(dataset, 1)
    first, second = items_of(queue)
    give_verdict(page=first.page, user=ann, item=first, verdict="correct")
    give_verdict(page=second.page, user=ann, item=second, verdict="wrong", category=FINE, severity="Minor")
    images = [first.image, second.image]
    again = predict(dataset, images, [first.label.index, second.label.index])
    opened = open_mistakes(dataset=dataset, classifier=again)
    assert [item.image for item in items_of(opened.review)] == [second.image]
    third = predict(dataset, images, [3, 0])
    open_mistakes(dataset=dataset, classifier=third)
    row = LabelsInForce.objects.get(item__label__index=3)
    assert (row.source, row.labels) == ("dataset", sorted([0, first.label.index]))


def test_problematic_images_and_equivalent_classes_are_left_out():
    dataset = make_dataset()
    images = make_images(dataset, 3)
    review = open_review(dataset=dataset, title="t", predictions=[(image.name, 0, 1) for image in images])
    (ann,) = make_reviewers(dataset, 1)
    mark_problem(page=review.pages.get(), user=ann, image=images[0], reason="drawing")
    mark_problem(page=review.pages.get(), user=ann, image=images[1], reason="drawing")
    mark_problem(page=review.pages.get(), user=ann, image=images[1], reason="drawing", is_set=False)
    add_pair(
        label_set=dataset.label_set,
        first=label_of(dataset, 2),
        second=label_of(dataset, 0),
        kind="equivalent",
        provenance="a paper",
        added_by=None,
    )
    classifier = predict(dataset, images, [1, 1, 2])
    opened = open_mistakes(dataset=dataset, classifier=classifier)
    assert (opened.n_problematic, opened.n_equivalent, opened.n_new.total()) == (1, 1, 1)
    assert [item.image for item in items_of(opened.review)] == [images[1]]


def test_what_is_new_joins_the_open_queue():
    queue = queue_of_predictions((0, 1))
    dataset, classifier = queue.batch.dataset, require(queue.classifier)
    again = open_mistakes(dataset=dataset, classifier=classifier)
    assert (again.review, again.is_new, again.n_new.total()) == (queue, False, 0)
    predict_more = make_images(dataset, 2)
    for image in predict_more:
        classifier.predictions.create(image=image, labels=[2])
    again = open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=3)
    assert (again.review, again.n_new.total(), again.review.n_reviewers) == (queue, 2, 1)
    assert AuditEntry.objects.filter(action="mistakes.add").count() == 1
    close_review(review=queue)
    assert open_mistakes(dataset=dataset, classifier=classifier).review != queue


def test_an_unknown_classifier_is_answered_with_the_known_ones():
    queue = queue_of_predictions()
    with pytest.raises(UnknownClassifier, match=str(queue.classifier)):
        classifier_named(queue.batch.dataset, "absent")


# Judging


def test_a_mistake_has_a_category_and_a_severity():
    queue = queue_of_predictions((1,))
    (item,) = items_of(queue)
    (ann,) = make_reviewers(queue.batch.dataset, 1)
    for kind in ({}, {"category": FINE}, {"severity": "Major"}, {"category": " ", "severity": "Major"}):
        with pytest.raises(BadVerdict):
            give_verdict(page=item.page, user=ann, item=item, verdict="wrong", **kind)
    for long in ({"category": "x" * 61, "severity": "Major"}, {"category": FINE, "severity": "x" * 21}):
        with pytest.raises(BadVerdict):
            give_verdict(page=item.page, user=ann, item=item, verdict="wrong", **long)
    with pytest.raises(BadVerdict):
        give_verdict(page=item.page, user=ann, item=item, verdict="correct", category=FINE, severity="Major")
    give_verdict(page=item.page, user=ann, item=item, verdict="wrong", category="Blurred", severity="Severe")
    assert judged(queue.batch.dataset) == [
        {"image": item.image.name, "prediction": 1, "category": "Blurred", "severity": "Severe"}
    ]


def test_other_reviews_have_no_categories():
    review, (ann,) = review_of(["c"])
    (item,) = items_of(review)
    with pytest.raises(BadVerdict):
        give_verdict(page=item.page, user=ann, item=item, verdict="wrong", category=FINE, severity="Major")


def test_a_mistake_is_judged_when_all_reviewers_say_the_same_or_it_is_settled():
    queue = queue_of_predictions((1, 1, 1, 1), n_reviewers=2)
    dataset = queue.batch.dataset
    ann, bob = make_reviewers(dataset, 2)
    says = [
        (("wrong", FINE, "Major"), ("wrong", FINE, "Major")),
        (("wrong", FINE, "Major"), ("wrong", FINE, "Minor")),
        (("wrong", OOV, "Minor"), ("dontknow", "", "")),
        (("correct", "", ""), ("wrong", FINE, "Minor")),
    ]
    for item, both in zip(items_of(queue), says, strict=True):
        give_verdict(page=item.page, user=ann, item=item, **dict(zip(KEYS, both[0], strict=True)))
    assert not judged(dataset), "one of two says nothing yet"
    for item, both in zip(items_of(queue), says, strict=True):
        give_verdict(page=item.page, user=bob, item=item, **dict(zip(KEYS, both[1], strict=True)))
    names = [item.image.name for item in items_of(queue)]
    assert {row["image"]: (row["category"], row["severity"]) for row in judged(dataset)} == {
        names[0]: (FINE, "Major"),
        names[2]: (OOV, "Minor"),
    }
    # They agree that the second is wrong, and not how badly: that is a dispute too.
    assert [tally.standing for tally in queue_of(queue, ann)] == [Standing.OPEN, Standing.OPEN]
    _, second, _, last = items_of(queue)
    with pytest.raises(BadVerdict):
        settle(item=second, user=ann, decision=Decision("wrong"), last=None)
    settle(item=second, user=ann, decision=Decision("wrong", FINE, "Borderline"), last=None)
    settle(item=last, user=ann, decision=Decision("correct"), last=None)
    assert {row["image"]: row["severity"] for row in judged(dataset)} == {
        names[0]: "Major",
        names[1]: "Borderline",
        names[2]: "Minor",
    }


KEYS = ("verdict", "category", "severity")


# Pairs


def test_a_judged_mistake_adds_a_pair_with_its_provenance_once():
    queue = queue_of_predictions((1, 1))
    dataset = queue.batch.dataset
    (ann,) = make_reviewers(dataset, 1)
    first, second = items_of(queue)
    assert [label.index for label in labels_beside(first)] == [0]
    pair, is_new = pair_classes(item=first, other=label_of(dataset, 0), kind="confusable", user=ann)
    assert is_new and (pair.first.index, pair.second.index, pair.kind) == (0, 1, "confusable")
    assert pair.provenance == f"review {queue.pk}, mistakes of {queue.classifier}"
    assert (pair.note, pair.added_by) == (first.image.name, ann)
    again, is_new = pair_classes(item=second, other=label_of(dataset, 0), kind="confusable", user=ann)
    assert again == pair and not is_new
    pair_classes(item=second, other=label_of(dataset, 0), kind="equivalent", user=ann)
    assert ClassPair.objects.count() == 2 == AuditEntry.objects.filter(action="pair.add").count()
    for index in (1, 3):
        with pytest.raises(BadMistakePair):
            pair_classes(item=first, other=label_of(dataset, index), kind="equivalent", user=ann)


# Files


ROWS = """image,prediction,category,severity
a.jpg,2,Fine-grained error with OOV,Borderline
b.jpg,1,Fine-grained error,Minor
c.jpg,3,Spurious Correlation,Major
d.jpg,1,Something of their own,Grave
"""


def file_of(tmp_path, text=ROWS):
    path = tmp_path / "mistakes.csv"
    path.write_text(text)
    return path


def words_of(tmp_path, dataset, text, *further):
    return ("import_mistakes", file_of(tmp_path, text), "--dataset", dataset.name, "--classifier", "ViT-3B", *further)


def import_file(tmp_path, dataset, text=ROWS):
    return said(*words_of(tmp_path, dataset, text))[0]


def exported(dataset, kind="mistakes"):
    out = io.StringIO(newline="")
    write_rows(exported_files()[kind], dataset, "csv", False, out)
    return out.getvalue()


def test_a_file_goes_in_as_the_judgement_of_a_panel_and_comes_out_the_same(tmp_path):
    dataset = make_dataset()
    existing = Image.objects.create(dataset=dataset, name="b.jpg", dataset_label=label_of(dataset, 0))
    words = import_file(tmp_path, dataset)
    assert "4 mistakes (4 new in the queue, 4 judged anew), 3 new images without files." in words
    assert exported(dataset) == ROWS
    queue = Review.objects.get()
    assert (queue.stage, require(queue.classifier).name, queue.n_reviewers) == ("mistakes", "ViT-3B", 1)
    assert Item.objects.get(image=existing).page.label == existing.dataset_label
    assert sources_of(queue) == {"panel": 4} and dataset.images.count() == 4
    worker = Worker.objects.get(identity__marketplace="panel")
    assert set(Verdict.objects.values_list("worker", flat=True)) == {worker.pk}
    assert pseudonym(dataset, worker.pk) in exported(dataset, "verdicts")


def test_the_same_file_again_stores_nothing_and_a_corrected_one_what_differs(tmp_path):
    dataset = make_dataset()
    import_file(tmp_path, dataset)
    assert "(0 new in the queue, 0 judged anew), 0 new images" in import_file(tmp_path, dataset)
    corrected = ROWS.replace("Minor", "Major") + "e.jpg,0,Other,Minor\n"
    assert "(1 new in the queue, 2 judged anew), 1 new images" in import_file(tmp_path, dataset, corrected)
    assert exported(dataset) == corrected
    assert (Review.objects.count(), Verdict.objects.count()) == (1, 6)
    assert Verdict.objects.filter(counted=True).count() == 5


def test_an_export_goes_into_another_study(tmp_path):
    tricky = 'image,prediction,category,severity\n=a.jpg,1,"Wrong, or not",Minor\n'
    first, second = make_dataset(), make_dataset()
    import_file(tmp_path, first, tricky)
    out = exported(first)
    assert "'=a.jpg" in out
    import_file(tmp_path, second, out)
    assert exported(second) == out and second.images.get().name == "=a.jpg"


def test_a_panel_takes_a_seat_in_an_open_queue(tmp_path):
    dataset = make_dataset()
    images = make_images(dataset, 2)
    classifier = predict(dataset, images, [1, 2], "ViT-3B")
    queue = open_mistakes(dataset=dataset, classifier=classifier, n_reviewers=2).review
    (ann,) = make_reviewers(dataset, 1)
    text = ROWS.splitlines()[0] + f"\n{images[0].name},1,Other,Minor\n"
    import_file(tmp_path, dataset, text)
    assert Review.objects.get() == queue and not judged(dataset)
    for item in items_of(queue):
        give_verdict(page=item.page, user=ann, item=item, verdict="wrong", category="Other", severity="Minor")
    assert [row["image"] for row in judged(dataset)] == [images[0].name]
    problem = refusal(*words_of(tmp_path, dataset, text, "--panel", "another"))
    assert "has all its reviewers" in problem and "Close the queue first" in problem


def test_a_panel_that_is_excluded_counts_no_more(tmp_path):
    dataset = make_dataset()
    import_file(tmp_path, dataset)
    submission = Submission.objects.get()
    exclude_submission(submission=submission, reason="not an expert")
    settle_votes(kind=kind_named("review"), submission_ids=[submission.pk])
    assert exported(dataset) == ROWS.splitlines(keepends=True)[0]
    import_file(tmp_path, dataset, ROWS.replace("Minor", "Major"))
    assert exported(dataset) == ROWS.splitlines(keepends=True)[0]


FAULTS = {
    "no such class": ("a.jpg,4,Other,Minor", "the prediction “4” is no class index"),
    "no number": ("a.jpg,n01,Other,Minor", "the prediction “n01” is no class index"),
    "a long number": ("a.jpg,1000000000000,Other,Minor", "is no class index"),
    "another digit": ("a.jpg,²,Other,Minor", "is no class index"),
    "no category": ("a.jpg,1,,Minor", "category has 0 characters"),
    "no severity": ("a.jpg,1,Other,", "severity has 0 characters"),
    "a long category": (f"a.jpg,1,{'x' * 61},Minor", "category has 61 characters"),
    "a long severity": (f"a.jpg,1,Other,{'x' * 21}", "severity has 21 characters"),
    "no image": (",1,Other,Minor", "a name has 1 to"),
    "twice": ("fine.jpg,2,Other,Minor", "fine.jpg is in line 2 already"),
    "a short line": ("a.jpg,1,Other", "the line has 3 cells"),
    "another prediction": ("known.jpg,2,Other,Minor", "the first rank of ViT-3B on known.jpg is 1, not 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_with_a_fault_is_refused_as_a_whole_and_says_where(tmp_path, fault):
    dataset = make_dataset()
    image = Image.objects.create(dataset=dataset, name="known.jpg")
    predict(dataset, [image], [1], "ViT-3B")
    row, reason = FAULTS[fault]
    text = f"image,prediction,category,severity\nfine.jpg,1,Other,Minor\n{row}\n"
    problem = refusal(*words_of(tmp_path, dataset, text))
    assert reason in problem and "line 3" in problem
    assert dataset.images.count() == 1 and not Review.objects.exists() and Classifier.objects.count() == 1


@pytest.mark.parametrize(
    "text", ["image,prediction,category\na,1,Other\n", "", "image,prediction,category,severity,x\n"]
)
def test_another_table_is_refused(tmp_path, text):
    assert "column" in refusal(*words_of(tmp_path, make_dataset(), text))


@pytest.mark.skipif(not RELEASED.exists(), reason="the released mistakes (../shared/released) are absent")
def test_the_published_file_goes_in_and_comes_out_the_same(transactional_db):
    said("import_mistakes", RELEASED, "--dataset", "imagenet", "--classifier", "ViT-3B")
    out, _ = said("export", "mistakes", "--dataset", "imagenet", "--format", "csv")
    assert out == RELEASED.read_text()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["category"] for row in rows} <= set(MistakeCategory.values)
    assert {row["severity"] for row in rows} == set(Severity.values)
