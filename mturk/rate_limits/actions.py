"""The rate of calls to the marketplace, for all processes together."""

from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F

from catalog.reads import now
from mturk.models import RateLimit

# The calls at once after a quiet time, in seconds of the rate.
BURST_SECONDS = 1.0
TAKE_TOKENS = """
    INSERT INTO workforce_ratelimit AS bucket (name, tokens, filled_at)
    VALUES (%(name)s, %(burst)s - %(n)s, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET
        tokens = least(
            %(burst)s,
            bucket.tokens + greatest(0, extract(epoch FROM clock_timestamp() - bucket.filled_at)) * %(rate)s
        ) - %(n)s,
        filled_at = greatest(bucket.filled_at, clock_timestamp())
    RETURNING greatest(0, -tokens / %(rate)s)
"""


@transaction.atomic
def take_tokens(*, name: str, per_second: float, n_calls: int = 1) -> float:
    """Take tokens from the shared bucket. Returns the seconds to wait before the calls."""
    burst = max(1.0, per_second * BURST_SECONDS)
    key: dict[str, str | float] = {"name": name, "rate": float(per_second), "burst": burst, "n": n_calls}
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TOKENS, key)
        return float(cursor.fetchone()[0])


@transaction.atomic
def is_due(*, name: str, every_seconds: float) -> bool:
    """Return whether periodic work is due, and if so, note that it is done now."""
    begin = now()
    bucket, is_new = RateLimit.objects.get_or_create(name=name, defaults={"tokens": 0, "filled_at": begin})
    threshold = begin - timedelta(seconds=every_seconds)
    return is_new or bool(RateLimit.objects.filter(pk=bucket.pk, filled_at__lte=threshold).update(filled_at=begin))


@transaction.atomic
def put_off_due(*, name: str, seconds: float) -> None:
    """Put off periodic work of `is_due` by so many seconds; zero or less changes nothing."""
    if seconds > 0:
        RateLimit.objects.filter(pk=name).update(filled_at=F("filled_at") + timedelta(seconds=seconds))
