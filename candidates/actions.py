"""Writes of classifiers, their runs and predictions, and the potential labels derived from them."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

import numpy as np
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext, gettext_lazy, ngettext
from numpy.typing import NDArray

from candidates.classifiers.loading import TopK, predictions
from candidates.ensemble.reads import content_of, loaded
from candidates.models import Portion, PotentialLabel, Run, Unpredicted
from candidates.pace import Pace
from candidates.reads import ensemble_of, images_without, portions_to_do, runs_at_their_end
from catalog.errors import Remark, UserError, reason_in
from catalog.models import Classifier, Dataset, Image, LabelSet, Prediction, SettingsVersion
from catalog.reads import LockName, current_settings, now, wait_for_lock
from numerics import potential

log = logging.getLogger(__name__)

# Fewer labels are never stored: comparisons with papers need the top 5.
LEAST_TOP_K = 5
LARGEST_PORTION = 256
# A small dataset is cut finer, so that its progress can be seen.
FEWEST_PORTIONS = 8
SMALLEST_PORTION = 8
# Accidental kills do not reach it: portions that were started before come last, so each kill hits another portion.
MOST_BEGINNINGS = 5
LONGEST_REASON = 500
LONGEST_PROBLEM = 1000
FAULT = gettext_lazy(
    "The site had an internal error. The log of its predictor process shows the cause. "
    "Everything done before the error is kept."
)
# Stored in English, whatever the reader's language: its start tells a stopped run from a failed one.
STOPPED = "Stopped by %(user)s. Start the classifier again to resume."
STOPPED_BY = "Stopped by"
IMAGES_AT_ONCE = 5000
ROWS_AT_ONCE = 2000
INSERT = """
    INSERT INTO candidates_potentiallabel (image_id, label_id, is_dataset_label, sources)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[], %s::jsonb[])
"""

Progress = Callable[[int], object]
_pace = Pace()


def _unseen(n_images: int) -> None:
    """Ignore the progress."""


class ShortPredictions(UserError):
    """An error: a classifier's predictions have fewer labels than the settings require; the message has the way out."""


class OtherWeights(UserError):
    """An error: a classifier of that name has other weights; the message has the way out."""


# Classifiers and predictions


@transaction.atomic
def ensure_classifier(
    *,
    label_set: LabelSet,
    name: str,
    network: str = "",
    view: str = "",
    weights: str = "",
    input_size: int | None = None,
) -> Classifier:
    """Return the classifier of that name; create it if needed. Raises OtherWeights: predictions must not be mixed."""
    defaults = {"network": network or name, "view": view, "weights": weights, "input_size": input_size}
    classifier, _ = Classifier.objects.get_or_create(label_set=label_set, name=name, defaults=defaults)
    if classifier.weights != weights:
        stored, new = ((text and text[:12]) or gettext("unknown") for text in (classifier.weights, weights))
        message = gettext(
            "The stored predictions of %(name)r come from other weights (%(stored)s, here %(new)s): choose another "
            "name for one of them."
        )
        raise OtherWeights(message % {"name": name, "stored": stored, "new": new})
    return classifier


@transaction.atomic
def store_predictions(*, classifier: Classifier, predictions: Iterable[tuple[int, list[int], list[float]]]) -> None:
    """Store (image id, labels, scores or none), best first; an existing prediction of an image stays as it is."""
    rows = [
        Prediction(classifier=classifier, image_id=image, labels=labels, scores=scores)
        for image, labels, scores in predictions
    ]
    Prediction.objects.bulk_create(rows, ignore_conflicts=True, batch_size=ROWS_AT_ONCE)


# Runs


