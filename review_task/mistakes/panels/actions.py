"""Import of a panel's judgement of mistakes: the panel is one reviewer of a classifier's queue."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext

from audit.actions import Area, record
from catalog.actions import load_staged_images
from catalog.models import Classifier, Dataset
from catalog.reads import LockName, wait_for_lock
from csv_files.tables import InputFile, Refusal, all_refused
from review_task.errors import NoSeat
from review_task.mistakes.actions import add_items, keep_without_labels, new_queue, note_items
from review_task.mistakes.panels.reads import JudgedMistake, read_judgement
from review_task.mistakes.reads import queue_of_classifier, top_predictions
from review_task.models import ClassPage, Item, Review, Verdict, VerdictValue
from workforce.actions import identify_worker
from workforce.models import Submission, Worker
from workforce.seats.actions import take_seat

PANEL = "panel"
STAGED = "staged_mistake"


class ImportedJudgement(NamedTuple):
    """The queue of an imported judgement, and how many rows, new images, new items and new verdicts it has."""

    review: Review
    n_rows: int
    n_new_images: int
    n_new_items: int
    n_new_verdicts: int


@transaction.atomic
def import_judgement(
    *, dataset: Dataset, classifier: str, file: InputFile, panel: str = "", title: str = ""
) -> ImportedJudgement:
    """Import a file of judged mistakes, all or nothing: the panel takes a seat in the open queue of the classifier.

    Without an open queue one is opened, with one seat. Images that the dataset lacks are added without files, and a
    classifier that it does not know is named, without predictions. `panel` tells panels apart; the same panel again
    says what changed alone. Raises BadTable, NoSeat, and UserError, which names the lines.
    """
    wait_for_lock(LockName.ASKING, dataset)
    rows = read_judgement(file, dataset)
    row, _ = Classifier.objects.get_or_create(
        label_set=dataset.label_set, name=classifier, defaults={"network": classifier}
    )
    n_new_images = _add_images(dataset, rows)
    ids = dict(dataset.images.filter(name__in=[row.image for row in rows]).values_list("name", "pk"))
    _check_predictions(dataset, row, rows, ids, file)
    queue = queue_of_classifier(dataset, row)
    is_new = queue is None
    if queue is None:
        queue = new_queue(dataset=dataset, classifier=row, n_reviewers=1, title=title)
    added = add_items(queue=queue, predictions={ids[judged.image]: judged.prediction for judged in rows})
    keep_without_labels(items=added)
    worker = identify_worker(marketplace=PANEL, external_id=f"{dataset.pk}:{panel or classifier}")
    n_new = _give_verdicts(queue, worker, {ids[judged.image]: judged for judged in rows})
    note_items(queue=queue, is_new=is_new, n_items=len(added))
    after = {"file": str(file), "rows": len(rows), "verdicts": n_new}
    record(area=Area.CONFIG, action="mistakes.import", subject=f"review {queue.pk} of dataset {dataset}", after=after)
    return ImportedJudgement(queue, len(rows), n_new_images, len(added), n_new)


def _add_images(dataset: Dataset, rows: Sequence[JudgedMistake]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE {STAGED} (line int, position int, image text, dataset_label int, image_id bigint) "
            "ON COMMIT DROP"
        )
        cursor.execute(
            f"INSERT INTO {STAGED} (line, position, image) "  # noqa: S608 - a constant names the table
            "SELECT * FROM unnest(%s::int[], %s::int[], %s::text[])",
            [[row.line for row in rows], list(range(len(rows))), [row.image for row in rows]],
        )
        n_new, _ = load_staged_images(dataset=dataset, staged=STAGED)
        cursor.execute(f"DROP TABLE {STAGED}")
    return n_new


def _check_predictions(
    dataset: Dataset,
    classifier: Classifier,
    rows: Sequence[JudgedMistake],
    ids: Mapping[str, int],
    file: InputFile,
) -> None:
    """Check the rows against the classifier's predictions, where the site has them."""
    stored = top_predictions(dataset, classifier)
    message = gettext("the first rank of %(classifier)s on %(image)s is %(stored)s, not %(prediction)s")
    refusals = [
        Refusal(
            gettext("line %(line)s") % {"line": row.line},
            message % {"classifier": classifier, "image": row.image, "stored": first, "prediction": row.prediction},
        )
        for row in rows
        if (first := stored.get(ids[row.image])) not in (None, row.prediction)
    ]
    if refusals:
        head = gettext("%(file)s was not imported: it is about other predictions.")
        raise all_refused(head % {"file": file}, refusals)


def _give_verdicts(queue: Review, worker: Worker, judged: Mapping[int, JudgedMistake]) -> int:
    items = [
        item
        for item in Item.objects.filter(page__review=queue, image__in=judged).select_related("label")
        if item.label.index == judged[item.image_id].prediction
    ]
    seats = _take_seats(queue, worker, {item.page_id for item in items})
    stored = {row.item_id: row for row in Verdict.objects.filter(item__in=items, worker=worker).order_by("pk")}
    changed = [item for item in items if not _says_the_same(stored.get(item.pk), judged[item.image_id])]
    Verdict.objects.filter(item__in=changed, worker=worker, counted=True).update(counted=False)
    Verdict.objects.bulk_create(
        [
            Verdict(
                submission=seats[item.page_id],
                worker=worker,
                item=item,
                image_id=item.image_id,
                verdict=VerdictValue.WRONG,
                category=judged[item.image_id].category,
                severity=judged[item.image_id].severity,
                counted=not seats[item.page_id].exclusions.filter(lifted_at=None).exists(),
            )
            for item in changed
        ]
    )
    return len(changed)


def _says_the_same(row: Verdict | None, judged: JudgedMistake) -> bool:
    said = row and (row.verdict, row.category, row.severity)
    return said == (VerdictValue.WRONG, judged.category, judged.severity)


def _take_seats(queue: Review, worker: Worker, pages: set[int]) -> dict[int, Submission]:
    seats = {}
    for page in ClassPage.objects.filter(pk__in=pages).select_related("hit", "label").order_by("number"):
        page.hit.batch = queue.batch
        submission = take_seat(hit=page.hit, worker=worker)
        if submission is None:
            raise NoSeat(
                gettext("Class “%(label)s” of “%(title)s” has all its reviewers.")
                % {"label": page.label or "–", "title": queue.title},
                shell=gettext("Close the queue first: the judgement gets a queue of its own."),
                page=gettext("Close the queue first: the judgement gets a queue of its own."),
            )
        seats[page.pk] = submission
    return seats
