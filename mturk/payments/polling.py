"""Asking the marketplace what was handed in. It is the truth; what browsers tell is a hint when to ask."""

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
from mturk.locks import SPEAKING, try_lock
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
# After the counters comes at least a pause of so many times what they took.
COUNTERS_PAUSE = 20
# Who answered meanwhile is kept from what asks the same again after so long.
FORMER_EVERY_SECONDS = 30


def poll_assignments(seconds: float = SECONDS_A_RUN) -> int:
    """Take in what was handed in, offer again what was lost, stop waiting for what never comes. One at a time.

    Returns how many HITs were asked about.
    """
    n_asked = 0
    with try_lock(SPEAKING) as is_ours:
        if not is_ours:
            return n_asked
        try:
            if MarketplaceHIT.objects.filter(finished_at=None).exists():
                n_asked = ask_about_hits(seconds)
        except endpoint.Unreachable as error:
            log.warning("The marketplace cannot be reached; the next run asks again: %s", error)
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
    # The counters may take long: what was handed in has its time all the same.
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
    """What one question ran into concerns that one; a marketplace that is away concerns all."""
    try:
        yield
    except (endpoint.Unreachable, SoftTimeLimitExceeded):
        raise
    except endpoint.EndpointError as error:
        log.warning("The marketplace did not tell about %s; it is asked again: %s", subject, error)
        # Everybody is throttled now and then, and an error of the server passes.
        then(is_of_the_hit=not isinstance(error, endpoint.Throttled | endpoint.Ambiguous))
    except Exception as error:
        log.exception("What the marketplace told about %s could not be taken in; it is asked again: %s", subject, error)
        then(is_of_the_hit=True)


def count_handed_in() -> None:
    """Ask for the counters of all HITs, a hundred at a time, at most every so many seconds.

    They tell of answers that nobody here has heard of. The others are known from those who gave them, so where there
    are so many HITs that asking takes long, it is done more rarely.
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
    """Take in all that was handed in of one HIT.

    Raises what the marketplace refuses with, or an ExceptionGroup: of what could not be taken in, after the others.
    """
    begin = now()
    listed = endpoint.handed_in(marketplace_hit.confirmed_id, marketplace_hit.n_assignments)
    existing = set(marketplace_hit.listed.values_list("external_id", "status"))
    errors: list[Exception] = []
    for assignment in listed:
        if (assignment.external_id, assignment.status) in existing:
            continue
        if assignment.hit_id != marketplace_hit.external_id:
            log.error("The marketplace listed an assignment of another HIT for %s.", marketplace_hit.external_id)
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
