import random
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q

from aggregation.actions import aggregate, aggregate_new_submissions, forget
from aggregation.adaptive.reads import FEWEST_IMAGES_OF_A_TABLE
from aggregation.models import CandidateSet, ConfidenceTable, StoppedPair
from catalog.models import Image, SettingsVersion
from contains_task.actions import open_grids
from contains_task.models import ContainsVote, GridCell, Role
from tests.chance import SOAK
from tests.factories import make_batch, make_dataset, make_images, make_worker, tick_images, unique
from tests.required import require
from tests.threads import in_threads
from workforce.actions import close_batch, exclude_submission, readmit_submission, take_lease
from workforce.models import HIT, Batch, Submission, Worker

# Deng et al. 2009, figure 7: P(good | yes, no), for the two classes it shows.
CAT = {(0, 1): 0.07, (1, 0): 0.85, (1, 1): 0.46, (2, 0): 0.97, (0, 2): 0.02, (3, 0): 0.99, (2, 1): 0.85}
BURMESE = {(0, 1): 0.23, (1, 0): 0.69, (1, 1): 0.49, (2, 0): 0.83, (0, 2): 0.12, (3, 0): 0.90, (2, 1): 0.68}

Says = Callable[[Image], bool]


def adaptive_batch(
    n_images: int, *, n_labels: int = 1, initial: int = 4, per_grid: int = 48, **figures: float
) -> Batch:
    """A batch that asks whether images contain thing 0 (and 1, ...); half of a label's images have it as their own."""
    dataset = make_dataset(
        n_labels=2 * n_labels,
        images_per_grid=per_grid,
        min_shown=2,
        classify_answers=1,
        positive_controls=0,
        negative_controls=0,
    )
    rule: dict[str, Any] = {"accept": 0.95, "reject": 0.05, "min_votes": 2, "max_votes": 6} | figures
    batch = make_batch(dataset, initial_images=initial, **rule)
    labels = list(dataset.label_set.labels.filter(index__lt=n_labels).order_by("index"))
    images_of = {label: images_for(dataset, n_images, label.index) for label in labels}
    open_grids(batch=batch, images_by_label=images_of)
    return batch


def images_for(dataset, n_images: int, index: int) -> list[Image]:
    label = dataset.label_set.labels.get(index=index)
    names = [f"{unique('good' if n % 2 else 'bad')}.jpg" for n in range(n_images)]
    return Image.objects.bulk_create([Image(dataset=dataset, name=name, dataset_label=label) for name in names])


def truly(image: Image) -> bool:
    return image.name.startswith("good")


def clearly(batch: Batch) -> Says:
    """The truth, but that half of the initial subset is good, however it was drawn: the tables know both kinds."""
    initial = sorted(initial_images(batch))
    return lambda image: initial.index(image.pk) % 2 == 0 if image.pk in initial else truly(image)


def torn(batch: Batch) -> Says:
    """Answer as `clearly`, but every second person says yes on the other images."""
    clear, initial = clearly(batch), initial_images(batch)
    said: dict[Any, Any] = {}

    def says(image: Image) -> bool:
        said[image.pk] = not said.get(image.pk, False)
        return clear(image) if image.pk in initial else said[image.pk]

    return says


def answer(batch: Batch, says: Says, *, worker: Worker | None = None) -> Submission | None:
    """One person's answer to the next grid; None when there is none for them."""
    lease = take_lease(batch=batch, worker=worker or make_worker())
    if lease is None:
        return None
    shown = [cell.image for cell in lease.hit.grid.cells.select_related("image").order_by("position")]
    ticked = [image.public_id for image in shown if says(image)]
    return tick_images(lease=lease, selected=ticked, idempotency_key=unique("key"))


def answer_round(batch: Batch, says: Says) -> int:
    """Answer every open slot, each by a new worker. Returns the number of answers."""
    n_answers = 0
    while answer(batch, says) is not None:
        n_answers += 1
    return n_answers


