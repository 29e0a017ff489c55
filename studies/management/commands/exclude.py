"""`./manage exclude SUBMISSION`, or all of one worker: out of every number, or back in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from studies.exclusions.actions import exclude, exclude_person, lift_exclusion, lift_exclusions


class Command(BaseCommand):
    help = (
        "Let a submission, or all that a worker sent so far, count no more, for a reason that is kept; or with --lift "
        "again. It stays stored and paid. The exported votes have the numbers of submissions and the workers' "
        "pseudonyms."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("submission", type=int, nargs="?", help="its number")
        whose.add_argument("--worker", metavar="PSEUDONYM", help="all of this person in --dataset")
        parser.add_argument("--dataset", metavar="NAME", help="with --worker: pseudonyms differ between datasets")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reason", metavar="TEXT")
        what.add_argument("--lift", action="store_true", help="let it count again")

    def handle(self, *args: Any, submission: int | None, reason: str | None, lift: bool, **options: Any) -> None:
        worker, dataset = options["worker"], options["dataset"]
        if (worker is None) != (dataset is None):
            raise CommandError("--worker PSEUDONYM and --dataset NAME belong together; a submission needs neither.")
        with as_command_errors():
            if worker is not None:
                self.person(worker, dataset, reason, lift)
            elif submission is not None and lift:
                lift_exclusion(number=submission)
            elif submission is not None:
                exclude(number=submission, reason=reason or "")
        if worker is None:
            self.stdout.write(f"Submission {submission} {'counts again' if lift else 'counts no more'}.")

    def person(self, worker: str, dataset: str, reason: str | None, lift: bool) -> None:
        found = dataset_named(dataset)
        if lift:
            n_all, n_changed = lift_exclusions(dataset=found, worker=worker)
        else:
            n_all, n_changed = exclude_person(dataset=found, worker=worker, reason=reason or "")
        what = "count again" if lift else "count no more"
        self.stdout.write(f"{n_changed:,} of {n_all:,} submissions of {worker} {what}.")
