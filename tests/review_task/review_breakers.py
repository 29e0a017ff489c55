"""Each constraint of reviews broken once, for tests/workforce/test_constraints.py."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model

from catalog.models import Classifier
from review_task.actions import add_label, assign, give_verdict, make_group, mark_problem, take_part
from review_task.models import (
    ClassPage,
    Comment,
    ConsensusVerdict,
    FurtherLabel,
    Group,
    Item,
    PageAssignment,
    Press,
    ProblemMark,
    ProblemReason,
    Review,
    Verdict,
)
from tests.factories import make_hits
from tests.review_task.reviews import make_review, make_reviewer


def review_with(**fields: Any) -> None:
    review = make_review()
    if fields.get("classifier"):
        label_set = review.batch.dataset.label_set
        fields["classifier"] = Classifier.objects.create(name="a", network="a", label_set=label_set)
    Review.objects.filter(pk=review.pk).update(**fields)


def again(row: Model, **fields: Any) -> None:
    """Store a row a second time, changed a little."""
    row.pk = None
    row._state.adding = True
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def page() -> ClassPage:
    return make_review().pages.get()


def group() -> Group:
    return make_group(review=make_review(), name="birds", people=[])


def assignment(by: str) -> PageAssignment:
    review = make_review()
    people = [make_reviewer(review)] if by == "person" else []
    assign(
        review=review,
        page=review.pages.get(),
        people=people,
        group=None if people else make_group(review=review, name="birds", people=[]),
    )
    return PageAssignment.objects.get(page__review=review)


def item() -> Item:
    row = page().items.first()
    assert row is not None
    return row


def verdict(value: str = "correct") -> Verdict:
    row = item()
    return give_verdict(page=row.page, user=make_reviewer(row.page.review), item=row, verdict=value)


def changed(make: Callable[[], Model], **fields: Any) -> Callable[[], object]:
    return lambda: type(row := make())._default_manager.filter(pk=row.pk).update(**fields)


def mark() -> ProblemMark:
    row = item()
    return mark_problem(page=row.page, user=make_reviewer(row.page.review), image=row.image, reason="drawing")


def further() -> FurtherLabel:
    row = item()
    return add_label(page=row.page, user=make_reviewer(row.page.review), image=row.image, words="spoon")


def comment() -> Comment:
    row = item()
    worker = take_part(page=row.page, user=make_reviewer(row.page.review)).worker
    return Comment.objects.create(item=row, worker=worker, words="a spoon")


def settled() -> ConsensusVerdict:
    row = item()
    worker = take_part(page=row.page, user=make_reviewer(row.page.review)).worker
    return ConsensusVerdict.objects.create(item=row, worker=worker, verdict="wrong", is_last=True)


def press() -> Press:
    row = item()
    submission = take_part(page=row.page, user=make_reviewer(row.page.review))
    return Press.objects.create(submission=submission, key="a", device="b")


def page_twice(**fields: Any) -> None:
    row = page()
    (hit,) = make_hits(batch=row.review.batch)
    again(row, **{"hit": hit} | fields)


def reason() -> ProblemReason:
    return ProblemReason.objects.create(review=make_review(), words="blurred")


BREAKERS: dict[str, Callable[[], object]] = {
    "review_stage_is_known": lambda: review_with(stage="last"),
    "review_has_1_to_100_reviewers": lambda: review_with(n_reviewers=101),
    "review_of_mistakes_has_a_classifier": lambda: review_with(stage="mistakes"),
    "blind_review_has_an_earlier_one": lambda: review_with(stage="blind"),
    "problem_reason_once_per_review": lambda: again(reason()),
    "problem_reason_has_words": changed(reason, words=""),
    "group_name_once_per_review": lambda: again(group()),
    "page_number_once_per_review": lambda: page_twice(label=None),
    "class_page_once_per_review": lambda: page_twice(number=99),
    "page_is_assigned_to_a_person_or_a_group": changed(lambda: assignment("person"), person=None),
    "page_once_per_person": lambda: again(assignment("person")),
    "page_once_per_group": lambda: again(assignment("group")),
    "item_once_per_page": lambda: again(item(), public_id="another"),
    "item_origin_is_known": changed(item, origin="nobody"),
    "predicted_item_has_a_model": changed(item, n_models=0),
    "verdict_is_known": changed(verdict, verdict="maybe"),
    "verdict_role_is_question": changed(verdict, role="control"),
    "only_a_mistake_has_category_and_severity": changed(verdict, category="Other", severity="Minor"),
    "one_counted_verdict_per_reviewer_and_item": lambda: again(verdict()),
    "problem_mark_has_a_reason": changed(mark, reason=""),
    "one_counted_problem_mark_per_reviewer_and_image": lambda: again(mark()),
    "further_label_is_of_the_set_or_in_words": changed(further, words=""),
    "one_counted_further_label": lambda: again(further()),
    "press_once_per_submission": lambda: again(press()),
    "press_has_a_key": changed(press, key=""),
    "comment_has_words": changed(comment, words=""),
    "consensus_verdict_is_known": changed(settled, verdict="dontknow"),
    "one_last_consensus_verdict_per_item": lambda: again(settled()),
}