def answer_all(batch: Batch, says: Says, *, most_rounds: int = 20) -> None:
    for _ in range(most_rounds):
        n_answers = answer_round(batch, says)
        aggregate()
        if not n_answers:
            return
    raise AssertionError(f"the batch still asks after {most_rounds} rounds")


def initial_images(batch: Batch) -> set[int]:
    return set(GridCell.objects.filter(grid__hit__batch=batch, grid__hit__initial=True).values_list("image", flat=True))


def votes_of_pairs(batch: Batch) -> list[tuple[int, int]]:
    """(image id, counted votes) of the pairs that are not in the initial subset."""
    votes = ContainsVote.objects.filter(submission__hit__batch=batch, submission__hit__initial=False, counted=True)
    return list(votes.values_list("image", "label").annotate(n=Count("id")).values_list("image", "n"))


def state() -> list:
    return [
        list(ConfidenceTable.objects.order_by("batch", "label").values_list("label", "n_images", "p_good", "seen")),
        list(StoppedPair.objects.order_by("label", "image").values_list("label", "image", "decision")),
        list(CandidateSet.objects.order_by("image").values_list("image", "split", "labels")),
        HIT.objects.count(),
    ]


def decisions(batch: Batch) -> set[tuple[str, bool]]:
    return {(stopped.decision, truly(stopped.image)) for stopped in batch.stopped_pairs.select_related("image")}


# The rounds


def test_some_images_drawn_at_random_get_ten_votes_first_and_the_others_the_fewest(db):
    batch = adaptive_batch(12, n_labels=2, initial=3, per_grid=2)
    grids = batch.hits.order_by("id").annotate(n=Count("slots")).values_list("initial", "n", "grid__label__index")
    assert list(grids) == [(True, 10, 0)] * 2 + [(True, 10, 1)] * 2 + [(False, 2, 0)] * 5 + [(False, 2, 1)] * 5
    asked = GridCell.objects.filter(grid__hit__batch=batch)
    assert len(initial_images(batch)) == 6
    assert asked.count() == asked.values("image").distinct().count() == 24
    drawn = {
        tuple(sorted(truly(Image.objects.get(pk=pk)) for pk in initial_images(adaptive_batch(12)))) for _ in range(12)
    }
    assert len(drawn) > 1


def test_clear_pairs_stop_at_the_fewest_votes_and_only_the_others_are_asked_about_again(db):
    batch = adaptive_batch(14)
    assert answer_round(batch, clearly(batch)) == 10 + 2
    aggregate()
    assert decisions(batch) == {("accept", True), ("reject", False)}
    assert batch.stopped_pairs.count() == 10
    assert answer(batch, truly) is None
    assert CandidateSet.objects.count() == 14


def test_an_unclear_pair_goes_to_one_more_person_at_a_time_up_to_the_cap(db):
    batch = adaptive_batch(14)
    rest = sorted(set(Image.objects.values_list("pk", flat=True)) - initial_images(batch))
    split = Image.objects.get(pk=rest[0])
    clear, unclear = clearly(batch), torn(batch)

    def says(image: Image) -> bool:
        return unclear(image) if image == split else clear(image)

    answer_round(batch, says)
    aggregate()
    for n_votes in (3, 4, 5, 6):
        further = batch.hits.latest("id")
        assert [cell.image for cell in further.grid.cells.all()] == [split]
        assert (further.slots.count(), further.initial) == (1, False)
        assert not CandidateSet.objects.filter(image=split).exists()
        assert answer_round(batch, says) == 1
        aggregate()
        assert dict(votes_of_pairs(batch))[split.pk] == n_votes
    assert answer(batch, says) is None
    assert batch.stopped_pairs.get(image=split).decision == "undecided"
    assert CandidateSet.objects.filter(image=split).exists()


