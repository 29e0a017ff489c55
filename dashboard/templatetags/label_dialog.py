"""The label browser as a dialog of another page."""

from typing import Any

from django import template

from catalog.models import Dataset
from dashboard.label_browser.context import chooser

register = template.Library()


@register.inclusion_tag("dashboard/label_browser/dialog.html")
def label_dialog(dataset: Dataset) -> dict[str, Any]:
    """Show the dialog in which people choose a label of a study: once on a page, for all of its buttons."""
    return {"dataset": dataset} | chooser(dataset)
