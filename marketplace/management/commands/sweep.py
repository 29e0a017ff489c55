import time

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from marketplace.clock import now
from marketplace.overdue.actions import catch_up

ALL = float("inf")


class Command(BaseCommand):
    help = "Let happen what is due: time-outs, expirations, automatic approvals. Once, or every few seconds."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="go on for ever")

    def handle(self, *, every: float | None, **options) -> None:
        while True:
            done = catch_up(now(), seconds=ALL)
            if every is None:
                self.stdout.write(f"{done} HITs brought up to date.")
                return
            close_old_connections()
            time.sleep(every)