def test_who_was_asked_about_a_pair_is_not_asked_about_it_again(db):
    batch = adaptive_batch(8, max_votes=4)
    people, says, answered = [make_worker() for _ in range(10)], torn(batch), 0
    for _ in range(6):
        for person in people:
            while answer(batch, says, worker=person):
                answered += 1
        aggregate()
    votes = ContainsVote.objects.filter(submission__hit__batch=batch)
    assert answered == 10 + 4
    assert {n for _, n in votes_of_pairs(batch)} == {4}
    assert not votes.filter(role=Role.REPEAT).exists()
    assert not votes.values("worker", "image", "label").annotate(n=Count("id")).filter(n__gt=1).exists()


def test_votes_that_people_gave_in_an_earlier_batch_count_towards_the_cap(db):
    batch = adaptive_batch(6, initial=2, max_votes=4)
    label = batch.dataset.label_set.labels.get(index=0)
    asked = [image for image in batch.dataset.images.all() if image.pk not in initial_images(batch)]
    before = make_batch(batch.dataset)
    open_grids(batch=before, images_by_label={label: asked})
    says, person = torn(batch), make_worker()
    for worker in (person, make_worker()):
        answer(before, says, worker=worker)
    while (lease := take_lease(batch=batch, worker=person)) and lease.hit.initial:
        answer(batch, says, worker=person)
    # This person's second answer counts for nothing, so that two others are needed for four votes.
    answer(batch, says, worker=person)
    answer_all(batch, says)
    counted = ContainsVote.objects.filter(image__in=asked, counted=True).values("image").annotate(n=Count("id"))
    assert {row["n"] for row in counted} == {4}
    assert set(batch.stopped_pairs.values_list("decision", flat=True)) == {"undecided"}


def test_where_too_few_people_come_a_pair_waits_for_somebody_new(db):
    batch = adaptive_batch(8, max_votes=4)
    people, says = [make_worker() for _ in range(10)], torn(batch)
    for person in people[:2]:
        while answer(batch, says, worker=person):
            pass
    for person in people[2:]:
        answer(batch, says, worker=person)
    aggregate()
    assert answer(batch, says, worker=people[0]) is None
    assert answer(batch, says, worker=people[2]) is not None


def test_pairs_wait_while_their_class_has_no_table_and_are_settled_when_it_has(db):
    batch = adaptive_batch(10)
    initial = batch.hits.get(initial=True)
    slots = initial.slots.order_by("number")
    held = [require(take_lease(batch=batch, worker=make_worker())) for _ in slots]
    assert {lease.hit for lease in held} == {initial}
    clear = clearly(batch)
    answer_round(batch, clear)
    aggregate()
    assert (ConfidenceTable.objects.count(), StoppedPair.objects.count(), CandidateSet.objects.count()) == (0, 0, 0)
    for lease in held:
        shown = [cell.image for cell in initial.grid.cells.select_related("image")]
        ticked = [image.public_id for image in shown if clear(image)]
        tick_images(lease=lease, selected=ticked, idempotency_key=unique("key"))
    aggregate(per_pass=4)
    assert ConfidenceTable.objects.get().label is None
    assert decisions(batch) == {("accept", True), ("reject", False)}
    assert CandidateSet.objects.count() == 10


@pytest.mark.parametrize(("figure", "expected"), [(CAT, {"accept", "reject"}), (BURMESE, set())])
def test_the_table_of_figure_7_settles_cats_after_two_votes_and_burmese_cats_not(db, figure, expected):
    batch = adaptive_batch(8)
    for _ in range(10):
        answer(batch, clearly(batch))
    aggregate()
    table = [[figure.get((yes, no)) for no in range(4)] for yes in range(4)]
    ConfidenceTable.objects.update(p_good=table)
    answer_round(batch, truly)
    aggregate()
    assert set(batch.stopped_pairs.values_list("decision", flat=True)) == expected
    assert batch.hits.filter(initial=False).count() == (1 if expected else 2)


