"""Reading of a worker page: its forms, the fields in them, and the photographs."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

PHOTOGRAPH = re.compile(r"/([A-Za-z0-9_-]{8,})/\d+/[A-Za-z0-9_-]+$")


@dataclass
class PageForm:
    """A form: its id, the values that it sends anyway, those that a person may choose, by name, and photographs."""

    id: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    # Handles of photographs that no choice stands for, as in a form of labels.
    photographs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WorkerPage:
    """A page as a person meets it: work to do, a Start, a Continue, or an end."""

    forms: dict[str, PageForm]
    # The public id of the lease, which the addresses of the photographs have.
    lease: str

    @property
    def work(self) -> PageForm | None:
        return self.forms.get("answer")

    @property
    def start(self) -> PageForm | None:
        """Return the form of Start, or that of Continue, which has no id."""
        return self.forms.get("start") or self.forms.get("")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: dict[str, PageForm] = {}
        self.form: PageForm | None = None
        self.lease = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and values.get("method", "").lower() == "post":
            self.form = PageForm(values.get("id", ""))
            self.forms.setdefault(self.form.id, self.form)
        elif tag == "img" and (photograph := PHOTOGRAPH.search(values.get("src", ""))):
            self.lease = self.lease or photograph[1]
        elif "data-photograph" in values and self.form is not None and values["data-photograph"]:
            self.form.photographs += [values["data-photograph"]] if not self.form.photographs else []
        elif tag == "input" and self.form is not None:
            self._read_input(self.form, values)

    def _read_input(self, form: PageForm, values: dict[str, str]) -> None:
        name, kind = values.get("name", ""), values.get("type", "text")
        if kind == "hidden" and name:
            form.fields.setdefault(name, values.get("value", ""))
        elif kind in ("checkbox", "radio") and name:
            form.choices.setdefault(name, []).append(values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None


def read_page(text: str) -> WorkerPage:
    """Return what a page asks.

    >>> page = read_page('<form method="post" id="answer"><input type="hidden" name="key" value="k">'
    ...     '<input type="checkbox" name="selected" value="a"><img src="/p/lease-123/300/a"></form>')
    >>> page.work.fields, page.work.choices, page.lease
    ({'key': 'k'}, {'selected': ['a']}, 'lease-123')
    """
    reader = _Reader()
    reader.feed(text)
    return WorkerPage(reader.forms, reader.lease)
