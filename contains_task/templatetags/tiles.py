"""The cells of a grid's page, all at once.

The template language goes through the parts of a loop one by one, and through the address table for every address: for
48 cells that took two thirds of the time of a whole hand-in.
"""

from collections.abc import Container, Iterable

from django import template
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from workforce.models import Lease

register = template.Library()

# Those of the first screens are fetched at once, the others when they come near.
AT_ONCE = 12
ANY = "handle"
TILE = """  <div class="tile">
    <label>
      <input type="checkbox" name="selected" value="{handle}"{checked}>
      <img src="{small}" alt="photograph {number}"{later} decoding="async">
    </label>
    <a class="enlarge" href="{large}" target="_blank" rel="noopener" aria-label="Enlarge photograph {number}" """ \
    """title="Enlarge"><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">\
<path d="M9.5 1.5h5v5M6.5 14.5h-5v-5M14.5 1.5l-5 5M1.5 14.5l5-5"/></svg></a>
  </div>
"""
LATER = ' loading="lazy"'
CHECKED = SafeString(" checked")
NOT_CHECKED = SafeString("")


@register.simple_tag
def tiles(lease: Lease, handles: Iterable[str], ticked: Container[str] = ()) -> SafeString:
    """A checkbox with its photograph for every handle, in this order. In handles there is nothing to escape."""
    small, large = (_around_handle(name, lease) for name in ("cell-photograph", "work-photograph"))
    cells = (
        {
            "handle": SafeString(handle),
            "number": SafeString(number),
            "small": SafeString(handle.join(small)),
            "large": SafeString(handle.join(large)),
            "later": SafeString(LATER if number > AT_ONCE else ""),
            "checked": CHECKED if handle in ticked else NOT_CHECKED,
        }
        for number, handle in enumerate(handles, start=1)
    )
    return format_html_join("", TILE, cells)


def _around_handle(name: str, lease: Lease) -> tuple[str, str]:
    """What stands before and behind a handle in the addresses of a lease's pictures."""
    before, _, behind = reverse(name, args=[lease.public_id, ANY]).rpartition(ANY)
    return before, behind
