"""Everything that writes classifiers, their runs and predictions, and the potential labels that follow from them."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

import numpy as np
from django.db import DatabaseError, connection, transaction
from django.db.models import F, QuerySet
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

# Fewer labels are never kept: top-5 is what is compared with papers.
LEAST_TOP_K = 5
LARGEST_PORTION = 256
# A small dataset is cut finer, so that its progress can be seen.
WANTED_PORTIONS = 8
SMALLEST_PORTION = 8
# Kills by chance do not reach it: what was begun before comes last, so they fall on one portion after the other.
MOST_BEGINNINGS = 5
LONGEST_REASON = 500
LONGEST_PROBLEM = 1000
FAULT = "This is a fault of ours; the log of the part predictor says more. What was done before it stays."
# How the problem of a run begins that somebody wanted to stop.
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
    """Progress that nobody watches."""


class ShortPredictions(UserError):
    """A classifier's predictions have fewer labels than the settings want; the message says what to do."""


class OtherWeights(UserError):
    """There is a classifier of that name with other weights; the message says what to do."""


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
    """The classifier of that name, made if there is none. Raises OtherWeights: predictions must not be mixed."""
    given = {"network": network or name, "view": view, "weights": weights, "input_size": input_size}
    classifier, _ = Classifier.objects.get_or_create(label_set=label_set, name=name, defaults=given)
    if classifier.weights != weights:
        kept, new = ((text and text[:12]) or "unknown" for text in (classifier.weights, weights))
        raise OtherWeights(
            f"There are predictions of {name!r} by other weights ({kept}, here {new}): give one of them another name."
        )
    return classifier


@transaction.atomic
def store_predictions(*, classifier: Classifier, predictions: Iterable[tuple[int, list[int], list[float]]]) -> None:
    """Keep (image id, labels, scores or none), best first; an image that is predicted already is left as it is."""
    rows = [
        Prediction(classifier=classifier, image_id=image, labels=labels, scores=scores)
        for image, labels, scores in predictions
    ]
    Prediction.objects.bulk_create(rows, ignore_conflicts=True, batch_size=ROWS_AT_ONCE)


# Runs


@transaction.atomic
def open_run(*, dataset: Dataset, classifier: Classifier, n_classes: int) -> Run | None:
    """The unfinished run of a classifier over the images it has not predicted yet; None when there are none.

    A run that stands still goes on. Predictions with fewer labels than the settings want are made anew, also by a run
    that was begun under older settings; for that it waits for who is at a portion of it.
    """
    # One at a time decides what there is to do.
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
    """What there is to do will be cut anew: some of what is done has too few labels."""
    # Whoever is at one still keeps as many as the run wanted when they began.
    list(run.portions.select_for_update().values_list("pk"))
    run.portions.all().delete()
    run.unpredicted.all().delete()
    run.top_k = max(run.top_k, top_k)
    run.save(update_fields=["top_k"])


