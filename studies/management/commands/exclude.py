"""`./manage exclude SUBMISSION`: leave a submission, or all of one worker, out of every number, or include it again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext, ngettext

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from studies.exclusions.actions import exclude, exclude_person, lift_exclusion, lift_exclusions


class Command(BaseCommand):
    help = (
        "Exclude a submission, or all submissions so far of a worker, for a stored reason; with --lift, include "
        "it again. It stays stored and paid. The exported votes list the numbers of submissions and the workers' "
        "pseudonyms."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("submission", type=int, nargs="?", help="its number")
        whose.add_argument("--worker", metavar="PSEUDONYM", help="all submissions of this worker in --dataset")
        parser.add_argument("--dataset", metavar="NAME", help="with --worker: pseudonyms differ between datasets")
        change = parser.add_mutually_exclusive_group(required=True)
        change.add_argument("--reason", metavar="TEXT", help="why the submission is excluded")
        change.add_argument("--lift", action="store_true", help="include the submission again")

    def handle(self, *args: Any, submission: int | None, reason: str | None, lift: bool, **options: Any) -> None:
        worker, dataset = options["worker"], options["dataset"]
        if (worker is None) != (dataset is None):
            raise CommandError(
                gettext("Write --worker PSEUDONYM and --dataset NAME together. A single submission needs neither.")
            )
        with as_command_errors():
            if worker is not None:
                self.person(worker, dataset, reason, lift)
            elif submission is not None and lift:
                lift_exclusion(number=submission)
            elif submission is not None:
                exclude(number=submission, reason=reason or "")
        if worker is None:
            included = gettext("Submission %(number)s is now included again.")
            message = included if lift else gettext("Submission %(number)s is now excluded.")
            self.stdout.write(message % {"number": submission})

    def person(self, worker: str, name: str, reason: str | None, lift: bool) -> None:
        dataset = dataset_named(name)
        if lift:
            n_all, n_changed = lift_exclusions(dataset=dataset, worker=worker)
            message = ngettext(
                "%(n)s of %(n_all)s submissions of %(worker)s is now included again.",
                "%(n)s of %(n_all)s submissions of %(worker)s are now included again.",
                n_changed,
            )
        else:
            n_all, n_changed = exclude_person(dataset=dataset, worker=worker, reason=reason or "")
            message = ngettext(
                "%(n)s of %(n_all)s submissions of %(worker)s is now excluded.",
                "%(n)s of %(n_all)s submissions of %(worker)s are now excluded.",
                n_changed,
            )
        self.stdout.write(message % {"n": f"{n_changed:,}", "n_all": f"{n_all:,}", "worker": worker})
