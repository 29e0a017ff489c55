"""Asking the marketplace what was handed in. It is the truth; what browsers tell is a hint when to ask."""

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings

from catalog.reads import now
from workforce.assignments.actions import orphan_unlisted
from workforce.locks import only_one
from workforce.marketplaces import mturk
from workforce.models import MarketplaceHIT, Terms
from workforce.offers.actions import note_counters, note_poll, top_up
from workforce.offers.reads import LISTED_WITHIN, to_poll
from workforce.outbox.actions import is_due
from workforce.pay.actions import take_in

log = logging.getLogger(__name__)

SECONDS_A_RUN = 20
HITS_AT_ONCE = 100
COUNTERS = "mturk counters"


def poll_assignments(seconds: float = SECONDS_A_RUN) -> int:
    """Take in what was handed in, offer again what was lost, stop waiting for what never comes. One at a time.

    Returns how many HITs were asked about.
    """
    asked = 0
    with only_one("polling") as mine:
        if not mine or not MarketplaceHIT.objects.filter(finished_at=None).exists():
            return asked
        try:
            count_handed_in()
            end = time.monotonic() + seconds
            while time.monotonic() < end and (found := to_poll(HITS_AT_ONCE)):
                for made in found:
                    poll(made)
                    asked += 1
        except mturk.EndpointError as error:
            log.warning("The marketplace was not asked to the end; the next run goes on: %s", error)
        orphan_unlisted()
        for terms in Terms.objects.filter(expires_at__gt=now(), batch__closed_at=None):
            top_up(terms=terms)
    return asked


def count_handed_in() -> None:
    """Ask for the counters of all HITs, a hundred at a time, at most every so many seconds."""
    if is_due(name=COUNTERS, every_seconds=settings.MTURK["counters_every"]):
        note_counters(handed_in=dict(mturk.counters()))


def poll(made: MarketplaceHIT) -> None:
    """Take in all that was handed in of one HIT."""
    begin = now()
    listed = mturk.handed_in(made.external_id, made.n_assignments)
    for one in listed:
        if one.hit_id != made.external_id:
            log.error("The marketplace listed an assignment of another HIT for %s.", made.external_id)
            continue
        take_in(
            made=made,
            external_id=one.external_id,
            worker_id=one.worker_id,
            status=one.status,
            accepted_at=one.accepted_at,
            submitted_at=one.submitted_at,
            answer=one.answer,
        )
    note_poll(made=made, begun_at=begin, n_handed_in=len(listed), is_over=_is_over(made, len(listed), begin))


def _is_over(made: MarketplaceHIT, n_listed: int, begin: datetime) -> bool:
    if made.listed.filter(status="submitted").exists():
        return False
    last = made.expires_at + timedelta(seconds=made.terms.assignment_seconds)
    return n_listed >= made.n_assignments or begin > last + LISTED_WITHIN
