"""Style sheets and scripts of a page."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from page_files.reads import file_named, joined_name

register = template.Library()


@register.simple_tag
def style_sheets(*names: str) -> SafeString:
    """Link the style sheets of these names, in this order, as one file."""
    return format_html('<link rel="stylesheet" href="{}">', file_named(joined_name(names)).address)


@register.simple_tag
def script(name: str) -> SafeString:
    """Load the module of this name, and at the same time what it imports: not one after the other.

    Photographs come first: a page of work can be read and answered without its scripts.
    """
    module = file_named(name)
    further = [(file_named(imported).address,) for imported in module.imports]
    preloads = format_html_join("", '<link rel="modulepreload" fetchpriority="low" href="{}">', further)
    return format_html('<script type="module" fetchpriority="low" src="{}"></script>{}', module.address, preloads)
