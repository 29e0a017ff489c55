import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from aggregation.models import Annotation, CandidateSet, SelectionFrequency
from catalog.models import Dataset
from data_import.votes.actions import replay
from tests.factories import make_dataset
from workforce.models import Submission

VOTES = """image,dataset_label,annotator,main,selected
a.jpg,1,0,2,1 2
a.jpg,1,1,2,1 2
b.jpg,3,0,3,3
c.jpg,1,0,1,1 2
c.jpg,1,1,2,2 1
"""


@pytest.fixture
def dataset(db, tmp_path) -> Dataset:
    return answered(tmp_path)


def answered(tmp_path) -> Dataset:
    """Image a has its main object elsewhere, b one object, and the main votes of c are tied."""
    dataset = make_dataset()
    path = tmp_path / "votes.csv"
    path.write_text(VOTES)
    replay(kind="classify", path=path, dataset_name=dataset.name)
    contains = "".join(f"{image},{label},{rater},yes\n" for image in "ab" for label in (1, 3) for rater in range(5))
    path.write_text("image,label,rater,answer\n" + contains.replace("a,", "a.jpg,").replace("b,", "b.jpg,"))
    replay(kind="contains", path=path, dataset_name=dataset.name)
    return dataset


def printed(dataset: Dataset, **options: bool) -> str:
    out = io.StringIO()
    call_command("aggregate", dataset=dataset.name, stdout=out, **options)
    return out.getvalue()


def derived() -> list:
    fields = ("image_id", "main_label", "n_objects", "objects_found", "main_object", "dataset_label_object")
    return [
        list(Annotation.objects.order_by("image").values_list(*fields)),
        list(CandidateSet.objects.order_by("image").values_list("image_id", "split", "labels")),
        list(
            SelectionFrequency.objects.order_by("image", "label").values_list(
                "image_id", "label_id", "n_selected", "n_shown"
            )
        ),
    ]


def test_the_table_counts_what_was_found(dataset):
    lines = printed(dataset).splitlines()
    counts = {line[:32].strip(): line[32:].strip() for line in lines[:-1]}
    assert counts == {
        "submissions aggregated": "25",
        "images annotated": "3",
        "of these with several objects": "2",
        "images pruned": "2",
        "too few votes": "0",
        "rejected": "0",
        "settled": "0",
        "follow-up": "2",
    }
    assert lines[-1] == (
        "main object differs from the dataset label: 1 (between 1 and 2 over ties of partitions and of main votes)"
    )


def test_a_second_run_finds_nothing_to_do_and_says_the_same(dataset):
    first = printed(dataset)
    before = derived()
    assert printed(dataset) == first.replace("          25", "           0")
    assert derived() == before


def test_again_computes_all_of_it_anew(dataset):
    first = printed(dataset)
    before = derived()
    Annotation.objects.update(main_label=0)
    assert printed(dataset, again=True) == first
    assert derived() == before
    assert not Submission.objects.filter(aggregated_at=None).exists()


def test_another_dataset_is_left_alone(dataset):
    with pytest.raises(CommandError, match=f"no dataset named 'other'. Datasets: {dataset.name}"):
        call_command("aggregate", dataset="other")
    printed(make_dataset())
    assert derived() == [[], [], []]


@pytest.mark.django_db(transaction=True)
def test_computing_anew_publishes_all_of_it_or_nothing(tmp_path):
    dataset = answered(tmp_path)
    printed(dataset)
    before = derived()

    def dying(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "aggregation_annotation"'):
            assert derived()[0] == []
            execute("SELECT pg_terminate_backend(pg_backend_pid())", None, False, context)
        return execute(sql, params, many, context)

    with pytest.raises(OperationalError), connection.execute_wrapper(dying):
        printed(dataset, again=True)
    connection.close()
    assert derived() == before
    assert not Submission.objects.filter(aggregated_at=None).exists()
