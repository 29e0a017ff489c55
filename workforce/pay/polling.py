"""Asking the marketplace what was handed in. It is the truth; what browsers tell is a hint when to ask."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from catalog.reads import now
from workforce.assignments.actions import orphan_unlisted
from workforce.locks import SPEAKING, only_one
from workforce.marketplaces import mturk
from workforce.models import MarketplaceHIT, Terms
from workforce.offers.actions import finish_settled, note_counters, note_poll, top_up
from workforce.offers.reads import LISTED_WITHIN, to_poll
from workforce.outbox.actions import is_due
from workforce.pay.actions import take_in

log = logging.getLogger(__name__)

SECONDS_A_RUN = 10
HITS_AT_ONCE = 100
COUNTERS = "mturk counters"


def poll_assignments(seconds: float = SECONDS_A_RUN) -> int:
    """Take in what was handed in, offer again what was lost, stop waiting for what never comes. One at a time.

    Returns how many HITs were asked about.
    """
    asked = 0
    with only_one(SPEAKING) as mine:
        if not mine or not MarketplaceHIT.objects.filter(finished_at=None).exists():
            return asked
        try:
            asked = ask_about_hits(seconds)
        except mturk.Unreachable as error:
            log.warning("The marketplace cannot be reached; the next run asks again: %s", error)
        orphan_unlisted()
        for terms in Terms.objects.filter(expires_at__gt=now(), batch__closed_at=None):
            top_up(terms=terms)
    return asked


def ask_about_hits(seconds: float) -> int:
    asked = 0
    finish_settled()
    end = time.monotonic() + seconds
    with tolerated("the counters"):
        count_handed_in()
    failed: set[int] = set()
    while time.monotonic() < end and (found := [made for made in to_poll(HITS_AT_ONCE) if made.pk not in failed]):
        for made in found:
            if time.monotonic() > end:
                break
            failed.add(made.pk)
            with tolerated(made.external_id):
                poll(made)
                failed.discard(made.pk)
                asked += 1
    return asked


@contextmanager
def tolerated(what: str) -> Iterator[None]:
    """What one question ran into concerns that one; a marketplace that is away concerns all."""
    try:
        yield
    except (mturk.Unreachable, SoftTimeLimitExceeded):
        raise
    except mturk.EndpointError as error:
        log.warning("The marketplace did not tell about %s; the next run asks again: %s", what, error)
    except Exception as error:
        log.exception("What the marketplace told about %s could not be taken in; it is asked again: %s", what, error)


def count_handed_in() -> None:
    """Ask for the counters of all HITs, a hundred at a time, at most every so many seconds."""
    if is_due(name=COUNTERS, every_seconds=settings.MTURK["counters_every"]):
        note_counters(handed_in=dict(mturk.counters()))


def poll(made: MarketplaceHIT) -> None:
    """Take in all that was handed in of one HIT."""
    begin = now()
    listed = mturk.handed_in(made.external_id, made.n_assignments)
    known = set(made.listed.values_list("external_id", "status"))
    for one in listed:
        if (one.external_id, one.status) in known:
            continue
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
