"""All cells of a grid's page at once.

A loop in the template renders every part and resolves every URL separately: for 48 cells that took two thirds of the
time of a whole submission.
"""

from collections.abc import Container, Iterable

from django import template
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from workforce.models import Lease

register = template.Library()

# Cells on the first screens load at once, the others lazily.
AT_ONCE = 12
ANY = "handle"
TILE = (
    """  <div class="tile" data-photograph="{handle}">
    <label data-mark="{mark}">
      <input type="checkbox" name="selected" value="{handle}"{checked}>
      <img src="{small}" alt="{photograph}"{later} decoding="async">
    </label>
    <a class="enlarge" href="{large}" target="_blank" rel="noopener" aria-label="{enlarge_photograph}" """
    """title="{enlarge}"></a>
  </div>
"""
)
LATER = ' loading="lazy"'
CHECKED = " checked"


@register.simple_tag
def tiles(lease: Lease, handles: Iterable[str], selected: Container[str] = ()) -> SafeString:
    """Render a checkbox with its photograph for every handle, in this order."""
    # Once for the page: a look-up for every cell would cost as much as the cell.
    photograph, enlarge_photograph, enlarge, mark = map(
        conditional_escape,
        (
            gettext("photograph %(number)s"),
            gettext("Enlarge photograph %(number)s"),
            gettext("Enlarge"),
            gettext("selected"),
        ),
    )
    small, large = (_around_handle(name, lease) for name in ("cell-photograph", "work-photograph"))
    cells = (
        TILE.format(
            handle=handle,
            photograph=photograph % {"number": number},
            enlarge_photograph=enlarge_photograph % {"number": number},
            enlarge=enlarge,
            mark=mark,
            small=handle.join(small),
            large=handle.join(large),
            later=LATER if number > AT_ONCE else "",
            checked=CHECKED if handle in selected else "",
        )
        for number, handle in enumerate(map(conditional_escape, handles), start=1)
    )
    # Every value is escaped, or written here.
    return mark_safe("".join(cells))


def _around_handle(name: str, lease: Lease) -> tuple[str, str]:
    """Return the parts before and after a handle in the URLs of a lease's pictures, escaped."""
    prefix, _, suffix = conditional_escape(reverse(name, args=[lease.public_id, ANY])).rpartition(ANY)
    return prefix, suffix
