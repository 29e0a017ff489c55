import csv
import io
import json
import stat
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from aggregation.actions import aggregate
from catalog.models import Dataset, Image
from classify_task.actions import record_vote
from contains_task.actions import record_votes
from contains_task.reads import cells_by_handle
from csv_files.cells import guarded, unguarded
from data_export.files import whole_file
from data_export.formats import csv_cell
from data_export.management.commands.export import one_snapshot
from data_export.reads import exported_files, exported_tables, write_rows
from data_import.votes.actions import replay
from tests.factories import (
    agree,
    make_batch,
    make_dataset,
    make_form,
    make_grid,
    make_images,
    make_lease,
    make_worker,
    tick_images,
)
from tests.required import require
from tests.review_task.reviews import review_images
from workforce.actions import close_batch, exclude_submission, take_lease
from workforce.facts.reads import AnswerFacts
from workforce.introductions.actions import introduce
from workforce.models import Submission
from workforce.reads import pseudonym

COLUMNS = {
    "annotations": "image,dataset_label,main_label,n_objects,n_annotators,n_optimal_partitions,objects,unplaced,"
    "main_object,dataset_label_object",
    "selection_frequencies": "image,label,n_selected,n_shown",
    "contains_votes": "image,label,rater,answer,worker,role,state,submitted_at,settings_version,"
    "dataset_label,submission,place,seen_ms,marks,active_ms,open_ms,input,viewport,browser,language,instructions,consent",
    "classify_votes": "image,dataset_label,annotator,main,selected,worker,role,state,submitted_at,settings_version,"
    "submission,shown,seen_ms,marks,active_ms,open_ms,input,viewport,browser,language,instructions,consent",
    "label_sets": "review,title,stage,image,dataset_label,label,state,initial_state,n_models,n_correct,n_wrong,"
    "n_unclear,n_dont_know,settled,problematic,reasons",
    "verdicts": "image,dataset_label,label,verdict,category,severity,n_models,origin,counted,review,item,worker,role,"
    "state,submitted_at,settings_version,submission",
}
# What is another one in every dataset.
PEOPLE = ("rater", "worker", "submission")
# The order of labels on a page that a replay never showed.
PAGES = ("shown",)


@pytest.fixture
def dataset(db) -> Dataset:
    """Live answers to a grid of three images and to a form, one of each excluded, aggregated."""
    dataset = make_dataset(contains_answers=3, classify_answers=3, asks_again=False)
    images = make_images(dataset, 3, label=1)
    Image.objects.filter(pk=images[2].pk).update(name="=1+1.jpg", dataset_label=None)
    grid = make_grid(images=images, label=1)
    people = [make_worker() for _ in range(3)]
    for number, worker in enumerate(people):
        lease = require(take_lease(batch=grid.hit.batch, worker=worker))
        tick_images(
            lease=lease, selected=[image.public_id for image in images[: number + 1]], idempotency_key=f"c{number}"
        )
    form = make_form(labels=(1, 2, 3), image=images[0])
    for number, (worker, selected, main) in enumerate(zip(people, ([2, 1], [1, 2], [3]), (2, 1, 3), strict=True)):
        lease = require(take_lease(batch=form.hit.batch, worker=worker))
        record_vote(lease=lease, selected=selected, main=main, idempotency_key=f"f{number}")
    for key in ("c0", "f2"):
        exclude_submission(submission=Submission.objects.get(idempotency_key=key), reason="too fast")
    aggregate(dataset=dataset)
    review_images(images[:2])
    return dataset


def exported(kind: str, dataset: Dataset, names: bool = False) -> str:
    out = io.StringIO()
    write_rows(exported_tables()[kind], dataset, "csv", names, out)
    return out.getvalue()


def rows(text: str) -> Iterator[dict]:
    return csv.DictReader(io.StringIO(text, newline=""))


def without_people(text: str) -> list[dict]:
    return [{column: cell for column, cell in row.items() if column not in PEOPLE + PAGES} for row in rows(text)]


