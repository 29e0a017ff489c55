"""Figures of a study, as a researcher reads and writes them."""

import shlex
from collections.abc import Iterable
from decimal import Decimal

from django.utils.translation import gettext

from catalog.actions import FIGURES
from catalog.errors import UserError
from catalog.models import Dataset, SettingsVersion


def figures_of(assignments: Iterable[str]) -> dict[str, str]:
    """Return {figure: value} of texts "figure=value"; catalog.actions checks the values."""
    figures = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(
                gettext("The setting “%(name)s” has no value.") % {"name": text},
                shell=gettext("Write --set figure=value."),
            )
        if name in figures:
            raise UserError(
                gettext("The setting “%(name)s” appears twice.") % {"name": name}, shell=gettext("Leave one --set out.")
            )
        figures[name.strip()] = value.strip()
    return figures


def doubts_about(version: SettingsVersion) -> list[str]:
    """Return warnings about figures that are allowed but probably a mistake."""
    if version.contains_answers >= version.min_shown:
        return []
    message = gettext(
        "contains_answers (%(contains_answers)s) is less than min_shown (%(min_shown)s). A "
        "single batch then shows each pair to too few workers, and images get no candidate "
        "labels. Raise contains_answers or lower min_shown. Otherwise, open the pairs again "
        "later, or in an adaptive batch."
    )
    return [message % {"contains_answers": version.contains_answers, "min_shown": version.min_shown}]


def figure_text(version: SettingsVersion, name: str) -> str:
    """Return a figure in the form that --set takes."""
    value = getattr(version, name)
    if isinstance(value, list):
        return shlex.join(value)
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def settings_table(dataset: Dataset) -> str:
    """Return a table with a line per figure and a column per version, the current one last."""
    versions = list(dataset.settings_versions.order_by("version"))
    rows = [["version", *(str(version.version) for version in versions)]]
    rows += [[name, *(figure_text(version, name) for version in versions)] for name in FIGURES]
    rows += [["made", *(f"{version.created_at:%Y-%m-%d}" for version in versions)]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    notes = [f"{version.version}: {version.note}" for version in versions if version.note]
    return "\n".join(lines + notes)
