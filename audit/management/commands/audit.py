"""`./manage audit`: print the record of decisions as JSON lines, or verify that nothing in it was changed."""

import json
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from audit.models import AuditEntry
from audit.reads import Head, broken_entries

HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


class Command(BaseCommand):
    help = (
        "Print the record of decisions about settings, money, reviews, exports and permissions, one JSON line each; "
        "or verify that no entry was changed or removed. Its last line is the head of the record: written down "
        "elsewhere, it shows later that nothing was removed from the end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--verify", action="store_true", help="verify the record, and print its head")
        parser.add_argument("--head", metavar="NUMBER:DIGEST", help="with --verify: a head written down earlier")

    def handle(self, *args: Any, verify: bool, head: str | None, **options: Any) -> None:
        if verify:
            self.verify(head)
        elif head:
            raise CommandError(gettext("Write --head together with --verify."))
        else:
            for entry in AuditEntry.objects.select_related("link").order_by("pk").iterator(1000):
                self.stdout.write(json.dumps(line_of(entry), ensure_ascii=False))

    def verify(self, text: str | None) -> None:
        broken, head = broken_entries(head_in(text) if text else None)
        if broken:
            entries = ", ".join(gettext("the end") if number == 0 else str(number) for number in broken[:20])
            message = gettext("The record of decisions was changed outside the site, at: %(entries)s.")
            raise CommandError(message % {"entries": entries})
        if head is None:
            self.stdout.write(gettext("The record of decisions is empty."))
            return
        self.stdout.write(gettext("The record of decisions is whole. Its head is:"))
        self.stdout.write(f"{head[0]}:{head[1]}")


def head_in(text: str) -> Head:
    match = HEAD.fullmatch(text)
    if match is None:
        raise CommandError(gettext("A head is a number, a colon and 64 digits: %(text)s is none.") % {"text": text})
    return int(match[1]), match[2]


def line_of(entry: AuditEntry) -> dict[str, Any]:
    """Return an entry for people and programs."""
    names = ("actor", "account", "area", "action", "subject", "before", "after", "reason")
    return {"entry": entry.pk, "at": entry.at.isoformat()} | {name: getattr(entry, name) for name in names}
