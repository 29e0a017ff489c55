"""Queries on drafts, and on what a draft or an answer says."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from workforce.drafts.statements import READ_OF_ASSIGNMENT, READ_OF_LEASE
from workforce.kinds import kind_named
from workforce.models import Lease
from workforce.reads import SELECTION, image_handle, made_under, page_keys, selects_the_same

# The fields of a page that a person filled in, and those with which the page goes on.
FIELDS = (*SELECTION, "report_kind", "report_words", "photographs", "marks", "page")


class StoredDraft(NamedTuple):
    """A version of a draft; `content` is the JSON text of FIELDS."""

    version: int
    content: str

    def for_page(self) -> str:
        """Return the JSON text from which a page goes on."""
        return f'{{"version":{self.version},"content":{self.content}}}'


def draft_of(lease: Lease) -> StoredDraft | None:
    """Return the draft of a lease; in a marketplace's frame that of its assignment alone."""
    if lease.assignment is None:
        row = READ_OF_LEASE.row({"lease": lease.pk})
    else:
        row = READ_OF_ASSIGNMENT.row({"assignment": lease.assignment.pk})
    return None if row is None else StoredDraft(row[0], _in_handles_of_page(lease, row[1]))


def _in_handles_of_page(lease: Lease, content: str) -> str:
    """Return a draft with the handles of a lease's page: another page may have saved it under another SECRET_KEY."""
    page_key = lease.page_key or page_keys()[0]
    pages = [made_under(lease, key) for key in page_keys() if key != page_key]
    images = kind_named(lease.hit.batch.kind).images_of_hit(lease.hit_id) if pages else ()
    for image in images:
        for page in pages:
            content = content.replace(image_handle(page, image.public_id), image_handle(lease, image.public_id))
    return content


def says_the_same(draft: StoredDraft, fields: Mapping[str, Any]) -> bool:
    """Return whether a draft selects what a page's fields select."""
    return selects_the_same(json.loads(draft.content), fields)
