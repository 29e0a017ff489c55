"""`./manage links BATCH --ids FILE`: write a link for each of your own participants."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext

from catalog.errors import as_command_errors
from studies.links.actions import make_links
from workforce.reads import batch_named


class Command(BaseCommand):
    help = (
        "Write a table of links for your own participants, a row id,link for each. If the batch admits signed links "
        "only, the links are signed. If it admits listed IDs only, the IDs are put on its list."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("batch", metavar="BATCH", help="the batch's number, or its link")
        parser.add_argument("--ids", type=Path, metavar="FILE", required=True, help="a file with one ID on each line")

    def handle(self, *args: Any, batch: str, ids: Path, **options: Any) -> None:
        try:
            text = ids.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            message = gettext("%(file)s cannot be read as UTF-8 text: %(error)s")
            raise CommandError(message % {"file": ids, "error": error}) from None
        with as_command_errors():
            links = make_links(batch=batch_named(batch), text=text)
        for remark in links.remarks:
            self.stderr.write(remark.for_shell)
        self.stdout.write(links.csv, ending="")
