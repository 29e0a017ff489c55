"""Pages as a browser without scripts reads and sends them."""

import html
import re
from html.parser import HTMLParser
from typing import Any


def words_of(response: Any) -> str:
    """Return what people read on a page."""
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.content.decode())))


class _Fields(HTMLParser):
    """The fields of the form of a class page, as they stand."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.inside, self.select = False, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = "data-review" in values
        name = values.get("name", "")
        if not self.inside:
            return
        if tag == "select":
            self.select, self.fields[name] = name, ""
            self.choices[name] = []
        elif tag == "option":
            self.choices[self.select].append(values["value"])
            if "selected" in values:
                self.fields[self.select] = values["value"]
        elif tag == "input" and (values["type"] not in ("radio", "checkbox") or "checked" in values):
            self.fields[name] = values.get("value", "")
        elif tag == "input":
            self.choices.setdefault(name, []).append(values["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False


def form_of(response: Any) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the fields of a class page's form with their values, and the further values that each can have."""
    assert response.status_code == 200, response.status_code
    parser = _Fields()
    parser.feed(response.content.decode())
    parser.fields.pop("csrfmiddlewaretoken", None)
    return parser.fields, parser.choices
