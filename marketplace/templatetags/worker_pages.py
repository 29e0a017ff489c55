"""Amounts, durations and addresses as workers read them."""

import re
from urllib.parse import quote

from django import template

from marketplace import prices

register = template.Library()
MAIL = re.compile(r"[^@\s:/?&]+@[^@\s:/?&]+\.[^@\s:/?&]+")
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@register.filter
def dollars(cents: int) -> str:
    """
    >>> dollars(105)
    '$1.05'
    """
    return f"${prices.dollars(cents)}"


@register.filter
def duration(seconds: int) -> str:
    """The two largest units.

    >>> duration(3600), duration(90), duration(90000), duration(0)
    ('1 hour', '1 minute 30 seconds', '1 day 1 hour', '0 seconds')
    """
    parts = []
    for size, name in UNITS:
        n, seconds = divmod(seconds, size)
        if n:
            parts.append(f"{n} {name}{'s' if n > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"


@register.filter
def contact_address(contact: str, subject: str = "") -> str:
    """Where a link to a requester leads; blank if what they gave is no address.

    >>> contact_address("lab@example.org", "HIT 3A"), contact_address("https://lab.example"), contact_address("room 5")
    ('mailto:lab@example.org?subject=HIT%203A', 'https://lab.example', '')
    """
    if MAIL.fullmatch(contact):
        return f"mailto:{contact}" + (f"?subject={quote(subject, safe='')}" if subject else "")
    return contact if contact.startswith(("https://", "http://")) else ""
