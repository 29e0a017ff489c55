"""Grids with controls, from the command that opens them to the votes and files that come of them."""

import csv
import io
from collections import Counter

import pytest
from django.core.management import CommandError, call_command

from aggregation.actions import aggregate
from aggregation.models import CandidateSet
from candidates.models import PotentialLabel
from catalog.actions import change_settings
from catalog.models import Dataset, Image
from catalog.reads import current_settings
from contains_task.models import ContainsVote, Grid, GridCell, Role
from contains_task.reads import cells_by_handle, contains_vote_row, votes_of
from csv_files.cells import unguarded
from data_export.reads import exported_files, write_rows
from tests.factories import make_dataset, make_images, make_lease, tick_images, unique
from tests.required import require
from workforce.models import Batch, Slot
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset() -> Dataset:
    """Twelve images of each of three labels, asked about their own label and the next."""
    dataset = make_dataset(n_labels=3, images_per_grid=10, contains_answers=2, negatives_from="list", min_shown=1)
    labels = list(dataset.label_set.labels.order_by("index"))
    images = {label: make_images(dataset, 12, label=label.index) for label in labels}
    PotentialLabel.objects.bulk_create(
        PotentialLabel(
            image=image, label=other, is_dataset_label=other == label, sources=[{"classifier": "a", "rank": 1}]
        )
        for position, label in enumerate(labels)
        for image in images[label]
        for other in (label, labels[(position + 1) % 3])
    )
    return dataset


@pytest.fixture
def similar(tmp_path):
    """The label after the next is never asked about an image: the most similar one here."""
    return table(tmp_path, "label,similar", "0,1", "1,2", "n00000002,0")


def table(folder, *lines: str):
    file = folder / f"{unique('table')}.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def said(*words: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(*map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def open_contains(dataset: Dataset, *options: object) -> tuple[str, str]:
    return said("open", "contains", "--dataset", dataset, *options)


def roles_of(grid: Grid) -> Counter:
    return Counter(grid.cells.values_list("role", "expected"))


@pytest.mark.parametrize(("profile", "positive", "negative"), [("tsipras", 5, 0), ("imagenetv2", 3, 3)])
def test_a_profile_sets_the_controls_and_opens_all_potential_labels(dataset, similar, profile, positive, negative):
    out, err = open_contains(dataset, "--profile", profile, "--similar", similar)
    batch = Batch.objects.get()
    assert out.startswith(f"Batch {batch.pk}: http")
    n_grids = Grid.objects.count()
    assert err == f"72 pairs were opened in {n_grids} grids.\n"
    figures = current_settings(dataset)
    assert (figures.positive_controls, figures.negative_controls, figures.version) == (positive, negative, 2)
    assert batch.settings == figures
    asked = GridCell.objects.filter(role=Role.QUESTION).values_list("image", "grid__label")
    assert sorted(asked) == sorted(PotentialLabel.objects.values_list("image", "label"))
    assert all(roles_of(grid)["control", True] >= positive for grid in Grid.objects.all())
    assert all(roles_of(grid)["control", False] >= negative for grid in Grid.objects.all())
    assert all(grid.cells.count() == 10 for grid in Grid.objects.all())
    assert Slot.objects.count() == 2 * n_grids


def test_opening_twice_opens_nothing_twice_and_makes_no_further_settings(dataset, similar):
    open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    out, err = open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    assert f"the last of them in batch {Batch.objects.get().pk}. To open these pairs again, use --again" in err
    assert out == ""
    assert (Batch.objects.count(), dataset.settings_versions.count()) == (1, 2)


def test_what_is_new_is_opened_and_what_was_asked_is_not(dataset, similar):
    late = PotentialLabel.objects.order_by("pk")[:4]
    kept = [(row.image_id, row.label_id) for row in late]
    rows = list(late)
    PotentialLabel.objects.filter(pk__in=[row.pk for row in rows]).delete()
    open_contains(dataset, "--profile", "tsipras", "--similar", similar)
    PotentialLabel.objects.bulk_create(rows)
    _, err = open_contains(dataset, "--profile", "tsipras", "--similar", similar)
    assert err.startswith("68 pairs were opened before")
    second = Batch.objects.latest("pk")
    cells = GridCell.objects.filter(grid__hit__batch=second, role=Role.QUESTION)
    assert sorted(cells.values_list("image", "grid__label")) == sorted(kept)


