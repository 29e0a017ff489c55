"""Handlers for the outcome of a call, looked up in a table, since the parts above this one write them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.utils.module_loading import import_string

from mturk.models import Call

Response = dict[str, Any]
NoteAll = Callable[[list[Call]], None]


def nothing(call: Call, response: Response | None = None) -> None:
    """Note nothing: no row depends on the call."""


def never(call: Call) -> bool:
    return False


@dataclass(frozen=True)
class Handlers:
    """The handlers of one operation, each within the transaction that marks its call.

    `done` takes a call that was carried out and the marketplace's answer; `all_done` takes several such calls at once,
    in its place. `failed` takes a call that is not retried. `is_dropped` returns, before a call is sent, whether a
    later decision dropped it.
    """

    done: Callable[[Call, Response], None] = nothing
    all_done: NoteAll | None = None
    failed: Callable[[Call], None] = nothing
    is_dropped: Callable[[Call], bool] = never


NO_HANDLERS = Handlers()


def handlers_of(call: Call) -> Handlers:
    """Return the handlers that the table of the setting CALL_RESULTS has for the call's operation."""
    table = cast(Mapping[str, Handlers], import_string(settings.CALL_RESULTS))
    return table.get(call.op, NO_HANDLERS)
