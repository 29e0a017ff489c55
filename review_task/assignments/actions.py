"""Assignments of classes to people, and of families of classes to groups."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from access.permissions.reads import May, permissions_in
from catalog.models import Synset
from review_task.assignments.reads import pages_of_family
from review_task.errors import NoName, NotAReviewer, NothingToReview
from review_task.models import ClassPage, Group, PageAssignment, Review

LONGEST_NAME = 100


@transaction.atomic
def make_group(*, review: Review, name: str, people: Collection[User]) -> Group:
    """Make a group of reviewers, or give the group of this name these members. Raises NotAReviewer, or NoName."""
    _check_reviewers(review, people)
    words = " ".join(name.split())[:LONGEST_NAME]
    if not words:
        raise NoName(gettext("A group of reviewers needs a name."))
    group, _ = Group.objects.get_or_create(review=review, name=words)
    group.members.set(people)
    return group


@transaction.atomic
def assign(
    *,
    review: Review,
    page: ClassPage | None = None,
    synset: str = "",
    superclass: str = "",
    people: Collection[User] = (),
    group: Group | None = None,
) -> int:
    """Assign a class, or the family of classes below a synset or of a superclass, to people or to a group.

    Returns the number of classes. Classes that people work on stay theirs. Raises NotAReviewer, and NothingToReview
    where the family has no class in this review.
    """
    _check_reviewers(review, people)
    pages = [page] if page is not None else list(pages_of_family(review, synset=synset, superclass=superclass))
    if not pages:
        raise NothingToReview(gettext("No class of this review belongs to that family."))
    if group is not None and synset:
        Group.objects.filter(pk=group.pk).update(synset=Synset.objects.filter(pk=synset).first())
    rows = [PageAssignment(page=each, person=person) for each in pages for person in people]
    rows += [PageAssignment(page=each, group=group) for each in pages if group is not None]
    PageAssignment.objects.bulk_create(rows, ignore_conflicts=True)
    return len(pages)


@transaction.atomic
def unassign(*, page: ClassPage, person: User | None = None, group: Group | None = None) -> None:
    """End the assignment of a class to a person or group; without any, the class is anybody's."""
    rows = PageAssignment.objects.filter(page=page)
    if person is not None or group is not None:
        rows = rows.filter(person=person, group=group)
    rows.delete()


def _check_reviewers(review: Review, people: Collection[User]) -> None:
    for person in people:
        if May.REVIEW not in permissions_in(person, review.batch.dataset):
            raise NotAReviewer(gettext("%(name)s is no reviewer of this study.") % {"name": person.get_username()})
