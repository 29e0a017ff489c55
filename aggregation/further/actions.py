"""Opening of further grids, and of further places on forms, in place of answers that gave no vote."""

import logging
from itertools import groupby

from django.db import transaction

from aggregation.further.reads import (
    LostPair,
    busy_labels,
    forms_with_lost_answers,
    is_asked_in_turn,
    lost_pairs,
    rounds_of,
)
from contains_task.actions import open_further_grids
from workforce.actions import add_slots
from workforce.models import Batch

log = logging.getLogger(__name__)


@transaction.atomic
def ask_for_lost_answers(*, submission_ids: list[int]) -> None:
    """Ask for answers in place of those among these submissions that gave no vote. Idempotent.

    A class of a batch goes in rounds, as in an adaptive batch: when all its answers are in, its pairs are put together
    into grids for one more person each. A form asks one more person at once. Closed batches ask nobody.
    """
    for batch_id, of_batch in groupby(lost_pairs(submission_ids), key=lambda pair: pair.batch_id):
        _ask_again(batch_id, list(of_batch), submission_ids)
    for hit, n_lost in forms_with_lost_answers(submission_ids):
        n_to_ask = min(n_lost, hit.batch.settings.most_further_answers) - hit.n_further
        # Locked: HITs of a batch that is being closed would wait for ever.
        if n_to_ask > 0 and _open_batch(hit.batch_id):
            add_slots(hit=hit, n_slots=n_to_ask, in_place_of_lost=True)
            log.info("Form %s asks %d more people: the photograph was not seen.", hit.pk, n_to_ask)


def _ask_again(batch_id: int, pairs: list[LostPair], submission_ids: list[int]) -> None:
    batch = _open_batch(batch_id)
    if batch is None:
        return
    waiting = [pair for pair in pairs if pair.n_to_ask > 0 and is_asked_in_turn(batch, pair)]
    busy = busy_labels(batch, {pair.label_id for pair in waiting}, submission_ids) if waiting else set()
    for images_by_label in rounds_of(pair for pair in waiting if pair.label_id not in busy):
        open_further_grids(batch=batch, images_by_label=images_by_label, in_place_of_lost=True)


def _open_batch(batch_id: int) -> Batch | None:
    """Lock and return the batch, or return None if it is closed, or has just been closed."""
    open_batches = Batch.objects.filter(pk=batch_id, closed_at=None).select_related("settings")
    return open_batches.select_for_update(of=("self",), no_key=True).first()