@transaction.atomic
def open_run(*, dataset: Dataset, classifier: Classifier, n_classes: int) -> Run | None:
    """Open or resume the run of a classifier over the images it has not predicted yet; return None without any.

    A stopped or failed run resumes. Predictions with fewer labels than the settings require are made anew, also by a
    run started under older settings; for that it waits for the workers that are at a portion of it.
    """
    # Only one transaction at a time decides about the images left.
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    top_k = min(max(LEAST_TOP_K, current_settings(dataset).top_k), n_classes)
    for ended in runs_at_their_end().filter(dataset=dataset, classifier=classifier):
        finish_run(run=ended)
    unfinished = Run.objects.filter(dataset=dataset, classifier=classifier, finished_at=None)
    run = unfinished.select_for_update(no_key=True).first()
    short = Prediction.objects.filter(image__dataset=dataset, classifier=classifier, labels__len__lt=top_k)
    if run is not None and (run.top_k < top_k or short.exists()):
        _forget_portions(run, top_k)
    short.delete()
    images = images_without(dataset, classifier)
    if run is None:
        if not images.exists():
            return None
        run = Run.objects.create(dataset=dataset, classifier=classifier, top_k=top_k)
    Run.objects.filter(pk=run.pk).update(problem="", shell_problem="")
    run.portions.filter(done_at=None).update(beginnings=0)
    last = run.portions.order_by("-last").values_list("last", flat=True).first() or 0
    _add_portions(run, list(images.filter(pk__gt=last).values_list("pk", flat=True)))
    log.info("Run %d: %s over %s, %d portions to do.", run.pk, classifier, dataset, run.portions.count())
    return run


def _forget_portions(run: Run, top_k: int) -> None:
    """Delete the portions of a run, which will be cut anew: some predictions have too few labels."""
    # A worker that is at a portion still stores as many labels as the run required at its start.
    list(run.portions.select_for_update().values_list("pk"))
    run.portions.all().delete()
    run.unpredicted.all().delete()
    run.top_k = max(run.top_k, top_k)
    run.save(update_fields=["top_k"])


