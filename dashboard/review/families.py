"""Classes, and families of classes, as people name them in the form of assignments."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.models import User

from catalog.models import Synset
from catalog.reads import UnknownLabel, label_lookup
from review_task.actions import assign, make_group
from review_task.models import Review


def assign_family(*, review: Review, family: str, people: Collection[User], group: str = "") -> int:
    """Assign a class, or the classes of a group in WordNet or of a superclass. Returns how many; raises a UserError."""
    to: dict[str, Any] = {"people": people}
    if group:
        to = {"group": make_group(review=review, name=group, people=people)}
    return assign(review=review, **_family(review, family.strip()), **to)


def _family(review: Review, text: str) -> dict[str, Any]:
    try:
        label = label_lookup(review.batch.dataset.label_set)(text)
    except UnknownLabel:
        is_synset = Synset.objects.filter(pk=text).exists()
        return {"synset": text} if is_synset else {"superclass": text}
    page = review.pages.filter(label=label).first()
    # A class that has no page is a family without a class.
    return {"page": page} if page else {"superclass": text}
