"""Reads of the pages that explain a class."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext

from catalog.cached_queries import CachedQuery, Given
from catalog.errors import UserError
from catalog.models import Dataset, Label, ReferencePage

MOST_PAGES = 5
LONGEST_ADDRESS = 500
LONGEST_TITLE = 100
WIKIPEDIA = "wikipedia.org"

PAGES_OF_LABEL = CachedQuery(
    lambda: ReferencePage.objects.filter(dataset=Given("dataset"), label=Given("label")).order_by("position")
)
_is_address = URLValidator(schemes=["http", "https"])


class BadReference(UserError):
    """An error: an address or a title that no reference page can have."""


class Reference(NamedTuple):
    """The address of a page that explains a class, and its title if there is one."""

    url: str
    title: str = ""

    @property
    def words(self) -> str:
        """Return the text of a link to it.

        >>> Reference("https://de.wikipedia.org/wiki/Kran").words, Reference("http://birds.example/crane").words
        ('Wikipedia', 'birds.example')
        """
        host = urlsplit(self.url).hostname or ""
        return self.title or ("Wikipedia" if f".{host}".endswith(f".{WIKIPEDIA}") else host)


def checked_reference(url: str, title: str = "") -> Reference:
    """Return the reference. Raises BadReference unless it is an address on the web that reveals no password."""
    if not url.startswith(("http://", "https://")):
        raise BadReference(gettext("the address must start with http:// or https://"))
    try:
        _is_address(url)
    except ValidationError:
        raise BadReference(gettext("“%(url)s” is not the address of a web page") % {"url": url}) from None
    if "@" in urlsplit(url).netloc:
        raise BadReference(gettext("the address must not contain a name or password"))
    if len(url) > LONGEST_ADDRESS:
        raise BadReference(gettext("the address has more than %(most)s characters") % {"most": LONGEST_ADDRESS})
    if len(title) > LONGEST_TITLE or not title.isprintable():
        message = gettext("a title has at most %(most)s characters, on one line")
        raise BadReference(message % {"most": LONGEST_TITLE})
    return Reference(url, title)


def references_of(dataset: Dataset | int, labels: Iterable[Label]) -> dict[int, list[Reference]]:
    """Return the pages that a study shows for each of these labels, by the label's id.

    They are the study's own if it has any for the label, else the label's own link, if any.
    """
    labels = list(labels)
    own = study_references(dataset, labels)
    return {label.pk: own.get(label.pk) or _default(label) for label in labels}


def references_of_label(dataset_id: int, label: Label) -> list[Reference]:
    """Return the pages that a study shows for one label, as `references_of` does, for pages that open constantly."""
    own = PAGES_OF_LABEL.all(dataset=dataset_id, label=label.pk)
    return [Reference(page.url, page.title) for page in own] or _default(label)


def _default(label: Label) -> list[Reference]:
    return [Reference(label.wikipedia_url)] if label.wikipedia_url else []


def study_references(dataset: Dataset | int, labels: Iterable[Label] | None = None) -> dict[int, list[Reference]]:
    """Return the pages that a study has set itself, by the label's id: of these labels, or of all."""
    pages = ReferencePage.objects.filter(dataset=dataset).order_by("label_id", "position")
    if labels is not None:
        pages = pages.filter(label__in=[label.pk for label in labels])
    references: dict[int, list[Reference]] = defaultdict(list)
    for label_id, url, title in pages.values_list("label_id", "url", "title"):
        references[label_id].append(Reference(url, title))
    return dict(references)