def as_lines(kind: str, dataset: Dataset, names: bool = False) -> list[dict]:
    out = io.StringIO()
    write_rows(exported_tables()[kind], dataset, "jsonl", names, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("kind", exported_tables())
def test_the_columns_are_in_their_order(dataset, kind):
    assert exported(kind, dataset).splitlines()[0] == COLUMNS[kind]


@pytest.mark.parametrize("kind", exported_tables())
def test_csv_and_jsonl_say_the_same(dataset, kind):
    lines = as_lines(kind, dataset)
    cells = [{column: csv_cell(column, value) for column, value in line.items()} for line in lines]
    assert [{c: "" if v is None else str(v) for c, v in row.items()} for row in cells] == list(
        rows(exported(kind, dataset))
    )
    assert lines


def test_an_annotation_row_tells_objects_and_indexes(dataset):
    assert [line | {"image": ""} for line in as_lines("annotations", dataset)] == [
        {
            "image": "",
            "dataset_label": 1,
            "main_label": 2,
            "n_objects": 2,
            "n_annotators": 2,
            "n_optimal_partitions": 1,
            "objects": [
                {"label": 1, "labels": [{"label": 1, "share": 1.0, "frequency": 1.0}], "main_votes": 1},
                {"label": 2, "labels": [{"label": 2, "share": 1.0, "frequency": 1.0}], "main_votes": 1},
            ],
            "unplaced": [],
            "main_object": 1,
            "dataset_label_object": 0,
        }
    ]


def test_frequencies_count_only_what_nobody_excluded(dataset):
    counts = sorted((line["n_selected"], line["n_shown"]) for line in as_lines("selection_frequencies", dataset))
    assert counts == [(1, 2), (2, 2), (2, 2)]


def test_votes_name_their_worker_by_pseudonym_and_an_exclusion_by_its_state(dataset):
    votes = as_lines("classify_votes", dataset)
    workers = Submission.objects.filter(idempotency_key__startswith="f").order_by("id")
    assert [(v["annotator"], v["selected"], v["state"], v["role"], v["settings_version"]) for v in votes] == [
        (0, [2, 1], "confirmed", "question", 1),
        (1, [1, 2], "confirmed", "question", 1),
        (2, [3], "excluded", "question", 1),
    ]
    assert [v["worker"] for v in votes] == [pseudonym(dataset, s.worker_id) for s in workers]
    assert [v["submission"] for v in votes] == [s.pk for s in workers]
    contains = as_lines("contains_votes", dataset)
    assert {v["submission"] for v in contains} == set(
        Submission.objects.filter(idempotency_key__startswith="c").values_list("pk", flat=True)
    )
    assert sorted(str(v["dataset_label"]) for v in contains) == ["1"] * 6 + ["None"] * 3
    assert sorted(v["state"] for v in contains) == ["confirmed"] * 6 + ["excluded"] * 3
    assert {v["worker"] for v in contains} == {v["rater"] for v in contains} == {v["worker"] for v in votes}


def test_names_add_wordnet_ids_and_words_in_objects_too(dataset):
    (line,) = as_lines("annotations", dataset, names=True)
    assert (line["dataset_label_wnid"], line["main_label_words"]) == ("n00000001", "thing 2")
    annotated_object = line["objects"][1]
    assert (annotated_object["wnid"], annotated_object["words"]) == ("n00000002", "thing 2")
    assert (annotated_object["labels"][0]["wnid"], annotated_object["labels"][0]["words"]) == ("n00000002", "thing 2")
    header = exported("classify_votes", dataset, names=True).splitlines()[0]
    assert header == COLUMNS["classify_votes"] + "".join(
        f",{column}_{ending}" for column in ("dataset_label", "main", "selected") for ending in ("wnid", "words")
    )


@pytest.mark.parametrize("kind", exported_tables())
@pytest.mark.parametrize("names", [False, True])
def test_every_row_has_exactly_the_columns_of_the_header(dataset, kind, names):
    header = exported(kind, dataset, names).splitlines()[0].split(",")
    assert all(list(line) == header for line in as_lines(kind, dataset, names))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "''@", "'a", "a=1", "", "'", "it's"])
