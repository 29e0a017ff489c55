"""Items in consensus as the pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.http import Http404
from django.utils.translation import gettext_lazy

from numerics.verdicts import DISPUTED, STATES, VERDICTS
from review_task.blinding.reads import image_handle
from review_task.consensus.reads import Decision, Standing, Tally, tallies_of, tally_for
from review_task.models import Item, Review

RELATED = ("page__review__batch__dataset__label_set", "page__label", "image__dataset_label", "label")
FILTERS = {
    Standing.OPEN: gettext_lazy("In dispute"),
    Standing.SETTLED: gettext_lazy("Settled"),
    Standing.AGREED: gettext_lazy("Agreed on since"),
}


@dataclass(frozen=True)
class ItemShown:
    """An item with its tally; `counts` are (verdict, number of reviewers), those that somebody said."""

    item: Item
    tally: Tally

    @property
    def handle(self) -> str:
        """Return the ID of the image in the addresses of its page."""
        return image_handle(self.item.page, self.item.image)

    @property
    def counts(self) -> list[tuple[str, int]]:
        return [(verdict, n) for verdict, n in zip(VERDICTS, self.tally.counts, strict=True) if n]


@dataclass(frozen=True)
class OtherLabel:
    """Another label of an image, with its state, or `disputed` where it is in the queue too."""

    item: Item
    state: str
    is_disputed: bool


def item_named(public_id: str) -> Item:
    """Return an item with its page, review and study. Raises Http404."""
    item = Item.objects.select_related(*RELATED).filter(public_id=public_id).first()
    if item is None:
        raise Http404
    return item


def items_shown(tallies: Iterable[Tally]) -> list[ItemShown]:
    rows = list(tallies)
    items = Item.objects.select_related(*RELATED).in_bulk([tally.item_id for tally in rows])
    return [ItemShown(items[tally.item_id], tally) for tally in rows]


def other_labels(item: Item) -> list[OtherLabel]:
    """Return the other labels of an item's image on its page, which is in consensus as a whole."""
    states = {tally.item_id: tally.state for tally in tallies_of(item.page.review, [item.page_id])}
    rows = Item.objects.filter(page=item.page_id, image=item.image_id).exclude(pk=item.pk).select_related("label")
    disputed = STATES[DISPUTED]
    return [OtherLabel(row, states[row.pk], states[row.pk] == disputed) for row in rows.order_by("position")]


def settled_before(review: Review, public_id: str, user: User) -> tuple[Item, Decision, int] | None:
    """Return the item that a reader has just settled, its decision, and the decision's id, so that they can undo it."""
    item = Item.objects.select_related(*RELATED).filter(public_id=public_id, page__review=review).first()
    tally = None if item is None else tally_for(item, user)
    if item is None or tally is None or tally.settled is None:
        return None
    last = item.consensus_verdicts.get(is_last=True)
    return item, tally.settled, last.pk
