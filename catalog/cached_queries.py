"""Queries whose SQL is made once, and planned once for a connection.

Django makes the SQL of a query anew for each call, which takes several times as long as Postgres takes to find a row by
its key. That is nothing to a page opened now and then, but most of the time of a page that all workers open
constantly. (Only the SQL is kept; no result of a query is.)
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Expression, Field, Model, QuerySet

from catalog.prepared_statements import PreparedStatement

Row = TypeVar("Row", bound=Model)


class Given(Expression):
    """A placeholder in a query for a named value, which is known only when the query runs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class Clock(Expression):
    """A placeholder in a query for the time of `catalog.reads.now`; the query is then called with `**now_given()`."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "coalesce(%s::timestamptz, clock_timestamp())", (Given("now"),)


@dataclass(frozen=True)
class Part:
    """The columns of a row that make up one object, and the object that it belongs to, by its path."""

    path: str
    parent: str
    name: str
    model: type[Model]
    columns: slice
    attributes: list[str]
    key: int


class CachedQuery(Generic[Row]):
    """A query for rows as objects: filtered, ordered and locked as any other.

        LABEL = CachedQuery(lambda: Label.objects.filter(label_set=Given("label_set"), index=Given("index")))
        LABEL.get(label_set=3, index=7)

    `related` are paths, as select_related takes them: the objects at them come along. `only` are the fields of the
    model itself that are read; the others are looked up when they are asked for.

    The database driver writes out the named values, like those of any query; rows are passed by their keys, and a key
    that no column can hold is an error. Columns that Django converts (JSON) cannot be read. Values in the query itself
    are part of the statement: whether a partial index can serve is known when it is planned.
    """

    def __init__(
        self, query: Callable[[], QuerySet[Row]], *, related: Iterable[str] = (), only: Iterable[str] = ()
    ) -> None:
        # A function, since a query can be made only when all models are loaded.
        self._query = query
        self._related = tuple(related)
        self._only = frozenset(only)

    def all(self, **values: object) -> list[Row]:
        rows = self._statement.rows(values)
        return [_object(self._parts, row) for row in rows]

    def first(self, **values: object) -> Row | None:
        return next(iter(self.all(**values)), None)

    def get(self, **values: object) -> Row:
        """Return the row. Raises the model's DoesNotExist."""
        row = self.first(**values)
        if row is None:
            model = self._query().model
            message = f"There is no {model._meta.verbose_name} of {values}."
            raise model.DoesNotExist(message)  # type: ignore[attr-defined]  # every model has it
        return row

    @cached_property
    def _parts(self) -> list[Part]:
        return list(_parts(self._query().model, self._related, self._only))

    @cached_property
    def _statement(self) -> PreparedStatement:
        columns = [_joined(part.path, attribute) for part in self._parts for attribute in part.attributes]
        return _planned(*self._query().values_list(*columns).query.sql_with_params())


def _parts(model: type[Model], related: Iterable[str], only: Iterable[str]) -> Iterator[Part]:
    """Yield the model's own part, then that of each related object, each after the one that it belongs to."""
    begin = 0
    for path, (parent, name, kind) in _models(model, related).items():
        fields = [field for field in kind._meta.concrete_fields if _is_read(field, frozenset() if path else only)]
        attributes = [field.attname for field in fields]
        key = begin + fields.index(kind._meta.pk)
        yield Part(path, parent, name, kind, slice(begin, begin + len(fields)), attributes, key)
        begin += len(fields)


def _models(model: type[Model], related: Iterable[str]) -> dict[str, tuple[str, str, type[Model]]]:
    """Return the path of each object to the path of its parent, its name there, and its model."""
    models = {"": ("", "", model)}
    for names in (path.split("__") for path in related):
        for depth, name in enumerate(names):
            parent = "__".join(names[:depth])
            kind = models[parent][2]._meta.get_field(name).related_model
            if kind is None:
                raise TypeError(f"{name} of {models[parent][2].__name__} is no other object.")
            models[_joined(parent, name)] = (parent, name, kind)
    return models


def _is_read(field: "Field[Any, Any]", only: Iterable[str]) -> bool:
    read = not only or field.primary_key or field.name in only
    if read and hasattr(field, "from_db_value"):
        raise TypeError(f"{field} would have to be converted: leave it out with `only`.")
    return read


def _joined(path: str, name: str) -> str:
    return f"{path}__{name}" if path else name


def _planned(sql: str, parameters: Iterable[object]) -> PreparedStatement:
    """Return the statement with placeholders by name, and all other values written out."""
    with connection.cursor() as cursor:
        texts = [
            f"%({each.name})s" if isinstance(each, Given) else cursor.mogrify("%s", [each]).decode().replace("%", "%%")
            for each in parameters
        ]
    # A per cent sign stays doubled: `PreparedStatement` puts names in once more.
    return PreparedStatement(sql.replace("%%", "%%%%") % tuple(texts))


def _object(parts: Iterable[Part], row: tuple[Any, ...]) -> Any:
    objects: dict[str, Model] = {}
    for part in parts:
        # Of a missing row an outer join has only nulls.
        if row[part.key] is not None:
            objects[part.path] = part.model.from_db(DEFAULT_DB_ALIAS, part.attributes, row[part.columns])
            if part.path:
                setattr(objects[part.parent], part.name, objects[part.path])
    return objects[""]
