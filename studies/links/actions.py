"""Links for lists of participants: plain, signed, or with their IDs put on the batch's list."""

import csv
import io
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from catalog.errors import Remark, UserError
from csv_files.cells import guarded
from workforce.links.actions import list_ids
from workforce.links.reads import LONGEST_ID, NoParticipant, checked_id, link_query, similar_ids
from workforce.models import Batch

HEADINGS = ("id", "ids", "worker", "participant")
MOST_IDS = 20_000
# As many IDs as long as can be, of letters and digits, each with its end of line as a form sends it.
MOST_BYTES_OF_A_LIST = MOST_IDS * (LONGEST_ID + len("%0D%0A")) + 4096
MOST_FAULTS_SHOWN = 10


@dataclass(frozen=True)
class ParticipantLinks:
    """The link of each ID, and the groups of IDs that differ by case or Unicode form only."""

    link_by_id: dict[str, str]
    similar: list[list[str]]

    @property
    def remarks(self) -> list[Remark]:
        """Return a warning for each group: its IDs stay different people."""
        words = gettext("These IDs differ only by case or Unicode form, and count as different people: %(ids)s")
        return [Remark(words % {"ids": ", ".join(group)}) for group in self.similar]

    @property
    def csv(self) -> str:
        """Return a table of the IDs and their links, for a mail merge."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["id", "link"])
        writer.writerows([guarded(each), link] for each, link in self.link_by_id.items())
        return text.getvalue()


def ids_in(text: str) -> list[str]:
    """Return the IDs in a text, one on each line. Raises UserError, naming the lines with faults.

    Blank lines, a heading and repeated IDs are left out.
    """
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    first = next((number for number, line in enumerate(lines) if line), 0)
    if lines and lines[first].casefold() in HEADINGS:
        lines[first] = ""
    ids, faults = [], []
    for number, line in enumerate(lines, start=1):
        try:
            ids += [checked_id(line)] if line else []
        except NoParticipant:
            faults.append(gettext("line %(line)s: “%(id)s” is not an ID") % {"line": number, "id": line[:60]})
    if faults:
        shown = "\n".join(faults[:MOST_FAULTS_SHOWN])
        raise UserError(gettext("Nothing was changed. Correct the IDs:\n%(faults)s") % {"faults": shown})
    if not 0 < len(ids) <= MOST_IDS:
        raise UserError(gettext("Write 1 to %(most)s IDs, one on each line.") % {"most": f"{MOST_IDS:,}"})
    return list(dict.fromkeys(ids))


@transaction.atomic
def make_links(*, batch: Batch, text: str) -> ParticipantLinks:
    """Return the links of the IDs in a text; put the IDs on the list of a batch that has one."""
    if batch.marketplace != Batch.Marketplace.LINK:
        raise UserError(gettext("Batch %(batch)s has no study link.") % {"batch": batch.pk})
    ids = ids_in(text)
    if batch.admission == Batch.Admission.LISTED:
        list_ids(batch=batch, ids=ids)
    address = f"{settings.WORKER_ORIGIN}/join/{batch.public_id}"
    links = {each: f"{address}?{link_query(batch, each)}" for each in ids}
    return ParticipantLinks(links, similar_ids(ids))
