"""Queries on controls: how they do, which are switched off, and which photographs could become controls."""

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet

from aggregation.models import ControlChoice, ControlMeasure, SelectionFrequency
from aggregation.quality.kinds import FEWEST_VOTES_OF_A_PROPOSAL
from catalog.models import Dataset, Image, Label
from contains_task.models import GridCell

MOST_PROPOSALS = 200


@dataclass(frozen=True)
class ControlRow:
    """A control with its measure, and the standing choice about it, if any."""

    measure: ControlMeasure
    choice: ControlChoice | None

    @property
    def is_switched_off(self) -> bool:
        return self.choice is not None and not self.choice.in_use


@dataclass(frozen=True)
class Proposal:
    """A photograph on which all of `n` people agree, so that it could become a control for the label."""

    image: Image
    label: Label
    expected: bool
    n: int


def switched_off(dataset: Dataset) -> set[tuple[int, int]]:
    """Return the (image, label) ids of the controls of a dataset that are switched off."""
    choices = ControlChoice.objects.filter(dataset=dataset, ended_at=None, in_use=False)
    return set(choices.values_list("image", "label"))


def confirmed(dataset: Dataset) -> QuerySet[ControlChoice]:
    """Return the controls that people confirmed."""
    return ControlChoice.objects.filter(dataset=dataset, ended_at=None, in_use=True)


def control_rows(dataset: Dataset) -> list[ControlRow]:
    """Return the controls of a dataset, those that good workers fail first."""
    choices = {
        (row.image_id, row.label_id): row for row in ControlChoice.objects.filter(dataset=dataset, ended_at=None)
    }
    measures = ControlMeasure.objects.filter(dataset=dataset).select_related("image", "label")
    # Of a control that no good worker saw, nothing is known: at the end.
    ordered = sorted(
        measures, key=lambda row: (row.n_good == 0, row.n_good_passed / max(row.n_good, 1), -row.difficulty, row.pk)
    )
    return [ControlRow(measure, choices.get((measure.image_id, measure.label_id))) for measure in ordered]


def proposals(dataset: Dataset, most: int = MOST_PROPOSALS) -> list[Proposal]:
    """Return photographs that could become controls, those with most votes first; none about which is decided."""
    unanimous = SelectionFrequency.objects.filter(
        Q(n_selected=0) | Q(n_selected=F("n_shown")), image__dataset=dataset, n_shown__gte=FEWEST_VOTES_OF_A_PROPOSAL
    )
    decided = set(ControlChoice.objects.filter(dataset=dataset, ended_at=None).values_list("image", "label"))
    rows = unanimous.select_related("image", "label").order_by("-n_shown", "image_id", "label_id")
    proposed: list[Proposal] = []
    for row in rows[: most + len(decided)]:
        if (row.image_id, row.label_id) not in decided:
            proposed.append(Proposal(row.image, row.label, row.n_selected > 0, row.n_shown))
    return proposed[:most]


def expected_answer(dataset: Dataset, image: Image, label: Label) -> bool | None:
    """Return the answer that a control expects, from its grids; None if it is a control in none."""
    cells = GridCell.objects.filter(image=image, grid__label=label, grid__hit__batch__dataset=dataset, role="control")
    return cells.values_list("expected", flat=True).first()
