"""The version of the instructions on the page of a kind of task."""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from django.template.loader import get_template
from django.utils.translation.template import templatize

from workforce.kinds import kind_named

INCLUDED = re.compile(r"""\{%\s*include\s+["']([^"']+)["']""")
# `templatize` leaves nothing but blanks, crosses, and calls of gettext with literals.
LITERAL = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")
LENGTH = 8


@lru_cache
def instructions_version(kind: str) -> str:
    """Return a short digest of all texts that a kind's page asks with, in English; empty for a kind without templates.

    It changes with every text of these templates, and not with their markup.
    """
    texts = [text for name in kind_named(kind).instructions for text in _texts(name)]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:LENGTH] if texts else ""


def _texts(template_name: str) -> Iterator[str]:
    source = cast(Any, get_template(template_name)).template.source
    yield from LITERAL.findall(templatize(source))
    for included in INCLUDED.findall(source):
        yield from _texts(included)
