"""Polling the marketplace for submissions. It decides; submissions from browsers only hint when to poll."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from catalog.reads import now
from mturk import endpoint
from mturk.expiry.actions import end_closed
from mturk.locks import SYNC_LOCK, try_lock
from mturk.models import MarketplaceHIT, Terms
from mturk.payments.actions import take_in
from mturk.publishing.actions import finish_settled, note_counters, note_failed_poll, note_poll, offer_again
from mturk.publishing.reads import LISTED_WITHIN, to_poll
from mturk.qualifications.actions import keep_out_former_workers
from mturk.rate_limits.actions import is_due, put_off_due
from workforce.frame.actions import orphan_unlisted

log = logging.getLogger(__name__)

SECONDS_A_RUN = 10
HITS_AT_ONCE = 100
COUNTERS, CLOSED = "mturk counters", "mturk closed"
# The pause after reading the counters, in multiples of the time that took.
COUNTERS_PAUSE = 20
# Workers who answered meanwhile are kept from repeated questions this often.
FORMER_EVERY_SECONDS = 30


def poll_assignments(seconds: float = SECONDS_A_RUN) -> int:
    """Take in submissions, offer unusable assignments again, and orphan answers that are never listed.

    One process at a time does it. Returns the number of polled HITs.
    """
    n_asked = 0
    with try_lock(SYNC_LOCK) as is_ours:
        if not is_ours:
            return n_asked
        try:
            if MarketplaceHIT.objects.filter(finished_at=None).exists():
                n_asked = ask_about_hits(seconds)
        except endpoint.Unreachable as error:
            log.warning("The marketplace cannot be reached; the next run polls again: %s", error)
        orphan_unlisted()
        if is_due(name=CLOSED, every_seconds=settings.MTURK["counters_every"]):
            end_closed()
        for terms in Terms.objects.filter(expires_at__gt=now(), batch__closed_at=None):
            offer_again(terms=terms)
            if terms.former_workers_id and is_due(name=f"former {terms.pk}", every_seconds=FORMER_EVERY_SECONDS):
                keep_out_former_workers(terms=terms)
    return n_asked


def ask_about_hits(seconds: float) -> int:
    n_asked = 0
    finish_settled()
    with tolerated("the counters"):
        count_handed_in()
    # The counters may take long, but polling gets its time all the same.
    end = time.monotonic() + seconds
    while time.monotonic() < end and (marketplace_hits := to_poll(HITS_AT_ONCE)):
        for marketplace_hit in marketplace_hits:
            if time.monotonic() > end:
                break
            with tolerated(
                marketplace_hit.confirmed_id, then=partial(note_failed_poll, marketplace_hit=marketplace_hit)
            ):
                poll(marketplace_hit)
                n_asked += 1
    return n_asked


@contextmanager
def tolerated(subject: str, then: Callable[..., object] = lambda is_of_the_hit: None) -> Iterator[None]:
    """Log an error of one query, so that the others go on; an unreachable marketplace ends all."""
    try:
        yield
    except (endpoint.Unreachable, SoftTimeLimitExceeded):
        raise
    except endpoint.EndpointError as error:
        log.warning("Polling %s failed; it is polled again: %s", subject, error)
        # Throttling and server errors are not the fault of the HIT.
        then(is_of_the_hit=not isinstance(error, endpoint.Throttled | endpoint.Ambiguous))
    except Exception as error:
        log.exception("The answer about %s could not be taken in; it is polled again: %s", subject, error)
        then(is_of_the_hit=True)


def count_handed_in() -> None:
    """Read the counters of all HITs, a hundred at a time, at most every so many seconds.

    They reveal submissions that browsers did not report. Such submissions are rare, so the counters are read less
    often where there are so many HITs that it takes long.
    """
    every = settings.MTURK["counters_every"]
    if not is_due(name=COUNTERS, every_seconds=every):
        return
    begin = time.monotonic()
    try:
        note_counters(handed_in=dict(endpoint.counters()))
    finally:
        if every:
            took = time.monotonic() - begin
            put_off_due(name=COUNTERS, seconds=COUNTERS_PAUSE * took - every)


def poll(marketplace_hit: MarketplaceHIT) -> None:
    """Take in all submissions of one HIT.

    Raises EndpointError; ExceptionGroup of the submissions that could not be taken in, after all others.
    """
    begin = now()
    listed = endpoint.handed_in(marketplace_hit.confirmed_id, marketplace_hit.n_assignments)
    existing = set(marketplace_hit.listed.values_list("external_id", "status"))
    errors: list[Exception] = []
    for assignment in listed:
        if (assignment.external_id, assignment.status) in existing:
            continue
        if assignment.hit_id != marketplace_hit.external_id:
            log.error("The marketplace listed an assignment of another HIT under %s.", marketplace_hit.external_id)
            continue
        try:
            _take_in(marketplace_hit, assignment)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} assignments", errors)
    note_poll(
        marketplace_hit=marketplace_hit,
        begun_at=begin,
        n_handed_in=len(listed),
        is_over=_is_over(marketplace_hit, len(listed), begin),
    )


def _take_in(marketplace_hit: MarketplaceHIT, assignment: endpoint.Handed) -> None:
    take_in(
        marketplace_hit=marketplace_hit,
        external_id=assignment.external_id,
        worker_id=assignment.worker_id,
        status=assignment.status,
        accepted_at=assignment.accepted_at,
        submitted_at=assignment.submitted_at,
        answer=assignment.answer,
    )


def _is_over(marketplace_hit: MarketplaceHIT, n_listed: int, begin: datetime) -> bool:
    if marketplace_hit.listed.filter(status="submitted").exists():
        return False
    last = marketplace_hit.expires_at + timedelta(seconds=marketplace_hit.terms.assignment_seconds)
    return n_listed >= marketplace_hit.n_assignments or begin > last + LISTED_WITHIN
