"""Import of reviews: a whole one, or label sets from elsewhere; with any fault, nothing."""

from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.actions import ensure_dataset
from catalog.errors import StagedConflict
from catalog.models import Dataset
from data_import.actions import note_new_dataset
from data_import.votes.files import BadFile
from data_import.whole_reviews.files import read_review
from review_task.files.actions import load_review
from review_task.files.reads import BadReviewRow, ReviewLog
from review_task.models import Review
from workforce.reads import pseudonyms_of

LONGEST_TITLE = 200


@transaction.atomic
def import_review(*, dataset_name: str, path: Path, title: str = "") -> Review:
    """Load the review of a file into a dataset, made if there is none. Returns it. Raises BadFile.

    `title` names label sets, which have none of their own: the name of the file, unless it is said.
    """
    if len(title) > LONGEST_TITLE:
        message = gettext("%(file)s: the title is longer than %(n)s characters.")
        raise BadFile(message % {"file": path, "n": LONGEST_TITLE})
    is_new = not Dataset.objects.filter(name=dataset_name).exists()
    dataset = ensure_dataset(name=dataset_name)
    log = read_review(path, dataset, title or path.name[:LONGEST_TITLE])
    _refuse_own(path, dataset, log)
    try:
        review = load_review(dataset=dataset, log=log)
    except (BadReviewRow, StagedConflict) as error:
        raise BadFile(f"{path}: {error}", shell=error.shell, page=error.page) from error
    if is_new:
        note_new_dataset(dataset=dataset)
    after = {"file": path.name, "items": len(log.items), "verdicts": len(log.verdicts)}
    record(area=Area.CONFIG, action="review.import", subject=f"review “{review}” of dataset {dataset}", after=after)
    return review


def _refuse_own(path: Path, dataset: Dataset, log: ReviewLog) -> None:
    """Refuse a dataset's own review: its verdicts would count again as those of other people. Raises BadFile."""
    if {row.reviewer for row in log.reviewers} & set(pseudonyms_of(dataset)):
        message = gettext(
            "%(file)s is an export of dataset “%(dataset)s”, which has these verdicts already. Load it into another "
            "dataset."
        )
        raise BadFile(message % {"file": path, "dataset": dataset.name})