def test_a_guarded_cell_is_no_formula_and_comes_back_as_it_was(text):
    assert guarded(text)[:1] not in tuple("=+-@\t\r")
    assert unguarded(guarded(text)) == text


def test_a_formula_in_an_image_name_is_guarded_in_csv_only(dataset):
    assert "\n'=1+1.jpg,1," in exported("selection_frequencies", dataset)
    assert "=1+1.jpg" in {line["image"] for line in as_lines("selection_frequencies", dataset)}


@pytest.mark.parametrize("names", [False, True])
def test_exported_votes_replayed_under_another_name_give_the_same_files(dataset, tmp_path, names):
    make_dataset(name="again", n_labels=4)
    for kind in ("contains", "classify"):
        path = tmp_path / f"{kind}.csv"
        path.write_text(exported(f"{kind}_votes", dataset, names), newline="")
        replay(kind=kind, path=path, dataset_name="again")
    again = Dataset.objects.get(name="again")
    aggregate(dataset=again)
    # A whole review, with its verdicts, comes back by a way of its own.
    for kind in exported_tables().keys() - {"verdicts", "label_sets"}:
        assert without_people(exported(kind, again)) == without_people(exported(kind, dataset)), kind


def test_a_repeated_question_survives_the_way_out_and_back(db, tmp_path):
    dataset = make_dataset(contains_answers=1)
    batch, worker = make_batch(dataset), make_worker()
    images = make_images(dataset, 2)
    for selected, pair in ((1, images), (0, images[:1])):
        make_grid(images=pair, batch=batch)
        lease = make_lease(batch, worker)
        tick_images(lease=lease, selected=[i.public_id for i in images[:selected]], idempotency_key=f"r{selected}")
    path = tmp_path / "votes.csv"
    path.write_text(exported("contains_votes", dataset), newline="")
    make_dataset(name="again")
    for _ in range(2):
        replay(kind="contains", path=path, dataset_name="again")
    again = Dataset.objects.get(name="again")
    votes = without_people(exported("contains_votes", again))
    assert votes == without_people(exported("contains_votes", dataset))
    assert [(vote["answer"], vote["role"]) for vote in votes] == [
        ("yes", "question"),
        ("no", "repeat"),
        ("no", "question"),
    ]


def test_a_datasets_own_export_is_not_taken_for_other_peoples_answers(dataset, tmp_path):
    path = tmp_path / "votes.csv"
    path.write_text(exported("classify_votes", dataset), newline="")
    n_before = Submission.objects.count()
    with pytest.raises(CommandError, match="line 2: these answers are an export of .* into another dataset"):
        call_command("replay", "classify", str(path), dataset=dataset.name)
    assert Submission.objects.count() == n_before


# The command


@pytest.fixture
def committed(transactional_db) -> Dataset:
    dataset = make_dataset(contains_answers=1)
    grid = make_grid(images=make_images(dataset, 1))
    tick_images(lease=make_lease(grid.hit.batch), selected=[], idempotency_key="c")
    close_batch(batch=grid.hit.batch)
    aggregate(dataset=dataset)
    return dataset


