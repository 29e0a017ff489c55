"""`./manage exclude SUBMISSION`: leave a submission, or all of one worker, out of every number, or include it again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils.translation import gettext, ngettext

from catalog.errors import as_command_errors
from catalog.reads import dataset_named
from studies.exclusions.actions import (
    exclude,
    exclude_network,
    exclude_person,
    lift_exclusion,
    lift_exclusions,
    submission_numbered,
    submissions_named,
)
from studies.exclusions.reads import step_of, work_of_network
from workforce.exclusions.actions import lift_step
from workforce.models import Submission


class Command(BaseCommand):
    help = (
        "Exclude a submission, or all submissions so far of a worker or from a network, for a stored reason; with "
        "--lift, include it again. It stays stored and paid. The exported votes list the numbers of submissions and "
        "the workers' pseudonyms."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("submission", type=int, nargs="?", help="its number")
        whose.add_argument("--worker", metavar="PSEUDONYM", help="all submissions of this worker in --dataset")
        whose.add_argument(
            "--network-of",
            metavar="SUBMISSION|PSEUDONYM",
            help="all submissions to the dataset from the same network as this one, or as those of this worker in "
            "--dataset; --lift includes again what was excluded together",
        )
        parser.add_argument("--dataset", metavar="NAME", help="with a pseudonym: these differ between datasets")
        change = parser.add_mutually_exclusive_group(required=True)
        change.add_argument("--reason", metavar="TEXT", help="why the submission is excluded")
        change.add_argument("--lift", action="store_true", help="include the submission again")

    def handle(self, *args: Any, submission: int | None, reason: str | None, lift: bool, **options: Any) -> None:
        worker, dataset = options["worker"], options["dataset"]
        if options["network_of"] is not None:
            with as_command_errors():
                return self.network(options["network_of"], dataset, reason, lift)
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

    def network(self, whose: str, name: str | None, reason: str | None, lift: bool) -> None:
        submissions = self.named(whose, name)
        if lift:
            n_changed = lift_step(step=step_of(submissions))
            message = ngettext(
                "%(n)s submission is now included again.", "%(n)s submissions are now included again.", n_changed
            )
            self.stdout.write(message % {"n": f"{n_changed:,}"})
            return
        dataset = submissions[0].hit.batch.dataset
        work = work_of_network(dataset, submissions)
        n_changed = exclude_network(work=work, reason=reason or "")
        message = gettext(
            "From the same network: submissions %(n_all)s, workers %(n_workers)s, now excluded %(n)s submissions."
        )
        counts = {"n": n_changed, "n_all": work.n_submissions, "n_workers": work.n_workers}
        self.stdout.write(message % {name: f"{count:,}" for name, count in counts.items()})

    def named(self, whose: str, name: str | None) -> QuerySet[Submission]:
        if name is not None:
            return submissions_named(dataset_named(name), whose)
        if not (whose.isascii() and whose.isdecimal()):
            message = gettext("“%(word)s” is no number. With a pseudonym, write --dataset NAME too.")
            raise CommandError(message % {"word": whose})
        return Submission.objects.filter(pk=submission_numbered(int(whose)).pk)
