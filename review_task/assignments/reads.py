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
# A class that the worker began and that has a label without a verdict of theirs; else one with a free slot that is
# theirs or anybody's. Whoever is excluded from a class is not led there again.
NEXT = """
    SELECT page.id
    FROM review_task_classpage page
    LEFT JOIN workforce_submission seat ON seat.hit_id = page.hit_id AND seat.worker_id = %(worker)s
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, count(*) FILTER (
            WHERE assignment.person_id = %(user)s OR EXISTS (
                SELECT FROM review_task_group_members member
                WHERE member.group_id = assignment.group_id AND member.user_id = %(user)s
            )
        ) AS n_theirs
        FROM review_task_pageassignment assignment WHERE assignment.page_id = page.id
    ) assigned
    WHERE page.review_id = %(review)s AND page.id <> %(after)s AND CASE
        WHEN seat.id IS NOT NULL THEN EXISTS (
            SELECT FROM review_task_item item WHERE item.page_id = page.id AND NOT EXISTS (
                SELECT FROM review_task_verdict verdict
                WHERE verdict.item_id = item.id AND verdict.worker_id = seat.worker_id AND verdict.counted
                  AND verdict.verdict <> 'unreviewed'
            )
        ) AND NOT EXISTS (
            SELECT FROM workforce_exclusion exclusion
            WHERE exclusion.submission_id = seat.id AND exclusion.lifted_at IS NULL
        )
        ELSE (assigned.n = 0 OR assigned.n_theirs > 0) AND EXISTS (
            SELECT FROM workforce_slot slot WHERE slot.hit_id = page.hit_id AND slot.state = 'free'
        )
    END
    ORDER BY seat.id IS NULL, seat.id IS NULL AND assigned.n_theirs = 0, page.number LIMIT 1
"""


def next_page_id(review: Review, user: User, worker_id: int | None, after: int | None) -> int | None:
    """Return the id of the page that a reviewer should go on with, other than `after`; None if nothing is left."""
    values = {"review": review.pk, "user": user.pk, "worker": worker_id or 0, "after": after or 0}
    with connection.cursor() as cursor:
        cursor.execute(NEXT, values)
        row = cursor.fetchone()
    return row and row[0]


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
