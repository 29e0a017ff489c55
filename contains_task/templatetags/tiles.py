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
PHOTOGRAPH = """<img src="{small}" alt="{photograph}"{later} decoding="async">"""
# Answer and link stand below the photograph, so that nothing covers it.
YES = """<input type="checkbox" name="selected" value="{handle}"{selected}"""
BOX = f"""<label data-mark="{{mark}}">{YES}>{PHOTOGRAPH}</label>"""
THREE_WAY_BOXES = (
    f"""<label>{YES} aria-label="{{yes_name}}">{PHOTOGRAPH}"""
    """<span>{yes}</span></label><label class="maybe"><input type="checkbox" name="maybe" value="{handle}"{maybe} """
    """aria-label="{maybe_name}"> {maybe_word}</label>"""
)
LINKS = (
    """<a class="enlarge" href="{large}" target="_blank" rel="noopener" aria-label="{enlarge}"></a>"""
    """<noscript><label class="unloaded"><input type="checkbox" name="unloaded" value="{handle}"{unloaded}> {lost}"""
    """</label></noscript></div>\n"""
)
TILE, THREE_WAY_TILE = (
    f"""<div class="tile" data-photograph="{{handle}}">{boxes}{LINKS}""" for boxes in (BOX, THREE_WAY_BOXES)
)
LATER = ' loading="lazy"'
CHECKED = " checked"


@register.simple_tag
def tiles(
    lease: Lease,
    handles: Iterable[str],
    selected: Container[str] = (),
    maybe: Container[str] = (),
    unloaded: Container[str] = (),
    *,
    three_way: bool = False,
) -> SafeString:
    """Render a photograph with its checkbox for every handle, in this order; if three-way, with a second one."""
    tile, words, numbered = THREE_WAY_TILE if three_way else TILE, *_texts()
    small, large = (_around_handle(name, lease) for name in ("cell-photograph", "work-photograph"))
    cells = (
        tile.format(
            handle=handle,
            small=handle.join(small),
            large=handle.join(large),
            later=LATER if number > AT_ONCE else "",
            selected=CHECKED if handle in selected else "",
            maybe=CHECKED if handle in maybe else "",
            unloaded=CHECKED if handle in unloaded else "",
            **words,
            **{name: text % {"number": number} for name, text in numbered.items()},
        )
        for number, handle in enumerate(map(conditional_escape, handles), start=1)
    )
    # Every value is escaped, or written here.
    return mark_safe("".join(cells))


def _texts() -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of a page's tiles, and those with a number.

    Once for the page: a look-up for every cell would cost as much as the cell.
    """
    words = {
        "mark": gettext("selected"),
        "yes": gettext("Yes"),
        "maybe_word": gettext("Maybe"),
        "lost": gettext("did not load"),
    }
    numbered = {
        "photograph": gettext("photograph %(number)s"),
        "enlarge": gettext("Enlarge photograph %(number)s"),
        "yes_name": gettext("Photograph %(number)s: yes"),
        "maybe_name": gettext("Photograph %(number)s: maybe"),
    }
    return tuple({name: conditional_escape(text) for name, text in texts.items()} for texts in (words, numbered))  # type: ignore[return-value]


def _around_handle(name: str, lease: Lease) -> tuple[str, str]:
    """Return the parts before and after a handle in the URLs of a lease's pictures, escaped."""
    prefix, _, suffix = conditional_escape(reverse(name, args=[lease.public_id, ANY])).rpartition(ANY)
    return prefix, suffix
