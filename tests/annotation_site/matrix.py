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


def digests() -> dict[str, str]:
    """Return a digest of all rows, per table."""
    query = "SELECT '{0}', md5(coalesce(string_agg(row::text, ' ' ORDER BY row::text), '')) FROM \"{0}\" AS row"
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        cursor.execute(" UNION ALL ".join(query.format(table) for table in tables))
        return dict(cursor.fetchall())


def asked(client: Client, method: str, path: str, **content: Any) -> tuple[Page, set[str]]:
    """Return the answer and the tables that changed; what changed is as before afterwards."""
    with transaction.atomic():
        before = digests()
        answer = client.generic("GET", path, **content) if method == "GET" else client.post(path, **content)
        if isinstance(answer, FileResponse | StreamingHttpResponse):
            assert list(answer.streaming_content)
        after = digests()
        transaction.set_rollback(True)
    return answer, {table for table in after if after[table] != before[table]}


def met(answer: Page, method: str) -> str:
    """Return what a person meets, in the words of the matrices."""
    if answer.status_code in (301, 302, 303):
        if "/login/" in answer.headers["Location"] or "/sign-in/" in answer.headers["Location"]:
            return SIGN_IN
        return DONE if method == "POST" else ELSEWHERE
    return {200: PAGE, 404: ABSENT, 405: METHOD}.get(answer.status_code, REFUSED)