def test_the_command_writes_to_standard_output_or_a_file(committed, tmp_path, capfd):
    path = tmp_path / "out.csv"
    call_command("export", "selection_frequencies", dataset=committed.name, format="csv", output=path)
    assert f"{path}: 1 row was written." in capfd.readouterr().out
    call_command("export", "selection_frequencies", dataset=committed.name, format="csv")
    written = path.read_bytes().decode()
    assert capfd.readouterr().out == written == exported("selection_frequencies", committed)
    assert "\r" not in written
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_an_unknown_dataset_is_answered_with_those_there_are(committed, tmp_path):
    with pytest.raises(CommandError, match=f"no dataset named 'other'. Datasets: {committed.name}"):
        call_command("export", "annotations", dataset="other", format="csv", output=tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(committed, tmp_path):
    with pytest.raises(CommandError, match="Cannot write .*nowhere"):
        call_command("export", "annotations", dataset=committed.name, format="csv", output=tmp_path / "nowhere" / "f")


def test_a_stop_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as out:
        out.write("new")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_what_is_exported_is_as_it_was_at_one_moment(committed):
    """Rows read after somebody else's commit are still those of the beginning."""
    with one_snapshot():
        before = exported("contains_votes", committed)
        elsewhere = connection.copy()
        with elsewhere.cursor() as cursor:
            cursor.execute("UPDATE contains_task_containsvote SET selected = true")
        elsewhere.close()
        assert exported("contains_votes", committed) == before
    assert exported("contains_votes", committed) == before.replace(",no,", ",yes,")


class CursorWatch(io.StringIO):
    """Counts the cursors that are open on the server while rows are written."""

    def __init__(self) -> None:
        super().__init__()
        self.open_cursors: list[int] = []

    def write(self, text: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '_django_curs%%'")
            self.open_cursors.append(cursor.fetchone()[0])
        return super().write(text)


def test_rows_are_fetched_by_a_cursor_on_the_server(dataset):
    out = CursorWatch()
    write_rows(exported_tables()["contains_votes"], dataset, "jsonl", False, out)
    assert out.open_cursors[0] == 1


def test_consents_name_pseudonyms_versions_and_moments_and_texts_have_files_of_their_own(dataset):
    introduce(dataset=dataset, fields={"consent": "I am 18."})
    batch, person = make_batch(dataset), make_worker("ann")
    consent = agree(batch=batch, worker=person)
    introduce(dataset=dataset, fields={"consent": "I am 21."})
    written = {}
    for kind in ("consents", "consent_texts"):
        out = io.StringIO()
        write_rows(exported_files()[kind], dataset, "csv", False, out)
        written[kind] = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert written["consents"] == [
        {
            "worker": pseudonym(dataset, person.pk),
            "batch": str(batch.pk),
            "version": "1",
            "agreed": "True",
            "trace": "False",
            "decided_at": consent.created_at.isoformat(),
        }
    ]
    assert [(row["version"], row["text"]) for row in written["consent_texts"]] == [("1", "I am 18."), ("2", "I am 21.")]


def test_the_file_of_answers_names_what_was_not_seen(dataset):
    grid = make_grid(images=make_images(dataset, 2), label=1)
    lease = require(take_lease(batch=grid.hit.batch, worker=make_worker()))
    cells = cells_by_handle(lease)
    unseen = list(cells)[:1]
    page = {"active_ms": 900, "viewport": [390, 844, 2.5], "input": ["touch"]}
    facts = AnswerFacts(
        {
            **{"browser": "Firefox 128.0", "language": "es", "page": page, "trace": [[0, 1, 2, 3]]},
            **{"photographs": [[0, 700], [1, 800]], "marks": [[50, 0, 1], [60, 1, 1], [70, 0, 0]]},
        }
    )
    submission = record_votes(
        lease=lease, cells=cells, selected=[], unseen=unseen, facts=facts, idempotency_key="unseen"
    )
    out = io.StringIO()
    write_rows(exported_files()["answers"], dataset, "jsonl", False, out)
    lines = {line["submission"]: line for line in map(json.loads, out.getvalue().splitlines())}
    assert len(lines) == Submission.objects.count()
    line = lines[submission.pk]
    assert line["unseen"] == [Image.objects.get(pk=cells[unseen[0]].image_id).name]
    assert line["unloaded"] == line["unseen"]
    cell = {"loaded": False, "seen_ms": 700, "place": 0, "marks": [50, 1, 70, 0], "answer": "no"}
    assert line["unseen_cells"] == [{"image": line["unseen"][0]} | cell]
    assert (line["active_ms"], line["viewport"], line["input"]) == (900, "390x844@2.5", "touch")
    assert (line["browser"], line["language"], line["trace"]) == ("Firefox 128.0", "es", [[0, 1, 2, 3]])
    assert [other["unseen"] for other in lines.values() if other is not line] == [[]] * (len(lines) - 1)
    votes = [row for row in as_lines("contains_votes", dataset) if row["submission"] == submission.pk]
    assert [(vote["place"], vote["language"], vote["input"]) for vote in votes] == [(1, "es", "touch")]
