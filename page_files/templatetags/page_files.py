"""Style sheets and scripts of a page."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from page_files.reads import file_named, joined_name

register = template.Library()


@register.simple_tag
def style_sheets(*names: str) -> SafeString:
    """Link the style sheets of these names, in this order, as one file."""
    return format_html('<link rel="stylesheet" href="{}">', file_named(joined_name(names)).address)


@register.simple_tag
def script(name: str) -> SafeString:
    """Load the module of this name, after the photographs: a page of work can be read and answered without it."""
    return format_html('<script type="module" fetchpriority="low" src="{}"></script>', file_named(name).address)
