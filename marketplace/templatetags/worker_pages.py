"""Amounts, durations and addresses as workers read them."""

import re
from urllib.parse import quote

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext, ngettext_lazy

from marketplace import prices
from marketplace.models import Requester

register = template.Library()
MAIL = re.compile(r"[^@\s:/?&]+@[^@\s:/?&]+\.[^@\s:/?&]+")
UNITS = (
    (86_400, ngettext_lazy("%(n)s day", "%(n)s days", "n")),
    (3600, ngettext_lazy("%(n)s hour", "%(n)s hours", "n")),
    (60, ngettext_lazy("%(n)s minute", "%(n)s minutes", "n")),
    (1, ngettext_lazy("%(n)s second", "%(n)s seconds", "n")),
)


@register.filter
def dollars(cents: int) -> str:
    """Return an amount as workers read it.

    >>> dollars(105)
    '$1.05'
    """
    return f"${prices.dollars(cents)}"


@register.filter
def duration(seconds: int) -> str:
    """Return a duration in its two largest units.

    >>> duration(3600), duration(90), duration(90000), duration(0)
    ('1 hour', '1 minute 30 seconds', '1 day 1 hour', '0 seconds')
    """
    parts = []
    for size, words in UNITS:
        n, seconds = divmod(seconds, size)
        if n:
            parts.append(words % {"n": n})
    return " ".join(parts[:2]) or ngettext("%(n)s second", "%(n)s seconds", 0) % {"n": 0}


@register.simple_tag
def contact_link(requester: Requester, subject: str) -> SafeString | str:
    """Return a link to the requester's contact, or its words; the administrator if the requester has none."""
    contact = requester.contact
    if not contact:
        words = gettext("the administrator of this marketplace (%(requester)s gave no contact)")
        return words % {"requester": requester.name}
    address = contact_address(contact, subject)
    if not address:
        return contact
    return format_html('<a href="{}" rel="noopener noreferrer" target="_blank">{}</a>', address, contact)


def contact_address(contact: str, subject: str = "") -> str:
    """Return the address of a link to a contact; blank if the contact is not an address.

    >>> contact_address("lab@example.org", "HIT 3A"), contact_address("https://lab.example"), contact_address("room 5")
    ('mailto:lab@example.org?subject=HIT%203A', 'https://lab.example', '')
    """
    if MAIL.fullmatch(contact):
        return f"mailto:{contact}" + (f"?subject={quote(subject, safe='')}" if subject else "")
    return contact if contact.startswith(("https://", "http://")) else ""
