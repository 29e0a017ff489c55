"""Changes of a study's figures."""

from django.db import transaction
from django.utils.translation import gettext, gettext_lazy

from audit.actions import Area, record
from catalog.actions import FIELDS, change_settings
from catalog.models import Dataset
from catalog.reads import current_settings
from studies.settings.reads import doubts_about, figure_text
from workforce.actions import mark_for_aggregation
from workforce.exclusions.actions import mark_excluded

ASKS_AGAIN = gettext_lazy(
    "A vote “maybe” counts as nothing now. In open batches, other people are asked in place of such votes, and paid."
)


@transaction.atomic
def new_settings(*, dataset: Dataset, figures: dict[str, str]) -> str:
    """Make a settings version if a figure changes. Return a message for people.

    If “maybe” counts as something else, all votes are counted again. If excluded answers are asked for in another way
    than before, the next pass asks for them.
    """
    before = current_settings(dataset)
    if all(name in FIELDS and figure_text(before, name) == value for name, value in figures.items()):
        return gettext("No change: version %(version)s already has these values.") % {"version": before.version}
    version = change_settings(dataset=dataset, **figures)
    texts = [{name: figure_text(row, name) for name in figures if name in FIELDS} for row in (before, version)]
    if version.maybe_counts != before.maybe_counts:
        mark_for_aggregation(dataset=dataset)
    elif (version.asks_again, version.most_replacements) != (before.asks_again, before.most_replacements):
        mark_excluded(dataset=dataset)
    record(area=Area.CONFIG, action="settings.change", subject=f"dataset {dataset}", before=texts[0], after=texts[1])
    message = gettext(
        "From now on, version %(version)s is used for new batches and for pruning. Open batches keep their version."
    )
    further = [ASKS_AGAIN] if version.maybe_counts == "nothing" != before.maybe_counts else []
    return "\n".join([message % {"version": version.version}, *map(str, further), *doubts_about(version)])
