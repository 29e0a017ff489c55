import time

from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils.translation import ngettext

from marketplace.clock import now
from marketplace.overdue.actions import catch_up

ALL = float("inf")


class Command(BaseCommand):
    help = "Process time-outs, expirations and automatic approvals that are due, once or every few seconds."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="sweep again after so many seconds, until stopped"
        )

    def handle(self, *, every: float | None, **options) -> None:
        while True:
            n_hits = catch_up(now(), seconds=ALL)
            if every is None:
                text = ngettext("%(n)s HIT was updated.", "%(n)s HITs were updated.", n_hits)
                self.stdout.write(text % {"n": n_hits})
                return
            close_old_connections()
            time.sleep(every)
