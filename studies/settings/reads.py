"""The figures of a study, as a researcher reads and writes them."""

import shlex
from collections.abc import Iterable
from decimal import Decimal

from catalog.actions import FIGURES
from catalog.errors import UserError
from catalog.models import Dataset, SettingsVersion


def figures_of(assignments: Iterable[str]) -> dict[str, str]:
    """{figure: value} of texts "figure=value"; what they may be is for catalog.actions to say."""
    figures = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"The setting {text!r} lacks a value.", shell="Write --set figure=value.")
        if name in figures:
            raise UserError(f"The setting {name} is given twice.", shell="Leave one --set out.")
        figures[name.strip()] = value.strip()
    return figures


def doubts_about(version: SettingsVersion) -> list[str]:
    """What may be set so, and is hardly meant so."""
    if version.contains_answers >= version.min_shown:
        return []
    return [
        f"contains_answers is {version.contains_answers}, and min_shown {version.min_shown}: no pair is shown to so "
        "many people by one batch, so no image gets candidate labels, unless its pairs are opened again or in an "
        "adaptive batch. Raise contains_answers or lower min_shown."
    ]


def figure_text(version: SettingsVersion, name: str) -> str:
    """A figure as --set takes it."""
    value = getattr(version, name)
    if isinstance(value, list):
        return shlex.join(value)
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def settings_table(dataset: Dataset) -> str:
    """A line per figure with a column per version, the current one last."""
    versions = list(dataset.settings_versions.order_by("version"))
    rows = [["version", *(str(version.version) for version in versions)]]
    rows += [[name, *(figure_text(version, name) for version in versions)] for name in FIGURES]
    rows += [["made", *(f"{version.created_at:%Y-%m-%d}" for version in versions)]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    notes = [f"{version.version}: {version.note}" for version in versions if version.note]
    return "\n".join(lines + notes)
