"""Common parts of the matrices: the addresses of a table, the rows of the database, and what a person meets."""

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.http import FileResponse, StreamingHttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.required import Page

# What a person meets at an address.
PAGE, ELSEWHERE, ABSENT, METHOD, DONE = "page", "elsewhere", "not there", "no such method", "done"
REFUSED, SIGN_IN = "refused", "to the sign-in"


def routes(table: str) -> list[str]:
    """Return every route of a URL table."""
    return list(_routes(get_resolver(table).url_patterns))


def _routes(patterns: list, before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern).lstrip("^")
        yield from [route] if isinstance(pattern, URLPattern) else _routes(pattern.url_patterns, route)


def writes() -> dict[str, int]:
    """The rows written so far in this transaction, by table: also those written back or rolled back since."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables")
        return dict(cursor.fetchall())


def asked(client: Client, method: str, path: str, **content: Any) -> tuple[Page, set[str]]:
    """Return the answer and the tables that were written to; what changed is as before afterwards."""
    with transaction.atomic():
        before = writes()
        answer = client.generic("GET", path, **content) if method == "GET" else client.post(path, **content)
        if isinstance(answer, FileResponse | StreamingHttpResponse):
            assert list(answer.streaming_content)
        after = writes()
        transaction.set_rollback(True)
    return answer, {table for table, n in after.items() if n != before.get(table, 0)}


def met(answer: Page, method: str) -> str:
    """Return what a person meets, in the words of the matrices."""
    if answer.status_code in (301, 302, 303):
        if "/login/" in answer.headers["Location"] or "/sign-in/" in answer.headers["Location"]:
            return SIGN_IN
        return DONE if method == "POST" else ELSEWHERE
    return {200: PAGE, 404: ABSENT, 405: METHOD}.get(answer.status_code, REFUSED)
