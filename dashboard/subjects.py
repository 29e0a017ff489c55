"""The study of an address, by the subject that the address names, and permissions that depend on the subject.

`staff_page` calls them with the arguments of an address, before any view. They raise Http404 for an unknown subject.
"""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from access.models import Invitation, Membership
from access.permissions.reads import May
from aggregation.models import RuleDecision
from api.models import ApiToken
from candidates.models import Run
from catalog.models import ClassExample, Dataset, Example, Image
from jobs.kinds import permission_for
from jobs.models import Job
from mturk.models import ListedAssignment
from review_task.blinding.reads import image_of_handle, is_hidden
from review_task.models import ClassPage, Item, Review
from workforce.models import Batch, Report, Submission


def study_of_image(public_id: str, **rest: Any) -> Dataset:
    return _study(Image.objects.filter(public_id=public_id), "dataset")


def study_of_class_example(public_id: str, **rest: Any) -> Dataset:
    return _study(ClassExample.objects.filter(public_id=public_id), "draw__dataset")


def study_of_batch(pk: int, **rest: Any) -> Dataset:
    return _study(Batch.objects.filter(pk=pk), "dataset")


def study_of_run(pk: int, **rest: Any) -> Dataset:
    return _study(Run.objects.filter(pk=pk), "dataset")


def study_of_job(pk: int, **rest: Any) -> Dataset:
    return _study(Job.objects.filter(pk=pk), "dataset")


def study_of_report(pk: int, **rest: Any) -> Dataset:
    return _study(Report.objects.filter(pk=pk), "lease__batch__dataset")


def study_of_submission(pk: int, **rest: Any) -> Dataset:
    return _study(Submission.objects.filter(pk=pk), "hit__batch__dataset")


def study_of_rule_decision(pk: int, **rest: Any) -> Dataset:
    return _study(RuleDecision.objects.filter(pk=pk), "rule__dataset")


def study_of_assignment(pk: int, **rest: Any) -> Dataset:
    return _study(ListedAssignment.objects.filter(pk=pk), "marketplace_hit__terms__batch__dataset")


def study_of_membership(pk: int, **rest: Any) -> Dataset:
    return _study(Membership.objects.filter(pk=pk), "dataset")


def study_of_invitation(pk: int, **rest: Any) -> Dataset:
    return _study(Invitation.objects.filter(pk=pk), "dataset")


def study_of_token(pk: int, **rest: Any) -> Dataset:
    """Return the study of a token. Tokens for all studies belong to none."""
    return _study(ApiToken.objects.filter(pk=pk), "dataset")


def study_of_review(pk: int, **rest: Any) -> Dataset:
    return _study(Review.objects.filter(pk=pk), "batch__dataset")


def study_of_class_page(pk: int, **rest: Any) -> Dataset:
    return _study(ClassPage.objects.filter(pk=pk), "review__batch__dataset")


def study_of_example(public_id: str, **rest: Any) -> Dataset:
    return _study(Example.objects.filter(public_id=public_id), "example_set__settings__dataset")


def study_of_handle(public_id: str, **rest: Any) -> Dataset:
    """Return the study of a photograph in a review, by the ID that its page gives it."""
    image = image_of_handle(public_id)
    if image is None:
        raise Http404
    return image.dataset


def permission_of_review(pk: int, **rest: Any) -> May:
    """Return the permission to see what a review says of labels: more is needed while a blind review hides it."""
    return _to_review(Review.objects.filter(pk=pk))


def permission_of_class_page(pk: int, **rest: Any) -> May:
    return _to_review(Review.objects.filter(pages=pk))


def permission_of_item(public_id: str, **rest: Any) -> May:
    return _to_review(Review.objects.filter(pages__items__public_id=public_id))


def _to_review(rows: QuerySet[Review]) -> May:
    review = rows.select_related("batch__dataset").first()
    if review is None:
        raise Http404
    return May.READ_VOTES if is_hidden(review) else May.REVIEW


def study_of_item(public_id: str, **rest: Any) -> Dataset:
    return _study(Item.objects.filter(public_id=public_id), "page__review__batch__dataset")


def permission_of_job(pk: int, **rest: Any) -> May:
    """Return the permission to start, stop and read a job."""
    kind = Job.objects.filter(pk=pk).values_list("kind", flat=True).first()
    if kind is None:
        raise Http404
    return permission_for(Job.Kind(kind))


def _study(rows: QuerySet[Any], path: str) -> Dataset:
    dataset = Dataset.objects.filter(pk__in=rows.values(path)).first()
    if dataset is None:
        raise Http404
    return dataset
