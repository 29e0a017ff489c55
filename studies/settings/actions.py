"""Changing the figures of a study."""

from catalog.actions import FIELDS, change_settings
from catalog.models import Dataset
from catalog.reads import current_settings
from studies.settings.reads import doubts_about, figure_text


def new_settings(*, dataset: Dataset, figures: dict[str, str]) -> str:
    """Make a settings version if a figure changes. Returns what happened, in words."""
    before = current_settings(dataset)
    if all(name in FIELDS and figure_text(before, name) == value for name, value in figures.items()):
        return f"Version {before.version} has these figures already: nothing was changed."
    version = change_settings(dataset=dataset, **figures)
    holds = "holds for batches opened and images pruned from now on; open batches keep theirs."
    return "\n".join([f"Version {version.version} {holds}", *doubts_about(version)])