def test_a_class_with_enough_images_has_a_table_of_its_own_and_harder_ones_take_more_votes(db):
    enough = FEWEST_IMAGES_OF_A_TABLE
    batch = adaptive_batch(enough + 4, n_labels=2, initial=enough)
    chance = random.Random(7)

    def says(image: Image) -> bool:
        return truly(image) if require(image.dataset_label).index == 0 or chance.random() < 0.7 else not truly(image)

    answer_all(batch, says)
    tables = {table.label and table.label.index: table for table in ConfidenceTable.objects.select_related("label")}
    assert {index: table.n_images for index, table in tables.items()} == {0: enough, 1: enough, None: 2 * enough}
    assert tables[0].expected_votes == 2 < tables[None].expected_votes < tables[1].expected_votes
    assert tables[0].p_good[2][0] == 1.0 and tables[0].p_good[1][1] is None
    assert sum(tables[1].seen[yes][2 - yes] for yes in range(3)) == pytest.approx(enough)


def test_grids_of_later_rounds_carry_controls_of_which_none_is_asked_about_there(db):
    batch = adaptive_batch(8)
    SettingsVersion.objects.filter(pk=batch.settings_id).update(positive_controls=2)
    (spare,) = make_images(batch.dataset, 1)
    batch.dataset.images.filter(original="").update(original="originals/x.jpg")
    first = batch.hits.filter(initial=False).get().grid
    GridCell.objects.create(grid=first, image=spare, position=40, role=Role.CONTROL, expected=True)
    says = torn(batch)
    for _ in range(2):
        answer_round(batch, says)
        aggregate()
    later = batch.hits.filter(initial=False).exclude(pk=first.hit_id)
    assert later.count() == 2
    for hit in later:
        cells = hit.grid.cells
        controls = cells.filter(role=Role.CONTROL, expected=True, image__dataset_label=hit.grid.label)
        # One is the image that nobody is asked about, the other one of the initial subset.
        assert controls.count() == cells.filter(role=Role.CONTROL).count() == 2
        assert {cell.image_id for cell in controls} - {spare.pk} <= initial_images(batch)
        assert controls.filter(image=spare).exists()
        assert cells.filter(role=Role.QUESTION).exists()


# Fewer votes at a known error


@pytest.mark.parametrize("seed", [1, 2, 3] if SOAK else [1])
def test_simulated_people_settle_the_same_pairs_with_far_fewer_votes_than_ten_each(db, seed):
    chance = random.Random(seed)
    batch = adaptive_batch(160, initial=40, min_votes=2, max_votes=10)

    def says(image: Image) -> bool:
        return truly(image) if chance.random() < 0.9 else not truly(image)

    answer_all(batch, says)
    counts = dict(votes_of_pairs(batch))
    assert len(counts) == 120
    assert max(counts.values()) <= 10
    assert sum(counts.values()) < 0.5 * 10 * 120
    stopped = batch.stopped_pairs.select_related("image")
    wrong = [pair for pair in stopped if pair.decision == ("reject" if truly(pair.image) else "accept")]
    # Each of the two thresholds allows 5 in 100; three standard deviations of 120 draws come on top.
    assert len(wrong) / 120 <= 0.05 + 3 * (0.05 * 0.95 / 120) ** 0.5
    assert stopped.filter(decision="undecided").count() <= 12


