"""Pages of a long list by key: rows inserted or deleted meanwhile shift nothing, and the last page is as cheap as the
first."""

import base64
import binascii
import json
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from catalog.errors import UserError

LARGEST_KEY = 2**63 - 1


class InvalidCursor(UserError):
    """A cursor of another list, or a damaged one."""


def page_of(
    rows: QuerySet[Any], *, listing: str, key: tuple[str, ...], cursor: str | None, limit: int
) -> tuple[list[Any], str | None]:
    """Return at most `limit` rows behind the cursor in the order of `key`, and the cursor behind them.

    key: names of integer columns that together identify a row for ever. The second value is None on the last page.
    Raises InvalidCursor for a cursor that was not made for `listing` with as many columns.
    """
    ordered = rows.order_by(*key)
    if cursor is not None:
        ordered = ordered.filter(_behind(key, decode_cursor(cursor, listing=listing, width=len(key))))
    # One row more than requested shows without counting whether a page follows.
    page_and_next = list(ordered[: limit + 1])
    page = page_and_next[:limit]
    if len(page_and_next) == len(page):
        return page, None
    return page, encode_cursor([getattr(page[-1], name) for name in key], listing=listing)


def encode_cursor(values: list[int], *, listing: str) -> str:
    """Return the end of a page in a form that nobody is tempted to write by hand."""
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
        gettext(
            "This cursor does not belong to %(listing)s. Follow the `next` address of the page before, or leave out "
            "`cursor` to start again."
        )
        % {"listing": listing}
    )


def _behind(key: tuple[str, ...], values: tuple[int, ...]) -> Q:
    """Return the condition on rows after `values` in the order of the columns, compared from left to right."""
    (first, *next_columns), (value, *next_values) = key, values
    if not next_columns:
        return Q(**{f"{first}__gt": value})
    # The first condition follows from the second; the database finds an index range by it.
    later = Q(**{f"{first}__gt": value}) | (Q(**{first: value}) & _behind(tuple(next_columns), tuple(next_values)))
    return Q(**{f"{first}__gte": value}) & later
