"""`./manage exclude SUBMISSION`: take a submission out of every number, or back in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation_site.refusals import as_command_errors
from annotation_site.study import exclude, lift_exclusion


class Command(BaseCommand):
    help = "Let a submission count no more, for a reason that is kept, or with --lift again. It stays stored and paid."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("submission", type=int, help="its number")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reason", metavar="TEXT")
        what.add_argument("--lift", action="store_true", help="let it count again")

    def handle(self, *args: Any, submission: int, reason: str | None, lift: bool, **options: Any) -> None:
        with as_command_errors():
            if lift:
                lift_exclusion(number=submission)
            else:
                exclude(number=submission, reason=reason or "")
        self.stdout.write(f"Submission {submission} {'counts again' if lift else 'counts no more'}.")