def _add_portions(run: Run, ids: Sequence[int]) -> None:
    size = min(LARGEST_PORTION, max(SMALLEST_PORTION, len(ids) // FEWEST_PORTIONS))
    parts = (ids[start : start + size] for start in range(0, len(ids), size))
    Portion.objects.bulk_create([Portion(run=run, first=part[0], last=part[-1], n_images=len(part)) for part in parts])


def predict_next_portions(*, run: Run | None = None, progress: Progress = _unseen) -> int:
    """Predict the next free portions, of all runs or of this one: as many as take a few seconds.

    All in one transaction: a killed worker leaves nothing behind, and its portions to the next worker. Images that
    cannot be predicted are stored with the reason; any other error stops the run, with the reason. `progress` is called
    with the number of images done since the last call. Returns how many portions were done, 0 when none is left.
    """
    portions: list[Portion] = []
    # Another worker may take the portions before they are locked for the second time.
    while not portions and (candidates := _begin(run)):
        try:
            with transaction.atomic():
                portions = _claimed(candidates)
                _predict(portions, progress)
        except DatabaseError:
            raise
        except Exception as error:
            # A classifier, a library or a store of files failed: an immediate retry would end the same way.
            log.exception("Run %s failed.", candidates[0].run_id)
            _stop(candidates[0].run_id, error if isinstance(error, UserError) else _fault(error))
            return len(candidates)
    # All finished runs, as a worker may have been killed right before marking its own.
    for ended in runs_at_their_end():
        finish_run(run=ended)
    return len(portions)


def _fault(error: Exception) -> Remark:
    return Remark(str(FAULT), shell=gettext("The error: %(reason)s.") % {"reason": reason_in(error)})


def _begin(run: Run | None) -> list[Portion]:
    """Choose the next portions of one run, and count this attempt at them.

    In a separate transaction, before the one that predicts: a worker killed for lack of memory loses everything else.
    A portion that was started before is taken alone, so that it is clear which portion killed its worker.
    """
    while True:
        with transaction.atomic():
            portions = portions_to_do() if run is None else portions_to_do().filter(run=run)
            free = portions.select_for_update(skip_locked=True, of=("self",))
            first = free.first()
            if first is None or first.beginnings < MOST_BEGINNINGS:
                candidates = [] if first is None else [first, *_more(free, first)]
                ids = [portion.pk for portion in candidates]
                Portion.objects.filter(pk__in=ids).update(beginnings=F("beginnings") + 1)
                return candidates
            _stop(first.run_id, Remark(_killed_too_often(first)))


def _more(free: QuerySet[Portion], first: Portion) -> QuerySet[Portion]:
    n_portions = 1 if first.beginnings else _pace.of(first.run_id)
    return free.filter(run=first.run_id, beginnings=0).exclude(pk=first.pk)[: n_portions - 1]


def _killed_too_often(portion: Portion) -> str:
    names = Image.objects.filter(pk__in=(portion.first, portion.last)).order_by("pk").values_list("name", flat=True)
    message = ngettext(
        (
            "%(n)s image (%(first)s) failed %(n_attempts)s times: each time the process was killed, "
            "probably for lack of memory. Check the log of the predictor process, then run the "
            "classifier again."
        ),
        (
            "%(n)s images (%(first)s to %(last)s) failed %(n_attempts)s times: each time the process "
            "was killed, probably for lack of memory. Check the log of the predictor process, then "
            "run the classifier again."
        ),
        portion.n_images,
    )
    first, *_, last = [*names, *names]
    return message % {"n": portion.n_images, "first": first, "last": last, "n_attempts": portion.beginnings}


def _claimed(candidates: Sequence[Portion]) -> list[Portion]:
    """Lock the portions that no other worker has taken meanwhile, until the end of the transaction."""
    free = portions_to_do().filter(pk__in=[portion.pk for portion in candidates])
    return list(free.select_for_update(skip_locked=True, of=("self",)))


def _predict(portions: Sequence[Portion], progress: Progress) -> None:
    if not portions:
        return
    # Read now that the portions are locked: open_run may have changed the number of labels.
    run = Run.objects.select_related("classifier", "dataset").get(pk=portions[0].run_id)
    network = loaded(run.classifier.name, run.classifier.weights)
    start = monotonic()
    unpredicted = images_without(run.dataset, run.classifier)
    ranges = [(portion.first, portion.last) for portion in portions]
    images = {image.pk: image for ids in ranges for image in unpredicted.filter(pk__range=ids)}
    for answer in predictions(network, images, lambda pk: content_of(images[pk]), k=run.top_k):
        _keep(run, answer)
        progress(len(answer.ids) + len(answer.refused))
    Portion.objects.filter(pk__in=[portion.pk for portion in portions]).update(done_at=now())
    _pace.note(run.pk, len(portions), monotonic() - start)


def _keep(run: Run, answer: TopK[int]) -> None:
    rows = zip(answer.ids, answer.labels.tolist(), answer.scores.tolist(), strict=True)
    store_predictions(classifier=run.classifier, predictions=rows)
    Unpredicted.objects.bulk_create(
        [Unpredicted(run=run, image_id=bad.id, reason=bad.reason[:LONGEST_REASON]) for bad in answer.refused],
        ignore_conflicts=True,
    )


@transaction.atomic
def finish_run(*, run: Run) -> None:
    """Mark a run as finished if no portion is left."""
    # Locked before it is read: of two workers that end at once, the second sees the update of the first.
    locked = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
    if locked.finished_at is None and not locked.portions.filter(done_at=None).exists():
        locked.finished_at = now()
        locked.save(update_fields=["finished_at"])


@transaction.atomic
def stop_run(*, run: Run, by: str) -> None:
    """Stop an unfinished run. Predictions in progress are kept; open_run resumes the run."""
    Run.objects.filter(pk=run.pk, finished_at=None, problem="").update(problem=STOPPED % {"user": by})


def _stop(run: int, problem: Remark | UserError) -> None:
    for_page, for_shell = problem.for_page[:LONGEST_PROBLEM], problem.for_shell[:LONGEST_PROBLEM]
    Run.objects.filter(pk=run).update(problem=for_page, shell_problem=for_shell)


# Potential labels


@transaction.atomic
def find_potential_labels(*, dataset: Dataset) -> int:
    """Compute the potential labels of all images anew, from the predictions and the current settings.

    Returns how many there are. Raises reads.NoPredictions, or ShortPredictions; nothing is changed then.
    """
    wait_for_lock(LockName.ASKING, dataset)
    settings = current_settings(dataset)
    union = _Union(settings, ensemble_of(dataset, settings), dict(dataset.label_set.labels.values_list("index", "pk")))
    PotentialLabel.objects.filter(image__dataset=dataset).delete()
    indexes = dataset.images.order_by("pk").values_list("pk", "dataset_label__index")
    images: Iterator[tuple[int, int | None]] = iter(indexes.iterator(IMAGES_AT_ONCE))
    n_pairs = 0
    while part := list(islice(images, IMAGES_AT_ONCE)):
        rows = list(union.of(part))
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []])
        n_pairs += len(rows)
    return n_pairs


