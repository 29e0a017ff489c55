"""Characters that no text of ours contains: control characters, and halves of characters.

Postgres stores neither NUL nor a lone surrogate, and no person writes the others. So a request or a command with one is
refused as a whole, before anything reads it.
"""

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from django.utils.http import parse_header_parameters

# An address and a file's name have one line, other texts several.
NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
NOT_IN_A_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# Django shows the bytes of a header as Latin-1: there the upper control characters are parts of others.
NOT_IN_A_HEADER = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


def is_line(text: str) -> bool:
    """
    >>> is_line("Ann Müller"), is_line("two\\nlines"), is_line("half\\ud83d")
    (True, False, False)
    """
    return not NOT_IN_A_LINE.search(text)


def is_text(text: str) -> bool:
    return not NOT_IN_A_TEXT.search(text)


def is_header(text: str) -> bool:
    return not NOT_IN_A_HEADER.search(text)


def are_texts(values: Iterable[Any]) -> bool:
    """Return whether all strings in these values, however deep, are texts; names of members too.

    >>> are_texts([{"reason": ["fine", 3]}]), are_texts([{"reason": ["half\\ud83d"]}])
    (True, False)
    """
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if not is_text(value):
                return False
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
    return True


def is_encoded_line(text: str) -> bool:
    """Return whether a part of an address, percent-encoded or not yet decoded, is UTF-8 and a line.

    >>> is_encoded_line("worker=Ann%20M%C3%BCller"), is_encoded_line("worker=%00"), is_encoded_line("worker=%ff")
    (True, False, False)
    """
    text_of_bytes = _decoded(text)
    return text_of_bytes is not None and is_line(text_of_bytes)


def is_encoded_text(text: str) -> bool:
    """Return whether a form's body is UTF-8 and a text."""
    text_of_bytes = _decoded(text)
    return text_of_bytes is not None and is_text(text_of_bytes)


def _decoded(text: str) -> str | None:
    """Return the text behind percent signs; None if it is not UTF-8. Its bytes stand as Latin-1 in WSGI."""
    try:
        return unquote_to_bytes(text.encode("latin-1")).decode()
    except UnicodeError:
        return None


def is_readable_type(content_type: str) -> bool:
    """Return whether Django can read a Content-Type; its parameters may be encoded, and name an encoding themselves."""
    try:
        _, parameters = parse_header_parameters(content_type)
        codecs.lookup(parameters.get("charset", "utf-8"))
    except LookupError:
        return True
    except ValueError:
        return False
    return True
