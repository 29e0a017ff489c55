"""Queries whose SQL is made once, and planned once for a connection.

Django makes the SQL of a query anew each time it is asked, which takes several times as long as Postgres takes to find
a row by its key. That is nothing to a page that is opened now and then, and most of the time of one that all workers
open all the time. (The SQL alone is kept; nothing that a query found is.)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Expression, Model, QuerySet
from django.db.models.query import RelatedPopulator, get_related_populators

from catalog.planned import Planned

Row = TypeVar("Row", bound=Model)


class Given(Expression):
    """Stands in a query for a value of this name, which is known only when the query is asked."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list]:
        return "%s", [self]


class Clock(Expression):
    """Stands in a query for what `catalog.reads.now` says; the query is then asked with `**now_given()`."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list]:
        return "coalesce(%s::timestamptz, clock_timestamp())", [Given("now")]


@dataclass(frozen=True)
class Made:
    """A query's statement, and how a row of its answer becomes an object with what select_related brought along."""

    statement: Planned
    model: type[Model]
    columns: slice
    names: list[str]
    related: list[RelatedPopulator]


class Prepared(Generic[Row]):
    """A query for rows as objects: filtered, ordered, locked, with select_related and only, as any other.

        LABEL = Prepared(lambda: Label.objects.filter(label_set=Given("label_set"), index=Given("index")))
        LABEL.get(label_set=3, index=7)

    Values that are given are written out by the database driver, like those of any query; rows are given by their
    keys, and a key that no column can hold is an error. Columns that Django converts (JSON) cannot be asked for. The
    values that the query itself says are part of the statement: whether an index on some rows only can serve is known
    when it is planned.
    """

    def __init__(self, query: Callable[[], QuerySet[Row]]) -> None:
        # A function, since a query may be made only when all models are there.
        self._query = query

    def all(self, **given: object) -> list[Row]:
        made = self._made
        return [_object(made, row) for row in made.statement.rows(given)]

    def first(self, **given: object) -> Row | None:
        return next(iter(self.all(**given)), None)

    def get(self, **given: object) -> Row:
        """The row; raises the model's DoesNotExist."""
        found = self.first(**given)
        if found is None:
            raise self._made.model.DoesNotExist(f"There is no {self._made.model._meta.verbose_name} of {given}.")
        return found

    @cached_property
    def _made(self) -> Made:
        compiler = self._query().query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        model, fields = compiler.klass_info["model"], compiler.klass_info["select_fields"]
        if compiler.get_converters([column for column, _, _ in compiler.select]):
            raise TypeError(f"A column of {model.__name__} would have to be converted: leave it out with only().")
        columns = slice(fields[0], fields[-1] + 1)
        names = [column.target.attname for column, _, _ in compiler.select[columns]]
        related = get_related_populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)
        return Made(_statement(sql, parameters), model, columns, names, related)


def _statement(sql: str, parameters: Iterable[object]) -> Planned:
    """With what is given by its name, and all else written out."""
    with connection.cursor() as cursor:
        said = [
            f"%({each.name})s" if isinstance(each, Given) else cursor.mogrify("%s", [each]).decode().replace("%", "%%")
            for each in parameters
        ]
    # A per cent sign stays doubled: `Planned` puts names in once more.
    return Planned(sql.replace("%%", "%%%%") % tuple(said))


def _object(made: Made, row: tuple) -> Any:
    found = made.model.from_db(DEFAULT_DB_ALIAS, made.names, row[made.columns])
    for populator in made.related:
        populator.populate(row, found)
    return found