@pytest.mark.parametrize("seed", [1, 2, 3, 4] if SOAK else [1, 2])
def test_nobody_is_asked_beyond_the_cap_whatever_people_say_and_whoever_is_excluded(db, seed):
    chance = random.Random(seed)
    batch = adaptive_batch(
        chance.randint(6, 30),
        initial=chance.randint(1, 5),
        per_grid=chance.randint(3, 9),
        min_votes=chance.randint(1, 3),
        max_votes=chance.randint(3, 6),
    )
    for _ in range(12):
        while answer(batch, lambda image: chance.random() < 0.5):
            if chance.random() < 0.3:
                aggregate(per_pass=chance.randint(1, 5))
            if chance.random() < 0.05:
                exclude_submission(submission=Submission.objects.order_by("?").filter(exclusions=None)[0], reason="?")
        aggregate()
    pairs = GridCell.objects.filter(grid__hit__batch=batch, grid__hit__initial=False)
    asked = pairs.values("image", "grid__label").annotate(
        n=Count("grid__hit__slots", filter=~Q(grid__hit__slots__submission__exclusions__isnull=False))
    )
    assert asked and all(row["n"] <= batch.max_votes for row in asked)
    subset = batch.hits.filter(initial=True)
    good = Submission.objects.filter(hit__in=subset, exclusions=None).values("hit").annotate(n=Count("id"))
    assert {row["n"] for row in good} == {batch.initial_votes}


# Derived, and so to be had again


def noisy(seed: int) -> Says:
    chance = random.Random(seed)
    return lambda image: truly(image) if chance.random() < 0.8 else not truly(image)


def test_aggregating_again_opens_nothing_and_forgetting_brings_all_of_it_back(db):
    batch = adaptive_batch(40, n_labels=2, initial=20)
    answer_all(batch, noisy(3))
    before = state()
    assert len(before[1]) == 40 and before[3] > 4
    Submission.objects.update(aggregated_at=None)
    aggregate(per_pass=3)
    assert state() == before
    forget(dataset=batch.dataset)
    assert (ConfidenceTable.objects.count(), StoppedPair.objects.count()) == (0, 0)
    aggregate(dataset=batch.dataset)
    assert state() == before


def test_an_exclusion_reopens_what_it_left_open_and_a_readmission_settles_it(db):
    batch = adaptive_batch(8)
    answer_all(batch, clearly(batch))
    before = state()
    submission = Submission.objects.filter(hit__initial=False).first()
    exclude_submission(submission=require(submission), reason="too fast")
    aggregate()
    assert not StoppedPair.objects.exists()
    further = batch.hits.latest("id")
    assert (further.grid.cells.count(), further.slots.count()) == (4, 1)
    readmit_submission(submission=require(submission))
    aggregate()
    assert not StoppedPair.objects.exists()
    answer_all(batch, clearly(batch))
    assert state()[:3] == before[:3]


def test_an_excluded_answer_to_the_initial_subset_is_asked_for_again_before_anything_is_settled_anew(db):
    batch = adaptive_batch(8)
    answer_all(batch, clearly(batch))
    before = state()
    initial = batch.hits.get(initial=True)
    for _ in range(2):
        exclude_submission(submission=require(initial.submissions.filter(exclusions=None).first()), reason="too fast")
        aggregate()
        aggregate()
    assert initial.slots.count() == 12
    assert not ConfidenceTable.objects.exists()
    assert answer_round(batch, clearly(batch)) == 2
    aggregate()
    assert state() == before


def test_a_closed_batch_asks_nobody_again_and_its_images_are_pruned(db):
    batch = adaptive_batch(8, initial=2)
    answer_round(batch, torn(batch))
    n_hits = batch.hits.count()
    assert not CandidateSet.objects.exists()
    close_batch(batch=batch)
    aggregate()
    assert batch.hits.count() == n_hits
    assert CandidateSet.objects.count() == 8


def test_a_round_is_over_only_when_its_answers_are_taken_in(db):
    batch = adaptive_batch(8)
    clear = clearly(batch)
    for _ in range(10):
        answer(batch, clear)
    aggregate()
    answer_round(batch, clear)
    assert aggregate_new_submissions(dataset=batch.dataset, limit=1) == 1
    assert (batch.stopped_pairs.count(), batch.hits.count()) == (0, 2)
    assert aggregate_new_submissions(dataset=batch.dataset, limit=1) == 1
    assert (batch.stopped_pairs.count(), batch.hits.count()) == (4, 2)


