"""`./manage measure --dataset NAME`: compute the measures of workers and controls now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from aggregation.models import MeasuredStudy
from aggregation.quality.actions import forget_measures, recompute
from aggregation.quality.controls.reads import control_rows
from aggregation.quality.reads import WorkerRow, worker_rows
from catalog.errors import as_command_errors
from catalog.models import Dataset
from catalog.reads import dataset_named

MEASURES = ("recall", "false_alarms", "share_selected", "agreement", "seconds")


class Command(BaseCommand):
    help = "Compute the measures of a dataset's workers and controls, let the rules act, and print the workers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        parser.add_argument("--again", action="store_true", help="delete all measures first")

    def handle(self, *args: Any, dataset: str, again: bool, **options: Any) -> None:
        with as_command_errors():
            study = dataset_named(dataset)
        if again:
            forget_measures(dataset=study)
        if not recompute(study):
            raise CommandError(gettext("The measures of this dataset are being computed right now. Try again soon."))
        self.stdout.write(f"{'worker':<18}{'answers':>9}" + "".join(f"{name:>16}" for name in MEASURES) + "  flags")
        for row in worker_rows(study):
            self.stdout.write(_line(row))
        self.stdout.write(_end(study))


def _line(row: WorkerRow) -> str:
    figures = (row.measures[name].value if name in row.measures else None for name in MEASURES)
    cells = "".join(f"{'–' if figure is None else f'{figure:.3f}':>16}" for figure in figures)
    flags = ", ".join([flag.measure for flag in row.flags] + (["excluded"] if row.excluded else []))
    return f"{row.pseudonym:<18}{row.n_answers:>9,}{cells}  {flags}".rstrip()


def _end(dataset: Dataset) -> str:
    controls = control_rows(dataset)
    message = gettext("%(n)s controls, of which %(n_off)s are switched off. Computed in %(seconds)s seconds.")
    seconds = MeasuredStudy.objects.get(dataset=dataset).seconds
    n_off = sum(control.is_switched_off for control in controls)
    return message % {"n": f"{len(controls):,}", "n_off": f"{n_off:,}", "seconds": f"{seconds:.1f}"}
