"""Descriptions of the REST interface in the OpenAPI schema."""

from functools import cache
from typing import Any, Protocol, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, inline_serializer
from rest_framework import serializers

from api.authentication import INSTRUCTION
from data_export.reads import exported_tables
from workforce.kinds import ExportedRows, RestTable


class Problem(serializers.Serializer):
    code = serializers.CharField(help_text="For programs: stays the same when the message is reworded.")
    message = serializers.CharField(help_text="The reason, and the way out.")


class Error(serializers.Serializer):
    """Every answer to a request that failed."""

    error = Problem()


PROBLEMS = {
    400: OpenApiResponse(Error, "A parameter is missing, unknown or invalid."),
    401: OpenApiResponse(Error, "The token is missing, unknown, revoked or expired."),
    403: OpenApiResponse(Error, "The token may not read this table."),
    404: OpenApiResponse(Error, "The token cannot read a dataset of this name."),
    429: OpenApiResponse(Error, "There were too many requests within a minute: Retry-After says when to go on."),
}


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # what it does to its subclasses
    target_class = "api.authentication.BearerTokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": str(INSTRUCTION)}


class TableView(Protocol):
    """A view of a table, with the attributes that other views lack."""

    rows: ExportedRows
    table: RestTable
    query: type[serializers.Serializer]


class TableSchema(AutoSchema):
    """The description of a view that has `rows` and their `table`."""

    @property
    def _table_view(self) -> TableView:
        # No other view has this schema.
        return cast(TableView, self.view)

    def get_operation_id(self) -> str:
        return self._table_view.rows.name

    def get_description(self) -> str:  # type: ignore[override]  # drf_spectacular calls it so, not as DRF does
        return str(self._table_view.table.description)

    def get_tags(self) -> list[str]:
        return ["tables"]

    def get_override_parameters(self) -> list[OpenApiParameter | serializers.Serializer | type[serializers.Serializer]]:
        return [self._table_view.query, self._table_view.table.conditions]

    def get_response_serializers(self) -> Any:
        # By status, which drf_spectacular reads too.
        return {200: page_of_rows(self._table_view.table.row)} | PROBLEMS


class IndexSchema(AutoSchema):
    """The description of the list of addresses."""

    def get_operation_id(self) -> str:
        return "index"

    def get_tags(self) -> list[str]:
        return ["index"]

    def get_response_serializers(self) -> serializers.Serializer:
        return index_of(tuple(exported_tables()))


@cache
def page_of_rows(row: type[serializers.Serializer]) -> serializers.Serializer:
    following = serializers.URLField(allow_null=True, help_text="Address of the next page; null on the last.")
    return inline_serializer(row.__name__.removesuffix("Row") + "Page", {"next": following, "results": row(many=True)})


@cache
def index_of(tables: tuple[str, ...]) -> serializers.Serializer:
    addresses: dict[str, serializers.Field] = {name: serializers.URLField() for name in tables}
    schema = serializers.URLField(help_text="This interface as an OpenAPI document.")
    return inline_serializer("IndexEntry", addresses | {"schema": schema})
