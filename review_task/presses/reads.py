"""Presses as a browser sends them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext

from review_task.errors import BadVerdict

VERDICT, PROBLEM, LABEL = "verdict", "problem", "label"
LONGEST_KEY, LONGEST_DEVICE, LONGEST_WORDS = 40, 20, 200
# Nobody waits longer for a network; a clock that was set meanwhile says what it likes.
LONGEST_AGE = timedelta(days=90)


class BadPress(BadVerdict):
    """A press that no page of ours sends."""


@dataclass(frozen=True)
class ReviewerPress:
    """A press: its `kind`, what it is about, and how long ago it was pressed by the browser's clock.

    A verdict has the public id of an `item`; a problem and a label that of an `image`. `is_set` is False where a
    problem or a label is taken back.
    """

    key: str
    device: str
    kind: str
    age: timedelta
    item: str = ""
    image: str = ""
    verdict: str = ""
    category: str = ""
    severity: str = ""
    reason: str = ""
    words: str = ""
    index: int | None = None
    is_set: bool = True


def key_of(row: Any) -> str:
    """Return the key under which the page waits for an answer; nothing if there is none."""
    key = row.get("key") if isinstance(row, dict) else None
    return key if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isprintable() else ""


def press_in(row: Any) -> ReviewerPress:
    """Return the press that a row of JSON holds. Raises BadPress."""
    words = {
        name: row.get(name, "") for name in ("item", "image", "verdict", "category", "severity", "reason", "words")
    }
    key, device, kind, age, index = key_of(row), row.get("device"), row.get("kind"), row.get("age"), row.get("index")
    is_index = index is None or (type(index) is int and 0 <= index < 2**31)
    is_text = all(
        isinstance(word, str) and len(word) <= LONGEST_WORDS and "\x00" not in word for word in words.values()
    )
    is_device = isinstance(device, str) and 0 < len(device) <= LONGEST_DEVICE and device.isalnum()
    if not (key and is_device and kind in (VERDICT, PROBLEM, LABEL) and is_index and is_text and _is_age(age)):
        raise BadPress(gettext("The page sent something that is no verdict. Open the page again."))
    waited = min(timedelta(milliseconds=age), LONGEST_AGE)
    return ReviewerPress(key, device, kind, waited, index=index, is_set=row.get("isSet") is not False, **words)


def _is_age(age: Any) -> bool:
    return isinstance(age, int | float) and not isinstance(age, bool) and 0 <= age < 1e13
