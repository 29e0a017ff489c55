"""Assignments of classes, and families of classes."""

from collections import defaultdict

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Q, QuerySet

from review_task.models import ClassPage, PageAssignment, Review

BELOW = """
    WITH RECURSIVE family (wnid) AS (
        SELECT %(synset)s::varchar
        UNION SELECT edge.from_synset_id
        FROM catalog_synset_hypernyms edge JOIN family ON edge.to_synset_id = family.wnid
    )
    SELECT label.id FROM catalog_label label JOIN family USING (wnid) WHERE label.label_set_id = %(label_set)s
"""


def is_assigned_to_others(page: ClassPage, user: User) -> bool:
    """Return whether a class is assigned, and not to this person or a group of theirs."""
    theirs = Q(person=user) | Q(group__members=user)
    assignments = PageAssignment.objects.filter(page=page)
    return assignments.exists() and not assignments.filter(theirs).exists()


def labels_below(label_set_id: int, synset: str) -> list[int]:
    """Return the ids of the classes at and below a synset (its WordNet ID) in the hierarchy."""
    with connection.cursor() as cursor:
        cursor.execute(BELOW, {"synset": synset, "label_set": label_set_id})
        return [pk for (pk,) in cursor.fetchall()]


def pages_of_family(review: Review, *, synset: str = "", superclass: str = "") -> QuerySet[ClassPage]:
    """Return the pages of classes below a synset, or of a superclass."""
    if synset:
        return review.pages.filter(label__in=labels_below(review.batch.dataset.label_set_id, synset))
    return review.pages.filter(label__superclass=superclass)


def names_by_page(review: Review) -> dict[int, list[str]]:
    """Return the names of the people and groups that a page (id) is assigned to."""
    rows = PageAssignment.objects.filter(page__review=review).order_by("pk")
    names = defaultdict(list)
    for page_id, person, group in rows.values_list("page_id", "person__username", "group__name"):
        names[page_id].append(person or group)
    return names


def pages_of_person(review: Review, user: User) -> set[int]:
    """Return the pages (ids) that are assigned to a person, or to a group of theirs."""
    theirs = PageAssignment.objects.filter(Q(person=user) | Q(group__members=user), page__review=review)
    return set(theirs.values_list("page_id", flat=True))
