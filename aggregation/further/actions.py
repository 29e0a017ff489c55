"""Opening of further grids and places, in place of answers that gave no vote or were excluded.

Everything here follows from what is stored: a pass that was stopped half-way, or a second one, asks nothing twice.
"""

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
from audit.actions import Area, record
from catalog.models import Dataset
from contains_task.actions import open_further_grids
from workforce.models import HIT, Batch
from workforce.replacements.actions import add_slots, open_batch_locked, replace_excluded, withdraw_replacements
from workforce.replacements.reads import Balance, balances_of, lacking_hits

log = logging.getLogger(__name__)


@transaction.atomic
def ask_for_excluded_answers(*, submission_ids: list[int]) -> None:
    """Bring the replacements of the HITs of these submissions in line with the answers that are excluded. Idempotent.

    An exclusion adds a place to the same grid or form, for somebody who was not asked before, as far as the settings
    allow; closed batches ask nobody. A readmission withdraws it, unless somebody holds it.
    """
    for batch_id in sorted({balance.batch_id for balance in balances_of(submission_ids)}):
        batch = open_batch_locked(batch_id)
        # Read again under the lock: a rejection may just have asked for its replacement.
        balances = [each for each in balances_of(submission_ids) if each.batch_id == batch_id]
        if batch is not None:
            _balance(batch, balances)


def _balance(batch: Batch, balances: list[Balance]) -> None:
    hits = HIT.objects.in_bulk([balance.hit_id for balance in balances])
    for balance in balances:
        if balance.n_asked_by_itself > 0:
            add_slots(hit=hits[balance.hit_id], n_slots=balance.n_asked_by_itself, in_place_of_excluded=True)
    n_withdrawn = withdraw_replacements(batch=batch, balances=[each for each in balances if each.n_missing < 0])
    n_asked = sum(max(0, balance.n_asked_by_itself) for balance in balances)
    if n_asked or n_withdrawn:
        log.info("Batch %s asks %d people in place of excluded answers, %d no more.", batch.pk, n_asked, n_withdrawn)


@transaction.atomic
def ask_for_missing(*, dataset: Dataset) -> int:
    """Ask for an answer in place of each excluded one, whatever the settings say. Idempotent. Returns their number."""
    n_asked = 0
    for hit in HIT.objects.filter(pk__in=[each.hit_id for each in lacking_hits(dataset)]).order_by("batch", "pk"):
        n_asked += replace_excluded(hit=hit)
    if n_asked:
        record(area=Area.CONFIG, action="answers.ask", subject=f"dataset {dataset}", after={"answers": n_asked})
    return n_asked


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
        if n_to_ask > 0 and open_batch_locked(hit.batch_id):
            add_slots(hit=hit, n_slots=n_to_ask, in_place_of_lost=True)
            log.info("Form %s asks %d more people: the photograph was not seen.", hit.pk, n_to_ask)


def _ask_again(batch_id: int, pairs: list[LostPair], submission_ids: list[int]) -> None:
    batch = open_batch_locked(batch_id)
    if batch is None:
        return
    waiting = [pair for pair in pairs if pair.n_to_ask > 0 and is_asked_in_turn(batch, pair)]
    busy = busy_labels(batch, {pair.label_id for pair in waiting}, submission_ids) if waiting else set()
    for images_by_label in rounds_of(pair for pair in waiting if pair.label_id not in busy):
        open_further_grids(batch=batch, images_by_label=images_by_label, in_place_of_lost=True)