def test_what_a_batch_knows_when_it_is_closed_settles_its_pairs(db):
    batch = adaptive_batch(8, per_grid=4)
    clear = clearly(batch)
    for _ in range(11):
        answer(batch, clear)
    aggregate()
    assert not batch.stopped_pairs.exists()
    close_batch(batch=batch)
    aggregate()
    assert ConfidenceTable.objects.count() == 1
    assert CandidateSet.objects.count() == 8
    batch = adaptive_batch(8, per_grid=2)
    clear = clearly(batch)
    for _ in range(20 + 2):
        answer(batch, clear)
    close_batch(batch=batch)
    aggregate()
    assert batch.stopped_pairs.count() == 2


def test_another_table_settles_the_pairs_anew(db):
    batch = adaptive_batch(8)
    answer_all(batch, clearly(batch))
    rejected = set(batch.stopped_pairs.filter(decision="reject").values_list("image", flat=True))
    initial = batch.hits.get(initial=True)
    for submission in initial.submissions.all():
        exclude_submission(submission=submission, reason="too fast")
    aggregate()
    answer_round(batch, lambda image: True)
    aggregate()
    # Nobody has seen a bad image now: what two times no mean is not known any more.
    further = batch.hits.filter(asked_before__isnull=False)
    assert set(further.values_list("grid__cells__image", flat=True)) == rejected or not rejected
    assert not batch.stopped_pairs.filter(decision="reject").exists()


@pytest.mark.django_db(transaction=True)
def test_two_passes_at_once_open_one_further_grid():
    batch = adaptive_batch(6, initial=2)
    answer_round(batch, torn(batch))
    in_threads(4, lambda number: aggregate_new_submissions(dataset=batch.dataset))
    first, further = batch.hits.filter(initial=False).order_by("id")
    assert (further.slots.count(), further.grid.cells.count()) == (1, first.grid.cells.count())
    assert list(further.asked_before.all()) == [first]


@pytest.mark.django_db(transaction=True)
def test_a_batch_closed_during_a_pass_is_settled_by_the_next():
    batch = adaptive_batch(8, initial=2)
    answer_round(batch, torn(batch))
    dataset = batch.dataset
    in_threads(2, lambda n: close_batch(batch=batch) if n else aggregate_new_submissions(dataset=dataset))
    aggregate()
    assert Batch.objects.get().closed_at is not None
    assert not HIT.objects.filter(closed_at=None).exists()
    assert CandidateSet.objects.count() == 8


# The setting


@pytest.mark.parametrize(
    "figures",
    [
        {"max_votes": None},
        {"initial_images": None},
        {"initial_images": 0},
        {"min_votes": 0},
        {"min_votes": 7},
        {"accept": 1.1},
        {"reject": 0.95},
        {"reject": -0.1},
        {"kind": "classify"},
    ],
)
def test_the_database_refuses_figures_that_make_no_stopping_rule(db, figures):
    rule: dict[str, Any] = {"initial_images": 4, "accept": 0.95, "reject": 0.05, "min_votes": 2, "max_votes": 6}
    with pytest.raises(IntegrityError, match="adaptive_figures_"), transaction.atomic():
        make_batch(**rule | figures)
    assert make_batch(**rule).is_adaptive
    assert not make_batch().is_adaptive


def test_the_database_keeps_one_table_per_class_one_for_all_and_one_decision_per_pair(db):
    batch = adaptive_batch(6, initial=2)
    answer_all(batch, clearly(batch))
    table, stopped = ConfidenceTable.objects.get(label=None), StoppedPair.objects.first()
    for row in (table, stopped):
        require(row).pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            require(row).save()
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="a_stopped_pair_has_a_decision"):
        cursor.execute("UPDATE aggregation_stoppedpair SET decision = 'more'")


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def pairs(db, tmp_path):
    """A dataset with six images, and a file of pairs for label 0."""
    dataset = make_dataset(min_shown=3, images_per_grid=9)
    file = tmp_path / "pairs.csv"
    file.write_text("image,label\n" + "".join(f"{image.name},0\n" for image in make_images(dataset, 6)))
    return dataset, file


