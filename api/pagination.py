"""Pages of a long list by key: what is inserted or deleted meanwhile shifts nothing, and the last page costs as
little as the first."""

import base64
import binascii
import json
from typing import Any

from django.db.models import Q, QuerySet

from catalog.errors import UserError

LARGEST_KEY = 2**63 - 1


class InvalidCursor(UserError):
    """A cursor that this list did not give out."""


def page_of(
    rows: QuerySet[Any], *, listing: str, key: tuple[str, ...], cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """At most `limit` of the rows behind the cursor in the order of `key`, and the cursor behind them.

    key: names of integer columns that together name a row, once and for ever. The second value is None when nothing
    follows. Raises InvalidCursor for a cursor that was not made for `listing` with as many columns.
    """
    ordered = rows.order_by(*key)
    if cursor is not None:
        ordered = ordered.filter(_behind(key, decode_cursor(cursor, listing=listing, width=len(key))))
    # One more than asked for: whether anything follows is then known without counting.
    found = list(ordered[: limit + 1])
    page = found[:limit]
    if len(found) == len(page):
        return page, None
    return page, encode_cursor([getattr(page[-1], name) for name in key], listing=listing)


def encode_cursor(values: list[int], *, listing: str) -> str:
    """Where a page ended, in a form that nobody is tempted to write by hand."""
    return base64.urlsafe_b64encode(json.dumps([listing, *values]).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *, listing: str, width: int) -> tuple[int, ...]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _invalid(listing) from None
    if name != listing or len(values) != width or not all(_is_key(value) for value in values):
        raise _invalid(listing)
    return tuple(values)


def _is_key(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_KEY


def _invalid(listing: str) -> InvalidCursor:
    return InvalidCursor(
        f"This cursor was not made for {listing}. Follow the `next` address of the page before, "
        "or leave `cursor` away to begin again."
    )


def _behind(key: tuple[str, ...], values: tuple[int, ...]) -> Q:
    """Rows that come after `values` in the order of the columns, compared from left to right."""
    (first, *others), (value, *rest) = key, values
    if not others:
        return Q(**{f"{first}__gt": value})
    # The first condition follows from the second; the database finds an index range by it.
    later = Q(**{f"{first}__gt": value}) | (Q(**{first: value}) & _behind(tuple(others), tuple(rest)))
    return Q(**{f"{first}__gte": value}) & later
