"""The record of decisions: who acts now, and whether the record is whole."""

import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

SITE = "the site"
# An end of the record that is written down elsewhere: a number and a digest.
Head = tuple[int, str]

CHECKED = """
    SELECT entry.id, link.number, link.digest,
        link.previous = lag(link.digest, 1, repeat('0', 64)) OVER chain
            AND link.number = row_number() OVER chain
            AND link.digest = audit_digest(link.previous, link.number, entry) AS is_whole
    FROM audit_auditentry AS entry FULL JOIN audit_auditlink AS link ON link.entry_id = entry.id
    WINDOW chain AS (ORDER BY link.number)
    ORDER BY link.number
"""


@dataclass(frozen=True)
class Actor:
    """A person or program that acts: its name, and the number of the account that is signed in."""

    name: str
    account: int | None = None


_actor: ContextVar[Callable[[], Actor | None] | None] = ContextVar("actor", default=None)


@contextmanager
def acting(actor: Callable[[], Actor | None]) -> Iterator[None]:
    """Let the block be done in somebody's name; `actor` is asked for it only once something is recorded."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    """Return who acts: the person of `acting`, the user of the shell in a command, or the site itself."""
    named = _actor.get()
    actor = named() if named else None
    if actor is not None:
        return actor
    return Actor(f"shell: {_shell_user()}" if Path(sys.argv[0]).name == "manage.py" else SITE)


def _shell_user() -> str:
    try:
        # Not LOGNAME, which anybody can set.
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "unknown"


def broken_entries(head: Head | None = None) -> tuple[list[int], Head | None]:
    """Return the entries at which the chain does not hold, and its present head; None without entries.

    With an earlier `head` that was written down, entries removed from the end are noticed, too: 0 stands for them.
    """
    with connection.cursor() as cursor:
        cursor.execute(CHECKED)
        rows = cursor.fetchall()
    broken = [entry or 0 for entry, _, _, is_whole in rows if not is_whole]
    links = {number: digest for _, number, digest, _ in rows if number is not None}
    if head is not None and links.get(head[0]) != head[1]:
        broken.append(0)
    last = max(links, default=None)
    return broken, None if last is None else (last, links[last])
