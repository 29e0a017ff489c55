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
    values = {"contains_answers": version.contains_answers, "min_shown": version.min_shown}
    if version.contains_answers < version.min_shown:
        message = gettext(
            "contains_answers (%(contains_answers)s) is less than min_shown (%(min_shown)s). A "
            "single batch then shows each pair to too few workers, and images get no candidate "
            "labels. Raise contains_answers or lower min_shown. Otherwise, open the pairs again "
            "later, or in an adaptive batch."
        )
        return [message % values]
    return [_no_reserve(version) % values] if 1 < version.contains_answers == version.min_shown else []


def _no_reserve(version: SettingsVersion) -> str:
    """Return the warning that every single answer is needed."""
    if version.asks_again:
        return gettext(
            "contains_answers and min_shown are both %(min_shown)s. After an exclusion, the images of that grid get "
            "no candidate labels until another worker has answered. To need no reserve, lower min_shown."
        )
    return gettext(
        "contains_answers and min_shown are both %(min_shown)s, and excluded answers are not replaced. After an "
        "exclusion, the images of that grid get no candidate labels. Lower min_shown, raise contains_answers, or "
        "turn asks_again on."
    )


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
