"""The form of a class page without scripts: all its fields at once.

The page holds what it showed, so that only what its reader changed is stored: another tab may have stored more since.
"""

from collections.abc import Iterator
from datetime import timedelta
from secrets import token_hex
from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.http import QueryDict

from review_task.models import ClassPage
from review_task.presses.actions import store_press
from review_task.presses.reads import LABEL, PROBLEM, VERDICT, ReviewerPress

NOW = timedelta()
DEVICE = "form"
LONGEST_INDEX = 10


@transaction.atomic
def store_form(page: ClassPage, user: User, fields: QueryDict) -> int:
    """Store what was changed in the form of a class page. Returns the number of changes; raises a UserError."""
    presses = [*_verdicts(fields), *_problems(fields), *_labels(fields)]
    for press in presses:
        store_press(page=page, user=user, press=press)
    return len(presses)


def _press(kind: str, **values: object) -> ReviewerPress:
    return ReviewerPress(key=f"{DEVICE}.{token_hex(12)}", device=DEVICE, kind=kind, age=NOW, **cast(Any, values))


def _verdicts(fields: QueryDict) -> Iterator[ReviewerPress]:
    shown = dict(entry.split("=", 1) for entry in fields.get("shown", "").split() if "=" in entry)
    for name, value in fields.items():
        kind, _, item = name.partition("-")
        if kind != "verdict":
            continue
        why = {part: str(fields.get(f"{part}-{item}", "")) for part in ("category", "severity")}
        before = {part: fields.get(f"shown-{part}-{item}", "") for part in why}
        why = why if value == "wrong" else dict.fromkeys(why, "")
        if shown.get(item, "unreviewed") != value or why != before:
            yield _press(VERDICT, item=item, verdict=value, **why)


def _problems(fields: QueryDict) -> Iterator[ReviewerPress]:
    for name, reason in fields.items():
        kind, _, image = name.partition("-")
        before = fields.get(f"shown-problem-{image}", "")
        if kind == "problem" and before != reason:
            yield _press(PROBLEM, image=image, reason=reason or before, is_set=bool(reason))


def _labels(fields: QueryDict) -> Iterator[ReviewerPress]:
    for name in fields:
        kind, _, image = name.partition("-")
        if kind == "label" and (words := str(fields[name]).strip()):
            yield _press(LABEL, image=image, words=words[:200])
        if kind == "remove":
            for entry in fields.getlist(name):
                index, _, words = entry.partition(":")
                is_index = index.isascii() and index.isdecimal() and len(index) <= LONGEST_INDEX
                yield _press(LABEL, image=image, index=int(index) if is_index else None, words=words, is_set=False)
