"""A statement that is planned once for a connection answers as one that is planned each time."""

from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from django.db import DatabaseError, DataError, IntegrityError, NotSupportedError, connection, transaction

from catalog import prepared_statements as catalog_planned
from catalog.models import Label
from catalog.reads import CachedQuery, Given, PreparedStatement
from tests.factories import make_dataset, make_label_set
from tests.required import require

pytestmark = pytest.mark.django_db

SUM = PreparedStatement("SELECT %(a)s::int + %(b)s::int, %(a)s::int, '50 %%'")


def planned() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, statement FROM pg_prepared_statements")
        return dict(cursor.fetchall())


def test_each_call_has_its_own_values_in_the_places_of_their_names():
    assert SUM.row({"a": 1, "b": 2}) == (3, 1, "50 %")
    assert SUM.rows({"b": 20, "a": 10, "not asked for": 5}) == [(30, 10, "50 %")]
    with pytest.raises(KeyError, match="b"):
        SUM.row({"a": 1})


def test_every_kind_of_value_that_the_site_asks_with_arrives_as_it_is():
    everything = PreparedStatement(
        "SELECT %(text)s::text, %(none)s::text, %(ids)s::bigint[], %(empty)s::bigint[], %(moment)s::timestamptz, "
        "%(yes)s::boolean, %(answer)s::jsonb"
    )
    moment = datetime(2020, 5, 22, tzinfo=UTC)
    values = {"text": "O'Brien; \\ -- 100 %s", "none": None, "ids": [2**40], "empty": [], "moment": moment, "yes": True}
    row = everything.row(values | {"answer": '{"selected": []}'})
    assert require(row)[:6] == tuple(values.values())


def test_it_is_planned_once_for_a_connection_and_again_for_another(django_assert_num_queries):
    SUM.row({"a": 1, "b": 1})
    before = planned()
    with django_assert_num_queries(2):
        SUM.row({"a": 1, "b": 1})
        SUM.row({"a": 2, "b": 2})
    assert planned() == before
    (name,) = [name for name, text in before.items() if "'50 %'" in text]
    assert before[name] == f"PREPARE {name} AS SELECT $1::int + $2::int, $1::int, '50 %'"
    plans: list[Any] = []

    def elsewhere() -> None:
        plans.extend([planned(), SUM.row({"a": 3, "b": 4}), planned()])
        connection.close()

    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert plans[0] == {} and require(plans[1])[0] == 7 and len(require(plans[2])) == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_and_made_anew_plans_anew():
    assert require(SUM.row({"a": 1, "b": 1}))[0] == 2
    connection.close()
    assert planned() == {}
    assert require(SUM.row({"a": 1, "b": 1}))[0] == 2


def test_what_was_planned_within_a_transaction_that_failed_stays():
    label_set = make_label_set(1)
    add = PreparedStatement("INSERT INTO catalog_label SELECT * FROM catalog_label WHERE label_set_id = %(label_set)s")
    for _ in range(2):
        with pytest.raises(IntegrityError), transaction.atomic():
            add.rows({"label_set": label_set.pk})
    assert PreparedStatement("DELETE FROM catalog_label WHERE label_set_id = %(it)s RETURNING 1").rows({"it": 0}) == []


def test_who_is_interrupted_while_it_is_planned_plans_it_anew(monkeypatch):
    late = PreparedStatement("SELECT %(a)s::int + 1")

    class Interrupted(dict):
        def __setitem__(self, statement, name):
            raise TimeoutError

    monkeypatch.setitem(catalog_planned._named, connection.connection, Interrupted())
    with pytest.raises(TimeoutError):
        late.row({"a": 1})
    assert any("+ 1" in text for text in planned().values())
    monkeypatch.setitem(catalog_planned._named, connection.connection, {})
    assert late.row({"a": 1}) == (2,)


@pytest.mark.django_db(transaction=True)
def test_a_table_that_was_altered_meanwhile_fails_one_transaction_at_the_most():
    statement = PreparedStatement("SELECT one FROM altered WHERE one = %(one)s")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE altered AS SELECT 1::int AS one")
    try:
        assert statement.row({"one": 1}) == (1,)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE altered ALTER COLUMN one TYPE bigint")
        with pytest.raises(NotSupportedError), transaction.atomic():
            statement.row({"one": 1})
        assert statement.row({"one": 1}) == (1,)
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        with pytest.raises(DatabaseError):
            statement.row({"one": 1})
        assert statement.row({"one": 1}) == (1,)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE altered")


def test_a_statement_that_cannot_be_planned_says_why_each_time():
    wrong = PreparedStatement("SELECT nothing_of_the_kind FROM catalog_label WHERE id = %(pk)s")
    for _ in range(2):
        with pytest.raises(Exception, match="nothing_of_the_kind"), transaction.atomic():
            wrong.row({"pk": 1})
    with pytest.raises(DataError), transaction.atomic():
        SUM.row({"a": 2**40, "b": 1})


def test_what_a_query_says_itself_is_part_of_its_plan():
    """Only so can an index on some rows serve."""
    dataset = make_dataset()
    labels = CachedQuery(lambda: Label.objects.filter(words__contains="100 %s", label_set=Given("label_set")))
    assert labels.all(label_set=dataset.label_set_id) == []
    Label.objects.filter(label_set=dataset.label_set, index=1).update(words="pure wool, 100 %s")
    assert [label.index for label in labels.all(label_set=dataset.label_set_id)] == [1]
    assert any("100 \\%s" in text or "100 %s" in text for text in planned().values())