@dataclass(frozen=True)
class _Union:
    """The source of the potential labels: settings and classifiers. `ids`: label index to the label's id."""

    settings: SettingsVersion
    ensemble: list[Classifier]
    ids: dict[int, int]

    def of(self, images: list[tuple[int, int | None]]) -> Iterator[tuple[int, int, bool, str]]:
        """Yield image id, label id, whether it is the dataset's label, and sources as JSON, for (image id, index)."""
        dataset_labels = np.array([potential.NONE if index is None else index for _, index in images], np.int64)
        pks = [pk for pk, _ in images]
        rows = {pk: row for row, pk in enumerate(pks)}
        tops = [self._top(classifier, rows) for classifier in self.ensemble]
        settings = self.settings
        union = potential.potential_labels(tops, dataset_labels, settings.top_k, settings.always_dataset_label)
        columns = (union.image, union.label, union.ranks, union.is_dataset_label)
        for row, label, ranks, is_dataset_label in zip(*(column.tolist() for column in columns), strict=True):
            yield pks[row], self.ids[label], is_dataset_label, self._sources(ranks)

    def _top(self, classifier: Classifier, rows: dict[int, int]) -> NDArray[np.int64]:
        """Return (N, top_k) label indexes of one classifier; -1 without a prediction, or without further labels."""
        top_k = self.settings.top_k
        least = min(top_k, len(self.ids))
        top = np.full((len(rows), top_k), potential.NONE, np.int64)
        predictions = Prediction.objects.filter(classifier=classifier, image__in=list(rows))
        for pk, labels in predictions.values_list("image_id", "labels"):
            if len(labels) < least:
                raise _too_short(classifier, len(labels), top_k)
            top[rows[pk], : min(top_k, len(labels))] = labels[:top_k]
        return top

    def _sources(self, ranks: list[int]) -> str:
        by_rank = sorted((rank, member) for member, rank in enumerate(ranks) if rank)
        return json.dumps([{"classifier": self.ensemble[member].name, "rank": rank} for rank, member in by_rank])


def _too_short(classifier: Classifier, n_labels: int, top_k: int) -> ShortPredictions:
    message = ngettext(
        "%(classifier)s has only %(n)s label for an image, but top_k is %(top_k)s.",
        "%(classifier)s has only %(n)s labels for an image, but top_k is %(top_k)s.",
        n_labels,
    )
    return ShortPredictions(
        message % {"classifier": classifier, "n": n_labels, "top_k": top_k},
        shell=gettext("Lower top_k, or predict (./manage predict) or import more labels per image."),
        page=gettext("Lower top_k, or predict or import more labels per image under Classifiers."),
    )
