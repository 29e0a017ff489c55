"""The texts of the site that are marked for translation, out of its code and templates.

Babel reads Python, and what Django's `templatize` makes of a template, since a fresh machine has no xgettext.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
# Of another process, with catalogs of its own; and what nobody reads.
APART = {"marketplace", "tests", "benchmarks", "docs", "var", "migrations"}


def marked_texts(root: Path) -> Catalog:
    """Return a catalog without translations: each marked text, its plural, and the files that hold it."""
    catalog = Catalog(fuzzy=False)
    for path in sources(root):
        name = path.relative_to(root).as_posix()
        for _, message, comments, context in extract("python", BytesIO(as_python(path)), KEYWORDS, ["Translators:"]):
            catalog.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    return catalog


def sources(root: Path) -> Iterator[Path]:
    for path in sorted([*root.glob("*/**/*.py"), *root.glob("templates/**/*.html")]):
        parts = path.relative_to(root).parts
        if APART.isdisjoint(parts) and not any(part.startswith(".") for part in parts):
            yield path


def as_python(path: Path) -> bytes:
    """Return what Babel can read. A template's indentation means nothing to it, and would be taken for Python's."""
    text = path.read_text()
    if path.suffix == ".html":
        text = "\n".join(line.strip() for line in templatize(text, origin=str(path)).splitlines())
    return text.encode()


def bring_up_to_date(path: Path, texts: Catalog) -> Catalog:
    """Write the catalog at `path` anew with these texts, its translations kept; return it.

    What is marked no more goes. Nothing is guessed from similar texts: a translator sees what is missing.
    """
    with open(path, "rb") as source:
        catalog = read_po(source, locale=path.parents[1].name)
    # The date stays: a catalog in which nothing changed is the same file.
    texts.creation_date = catalog.creation_date
    catalog.update(texts, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    with open(path, "wb") as target:
        write_po(target, catalog, width=120, sort_by_file=True, include_lineno=False)
    return catalog