def _add_portions(run: Run, ids: Sequence[int]) -> None:
    size = min(LARGEST_PORTION, max(SMALLEST_PORTION, len(ids) // WANTED_PORTIONS))
    parts = (ids[start : start + size] for start in range(0, len(ids), size))
    Portion.objects.bulk_create([Portion(run=run, first=part[0], last=part[-1], n_images=len(part)) for part in parts])


def predict_next_portions(*, run: Run | None = None, progress: Progress = _unseen) -> int:
    """Predict the next portions that nobody is at, of all runs or of this one: as many as take a few seconds.

    All in one transaction: who is killed on the way leaves nothing, and the portions to the next. What cannot be
    predicted is noted; a fault that is no picture's own stops its run, with the reason. `progress` is called with the
    number of images behind us since the last call. Returns how many portions there were, 0 when there is nothing.
    """
    portions: list[Portion] = []
    # Somebody else may take what was chosen before it is locked for the second time.
    while not portions and (chosen := _begin(run)):
        try:
            with transaction.atomic():
                portions = _claimed(chosen)
                _predict(portions, progress)
        except DatabaseError:
            raise
        except Exception as error:
            # A classifier, a library or a store of files: whatever it is, a next try at once would end the same way.
            log.exception("Run %s stands still.", chosen[0].run_id)
            _stop(chosen[0].run_id, error if isinstance(error, UserError) else _fault(error))
            return len(chosen)
    # All that are at their end, as somebody may have been killed right before saying so.
    for ended in runs_at_their_end():
        finish_run(run=ended)
    return len(portions)


def _fault(error: Exception) -> Remark:
    return Remark(FAULT, shell=f"The fault: {reason_in(error)}.")


def _begin(run: Run | None) -> list[Portion]:
    """Choose the next portions of one run, and count that they are begun.

    In a transaction of its own, before the one that predicts: a worker that is killed for want of memory takes all
    else with it. What was begun before is taken by itself, so that it is known which of several killed its worker.
    """
    while True:
        with transaction.atomic():
            portions = portions_to_do() if run is None else portions_to_do().filter(run=run)
            free = portions.select_for_update(skip_locked=True, of=("self",))
            first = free.first()
            if first is None or first.beginnings < MOST_BEGINNINGS:
                chosen = [] if first is None else [first, *_more(free, first)]
                Portion.objects.filter(pk__in=[one.pk for one in chosen]).update(beginnings=F("beginnings") + 1)
                return chosen
            _stop(first.run_id, Remark(_killed_too_often(first)))


def _more(free: QuerySet[Portion], first: Portion) -> QuerySet[Portion]:
    n_wanted = 1 if first.beginnings else _pace.of(first.run_id)
    return free.filter(run=first.run_id, beginnings=0).exclude(pk=first.pk)[: n_wanted - 1]


def _killed_too_often(portion: Portion) -> str:
    names = Image.objects.filter(pk__in=(portion.first, portion.last)).order_by("pk").values_list("name", flat=True)
    return (
        f"{portion.n_images} images, {' to '.join(names)}, were begun {portion.beginnings} times, and each time their "
        "worker was ended before it was through: most likely it ran out of memory. The log of the part predictor "
        "says more; then start the classifier again."
    )


def _claimed(chosen: Sequence[Portion]) -> list[Portion]:
    """Those of them that nobody has taken up meanwhile, ours until the end of the transaction."""
    free = portions_to_do().filter(pk__in=[one.pk for one in chosen])
    return list(free.select_for_update(skip_locked=True, of=("self",)))


def _predict(portions: Sequence[Portion], progress: Progress) -> None:
    if not portions:
        return
    # Looked up now that the portions are ours: open_run may have changed what is to be kept.
    run = Run.objects.select_related("classifier", "dataset").get(pk=portions[0].run_id)
    network = loaded(run.classifier.name, run.classifier.weights)
    begun = monotonic()
    wanted = images_without(run.dataset, run.classifier)
    images = {image.pk: image for one in portions for image in wanted.filter(pk__range=(one.first, one.last))}
    for answer in predictions(network, images, lambda pk: content_of(images[pk]), k=run.top_k):
        _keep(run, answer)
        progress(len(answer.ids) + len(answer.refused))
    Portion.objects.filter(pk__in=[one.pk for one in portions]).update(done_at=now())
    _pace.note(run.pk, len(portions), monotonic() - begun)


def _keep(run: Run, answer: TopK[int]) -> None:
    rows = zip(answer.ids, answer.labels.tolist(), answer.scores.tolist(), strict=True)
    store_predictions(classifier=run.classifier, predictions=rows)
    Unpredicted.objects.bulk_create(
        [Unpredicted(run=run, image_id=bad.id, reason=bad.reason[:LONGEST_REASON]) for bad in answer.refused],
        ignore_conflicts=True,
    )


@transaction.atomic
def finish_run(*, run: Run) -> None:
    """Note that a run is at its end, if it is."""
    # Locked first and looked at then: of two that end at once, the second sees what the first has done.
    locked = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
    if locked.finished_at is None and not locked.portions.filter(done_at=None).exists():
        locked.finished_at = now()
        locked.save(update_fields=["finished_at"])


@transaction.atomic
def stop_run(*, run: Run, by: str) -> None:
    """Hand out no more of an unfinished run. What is being predicted is kept; open_run goes on with the rest."""
    Run.objects.filter(pk=run.pk, finished_at=None, problem="").update(
        problem=f"{STOPPED_BY} {by}: start it again, and it goes on from there."
    )


def _stop(run: int, problem: Remark | UserError) -> None:
    for_page, for_shell = problem.for_page[:LONGEST_PROBLEM], problem.for_shell[:LONGEST_PROBLEM]
    Run.objects.filter(pk=run).update(problem=for_page, shell_problem=for_shell)


# Potential labels


@transaction.atomic
def find_potential_labels(*, dataset: Dataset) -> int:
    """Work out the potential labels of all images anew, from the predictions and the current settings.

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
    """How the potential labels of some images come about. `ids`: label index to the label's id."""

    settings: SettingsVersion
    ensemble: list[Classifier]
    ids: dict[int, int]

    def of(self, images: list[tuple[int, int | None]]) -> Iterator[tuple[int, int, bool, str]]:
        """Image id, label id, whether it is the dataset's label, and sources as JSON, for (image id, own index)."""
        own = np.array([potential.NONE if index is None else index for _, index in images], np.int64)
        pks = [pk for pk, _ in images]
        rows = {pk: row for row, pk in enumerate(pks)}
        tops = [self._top(classifier, rows) for classifier in self.ensemble]
        found = potential.potential_labels(tops, own, self.settings.top_k, self.settings.always_dataset_label)
        columns = (found.image, found.label, found.ranks, found.is_dataset_label)
        for at, label, ranks, is_own in zip(*(column.tolist() for column in columns), strict=True):
            yield pks[at], self.ids[label], is_own, self._sources(ranks)

    def _top(self, classifier: Classifier, rows: dict[int, int]) -> NDArray[np.int64]:
        """(N, top_k) label indexes of one classifier; -1 where it has not predicted, or there are no more labels."""
        top_k = self.settings.top_k
        wanted = min(top_k, len(self.ids))
        top = np.full((len(rows), top_k), potential.NONE, np.int64)
        found = Prediction.objects.filter(classifier=classifier, image__in=list(rows))
        for pk, labels in found.values_list("image_id", "labels"):
            if len(labels) < wanted:
                raise ShortPredictions(
                    f"{classifier} gives only {len(labels)} labels for an image, and top_k is {top_k}.",
                    shell="Lower top_k, or have more of them predicted (./manage predict) or imported.",
                    page="Lower top_k, or have more of them predicted or imported (the page Classifiers).",
                )
            top[rows[pk], : min(top_k, len(labels))] = labels[:top_k]
        return top

    def _sources(self, ranks: list[int]) -> str:
        named = sorted((rank, at) for at, rank in enumerate(ranks) if rank)
        return json.dumps([{"classifier": self.ensemble[at].name, "rank": rank} for rank, at in named])
