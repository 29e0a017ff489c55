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

from catalog.tiles.reads import CELL_SIDES
from workforce.models import Lease

register = template.Library()

# Cells on the first screen of a telephone come before all else, those on the next at once, the others lazily.
FIRST, AT_ONCE = 6, 12
ANY = "handle"
# By the density of the screen, as a tile is about as wide on every one.
PHOTOGRAPH = """<img src="{small}" srcset="{dense} 1.5x" alt="{photograph}"{order} decoding="async">"""
# Answer and link stand below the photograph, so that nothing covers it.
YES = """<input type="checkbox" name="selected" value="{handle}"{selected}"""
BOX = f"""<label data-mark="{{mark}}">{YES}>{PHOTOGRAPH}</label>"""
THREE_WAY_BOXES = (
    f"""<label>{YES} aria-label="{{yes_name}}">{PHOTOGRAPH}"""
    """<span>{yes}</span></label><label class="maybe"><input type="checkbox" name="maybe" value="{handle}"{maybe} """
    """aria-label="{maybe_name}"> {maybe_word}</label>"""
)
LINK = """<a class="enlarge" href="{large}" target="_blank" rel="noopener" aria-label="{enlarge}"></a>"""
UNLOADED = (
    """<label class="unloaded"><input type="checkbox" name="unloaded" value="{handle}"{unloaded}> {lost}</label>"""
)
AT_FIRST, LATER = ' fetchpriority="high"', ' loading="lazy"'
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
    without_scripts: bool = False,
) -> SafeString:
    """Render a photograph with its checkbox for every handle, in this order; if three-way, with a second one.

    Where scripts are not known to be missing, only a browser without them shows the mark of what did not load.
    """
    unloaded_mark = UNLOADED if without_scripts else f"<noscript>{UNLOADED}</noscript>"
    tile = _tile(three_way=three_way, unloaded_mark="" if lease.pk is None else unloaded_mark)
    words, numbered = _escaped(_words()), _escaped(_names())
    small, dense = (_around_handle("small-photograph", lease, side) for side in CELL_SIDES)
    large = _around_handle("work-photograph", lease)
    cells = (
        tile.format(
            handle=handle,
            small=handle.join(small),
            dense=handle.join(dense),
            large=handle.join(large),
            order=AT_FIRST if number <= FIRST else LATER if number > AT_ONCE else "",
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


def _tile(*, three_way: bool, unloaded_mark: str) -> str:
    parts = (THREE_WAY_BOXES if three_way else BOX, LINK, unloaded_mark)
    return f"""<div class="tile" data-photograph>{"".join(parts)}</div>\n"""


# Once for the page: a look-up for every cell would cost as much as the cell.
def _words() -> dict[str, str]:
    return {
        "mark": gettext("selected"),
        "yes": gettext("Yes"),
        "maybe_word": gettext("Maybe"),
        "lost": gettext("did not load"),
        # The script adds the name of the photograph: here it would be a line of every cell.
        "enlarge": gettext("Enlarge"),
    }


def _names() -> dict[str, str]:
    """Return the texts with the number of a photograph."""
    return {
        "photograph": gettext("photograph %(number)s"),
        "yes_name": gettext("Photograph %(number)s: yes"),
        "maybe_name": gettext("Photograph %(number)s: maybe"),
    }


def _escaped(texts: dict[str, str]) -> dict[str, str]:
    return {name: conditional_escape(text) for name, text in texts.items()}


def _around_handle(name: str, lease: Lease, *side: int) -> tuple[str, str]:
    """Return the parts before and after a handle in the URLs of a lease's pictures, escaped."""
    prefix, _, suffix = conditional_escape(reverse(name, args=[lease.public_id, *side, ANY])).rpartition(ANY)
    return prefix, suffix