def test_the_commands_open_an_adaptive_batch_and_print_what_it_has_learnt(pairs):
    dataset, file = pairs
    words = ["open", "contains", "--dataset", dataset.name, "--pairs", str(file), "--adaptive", "--initial", "2"]
    run(*words, "--accept", "0.9", "--max-votes", "7")
    batch = dataset.batches.get()
    figures = (batch.initial_images, batch.accept, batch.reject, batch.min_votes, batch.max_votes)
    assert figures == (2, 0.9, 0.05, 3, 7)
    assert "Other pairs: 0 accepted" in run("confidence", "--dataset", dataset.name)
    yes = {image.pk for n, image in enumerate(Image.objects.filter(pk__in=initial_images(batch))) if n}
    answer_all(batch, lambda image: image.pk in yes)
    printed = run("confidence", "--dataset", dataset.name)
    assert "0 accepted, 4 rejected, 0 undecided" in printed
    assert " ".join(printed.splitlines()[2].split()) == "0.00 1.00 - 1.00 0.00 1.00 - 3.0 2 all classes"


def test_grids_with_the_controls_of_a_profile_can_be_adaptive_too(db, tmp_path):
    dataset = make_dataset(min_shown=3, images_per_grid=9)
    asked, _ = make_images(dataset, 12, label=1), make_images(dataset, 8, label=0)
    file = tmp_path / "pairs.csv"
    file.write_text("image,label\n" + "".join(f"{image.name},0\n" for image in asked))
    words = ["--dataset", dataset.name, "--pairs", str(file), "--profile", "tsipras", "--adaptive", "--initial", "4"]
    run("open", "contains", *words)
    batch = dataset.batches.get()
    questions = GridCell.objects.filter(grid__hit__batch=batch, role=Role.QUESTION)
    assert sorted(questions.values_list("image", flat=True)) == [image.pk for image in asked]
    slots = batch.hits.annotate(n=Count("slots")).order_by("id").values_list("initial", "n")
    assert list(slots) == [(True, 10), (False, 3), (False, 3)]
    assert questions.filter(grid__hit__initial=True).count() == 4
    initial = sorted(questions.filter(grid__hit__initial=True).values_list("image", flat=True))

    def says(number: int) -> Says:
        """One person says yes to all that is not in the initial subset, the next no."""
        return lambda image: initial.index(image.pk) < 2 if image.pk in initial else bool(number % 2)

    number = 0
    while answer(batch, says(number)) is not None:
        number += 1
    aggregate()
    later = batch.hits.filter(asked_before__isnull=False).distinct()
    assert later.count() == 2
    for hit in later:
        roles = hit.grid.cells.order_by("role").values_list("role", flat=True)
        assert list(roles) == ["control"] * 5 + ["question"] * 4
        assert not hit.asked_before.filter(initial=True).exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--min-votes", "2"], "--set min_shown"),
        (["--max-votes", "2"], "--max-votes"),
        (["--accept", "0.01"], "reject the lower one"),
        (["--initial", "0"], "--initial with 1 image or more"),
    ],
)
def test_figures_that_cannot_be_are_refused_with_the_way_out(pairs, words, reason):
    dataset, file = pairs
    with pytest.raises(CommandError, match=reason):
        run("open", "contains", "--dataset", dataset.name, "--pairs", str(file), "--adaptive", *words)
    assert not dataset.batches.exists()


def test_a_dataset_without_adaptive_batch_is_told_how_to_open_one(pairs):
    with pytest.raises(CommandError, match="open contains --adaptive"):
        run("confidence", "--dataset", pairs[0].name)