def test_the_pairs_of_a_file_are_opened_with_controls_too(dataset, similar, tmp_path):
    image = dataset.images.first()
    pairs = table(tmp_path, "image,label", f"{image.name},2")
    _, err = open_contains(dataset, "--profile", "imagenetv2", "--similar", similar, "--pairs", pairs)
    assert err == "1 pair was opened in 1 grid.\n"
    # The gap of a lonely short grid is filled with further images of both kinds, of which nothing is expected.
    expected = {("question", None): 1, ("control", True): 3, ("control", False): 3, ("padding", None): 3}
    assert roles_of(Grid.objects.get()) == expected


def test_a_short_last_grid_is_filled_with_questions_of_the_earlier_ones(dataset, similar):
    open_contains(dataset, "--profile", "tsipras", "--similar", similar)
    padded = GridCell.objects.filter(role=Role.PADDING)
    assert padded.exists()
    for cell in padded:
        same = GridCell.objects.filter(role=Role.QUESTION, image=cell.image, grid__label=cell.grid.label)
        assert same.exclude(grid=cell.grid).count() == 1


def test_what_grids_lack_is_said_per_label(dataset, similar):
    Image.objects.filter(dataset_label__index=2).exclude(pk=Image.objects.filter(dataset_label__index=2)[0].pk).update(
        dataset_label=None
    )
    _, err = open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    unlabelled, *lines = err.splitlines()
    assert "images have no dataset label" in unlabelled
    assert "have too few images to fill their grids" in lines[1]
    line_by_role = {line.split(":")[0]: line for line in lines[2:]}
    assert "1 of 3 positive controls" in line_by_role["2 thing 2"]
    assert "1 of 3 negative controls" in line_by_role["1 thing 1"]
    assert "0 thing 0" not in line_by_role


def test_of_many_labels_that_lack_something_the_first_are_listed_and_the_others_counted():
    dataset = make_dataset(n_labels=23, images_per_grid=10)
    for label in dataset.label_set.labels.all():
        image = make_images(dataset, 1, label=label.index)[0]
        PotentialLabel.objects.create(image=image, label=label, is_dataset_label=True, sources=[])
    _, err = open_contains(dataset, "--profile", "tsipras")
    lines = err.splitlines()
    assert "23 labels have too few images to fill their grids" in lines[1]
    assert lines[2].startswith("0 thing 0: 0 of 5 positive controls in 1 grid; ")
    assert (len(lines), lines[-1]) == (23, "and 3 more. ./manage export grids lists every cell.")


def test_own_leaves_the_figures_of_the_settings_as_they_are(dataset, similar):
    change_settings(dataset=dataset, positive_controls=2, negative_controls=1)
    open_contains(dataset, "--profile", "own", "--similar", similar)
    assert dataset.settings_versions.count() == 2
    grids = Grid.objects.all()
    assert all(min(roles_of(grid)["control", True] - 2, roles_of(grid)["control", False] - 1) >= 0 for grid in grids)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["label,similar", "0,9"], "line 2: '9' is no class"),
        (["label,similar", "0,0"], "line 2: thing 0 is the label itself"),
        (["label,similar", "0,1", "0,1"], "line 3: thing 1 is the label itself or is listed already"),
        (["label,similar"], "contains no labels"),
        (["label,other"], "no column 'similar'"),
    ],
)
def test_a_list_of_similar_labels_with_a_fault_is_refused_and_nothing_changed(dataset, tmp_path, lines, words):
    with pytest.raises(CommandError, match=words):
        open_contains(dataset, "--profile", "imagenetv2", "--similar", table(tmp_path, *lines))
    assert (Batch.objects.count(), dataset.settings_versions.count()) == (0, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--profile", "imagenetv2"], "need a list of similar labels, which is missing. Add one with --similar FILE"),
        ([], "Choose which grids to open. For the potential labels, with controls: --profile"),
        (["--similar", "x.csv"], "Add --profile, or leave --similar out"),
    ],
)
def test_what_is_missing_is_said_and_nothing_changed(dataset, options, words):
    with pytest.raises(CommandError, match=words):
        open_contains(dataset, *options)
    assert (Batch.objects.count(), dataset.settings_versions.count()) == (0, 1)


def test_without_potential_labels_the_way_to_them_is_said(similar):
    with pytest.raises(CommandError, match="has no potential labels yet"):
        open_contains(make_dataset(n_labels=3), "--profile", "tsipras")


def test_controls_that_leave_no_room_for_questions_are_refused(dataset, similar):
    change_settings(dataset=dataset, images_per_grid=5)
    with pytest.raises(CommandError, match="These settings are not valid"):
        open_contains(dataset, "--profile", "tsipras", "--similar", similar)
    assert not Batch.objects.exists()


# Votes and files


@pytest.fixture
def pool(dataset) -> Dataset:
    pool = make_dataset(n_labels=1)
    Dataset.objects.filter(pk=pool.pk).update(label_set=dataset.label_set)
    pool.refresh_from_db()
    for index in range(3):
        make_images(pool, 10, label=index)
    change_settings(dataset=dataset, control_pool=pool)
    return pool


def answer_one(dataset: Dataset) -> Grid:
    lease = make_lease(Batch.objects.get(dataset=dataset))
    ticked = [cell.public_id for cell in cells_by_handle(lease).values()][::2]
    tick_images(lease=lease, selected=ticked, idempotency_key=unique("key"))
    return lease.hit.grid


def test_controls_and_padding_are_votes_with_their_role_which_do_not_count(dataset, similar):
    open_contains(dataset, "--profile", "tsipras", "--similar", similar)
    grids = [answer_one(dataset) for _ in range(2 * Grid.objects.count())]
    roles = {(cell.grid_id, cell.image_id): cell.role for cell in GridCell.objects.all()}
    votes = ContainsVote.objects.select_related("submission__hit__grid")
    assert all(vote.role == roles[vote.submission.hit.grid.pk, vote.image_id] for vote in votes)
    assert all(vote.counted == (vote.role == Role.QUESTION) for vote in votes)
    assert {vote.role for vote in votes} == {"question", "control", "padding"}
    assert len(grids) == 2 * Grid.objects.count()


def test_images_of_the_control_pool_get_no_numbers_of_their_own(dataset, similar, pool):
    open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    for _ in range(2 * Grid.objects.count()):
        answer_one(dataset)
    aggregate()
    assert CandidateSet.objects.filter(image__dataset=dataset).count() == 36
    assert not CandidateSet.objects.filter(image__dataset=pool).exists()


def test_votes_on_pool_images_belong_to_the_study_that_showed_them(dataset, similar, pool):
    open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    answer_one(dataset)
    assert not votes_of(pool).exists()
    rows = [contains_vote_row(vote) for vote in votes_of(dataset)]
    assert len(rows) == 10
    assert {row["worker"] for row in rows} == {pseudonym(dataset, require(ContainsVote.objects.first()).worker_id)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_the_grids_are_a_file_with_a_line_for_each_cell(dataset, similar, pool, format):
    open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    out, _ = said("export", "grids", "--dataset", dataset, "--format", format)
    assert len(out.splitlines()) == GridCell.objects.count() + (format == "csv")


def test_a_line_tells_what_a_cell_is_for_and_where_its_image_comes_from(dataset, similar, pool):
    open_contains(dataset, "--profile", "imagenetv2", "--similar", similar)
    out = io.StringIO()
    write_rows(exported_files()["grids"], dataset, "csv", True, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    cells = GridCell.objects.select_related("grid__hit", "grid__label", "image__dataset").order_by("grid", "position")
    columns = ("image", "image_dataset", "role", "label_words")
    assert [(unguarded(row["grid"]), *(row[column] for column in columns)) for row in rows] == [
        (cell.grid.hit.public_id, cell.image.name, cell.image.dataset.name, cell.role, cell.grid.label.words)
        for cell in cells
    ]
    expected = {("control", "yes"), ("control", "no"), ("question", ""), ("padding", "")}
    assert {(row["role"], row["expected"]) for row in rows} <= expected
    assert {row["image_dataset"] for row in rows if row["role"] == "control"} == {pool.name}
