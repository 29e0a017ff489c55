"""The REST interface: who may read which dataset, page by page. What a row holds is said in the rooms' api.py."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aggregation.api import AnnotationFilter, AnnotationRow, FrequencyFilter, FrequencyRow
from api.models import ApiToken
from api.pagination import page_of
from api.schema import IndexSchema, TableSchema
from catalog.models import Dataset
from catalog.reads import dataset_named, labels_by_index
from data_export.reads import exported_tables
from workforce.kinds import ExportedRows, RestTable, task_kinds

LARGEST_PAGE = 1000


class Query(serializers.Serializer):
    """What every list takes."""

    dataset = serializers.CharField(
        required=False, help_text="Name of the dataset. A token made for one dataset needs none."
    )
    names = serializers.BooleanField(default=False, help_text="Add wnid and words to class indexes.")
    limit = serializers.IntegerField(
        default=100, min_value=1, max_value=LARGEST_PAGE, help_text="The most rows of a page."
    )
    cursor = serializers.CharField(required=False, help_text="Where to go on; the `next` address has it.")


class ReadOnlyView(APIView):
    http_method_names = ("get", "head")


class RowEncoder(json.JSONEncoder):
    """Writes a moment as the exported files do."""

    def default(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else super().default(value)


class RowRenderer(JSONRenderer):
    encoder_class = RowEncoder


class Table(ReadOnlyView):
    """One of the exported tables, page by page: derived rows by image, in the order in which the images came; votes in
    the order in which they came.

    The rows go out as they are made for the file; `table.row` describes them in the schema.
    """

    renderer_classes = (RowRenderer,)
    schema = TableSchema()
    query = Query
    rows: ClassVar[ExportedRows]
    table: ClassVar[RestTable]

    def get(self, request: Request) -> Response:
        query, conditions = checked_query(request, self.query, self.table.conditions)
        dataset = readable_dataset(cast(ApiToken, request.auth), query.get("dataset"))
        found, cursor = page_of(
            self.rows.rows_of(dataset).filter(**conditions),
            listing=self.rows.name,
            key=self.table.key,
            cursor=query.get("cursor"),
            limit=query["limit"],
        )
        labels = labels_by_index(dataset) if query["names"] else None
        rows = [self.rows.row(row, labels) for row in found]
        # Raw votes belong in no cache between here and the reader.
        headers = {"Cache-Control": "private, no-store"}
        return Response({"next": address_of(request, cursor), "results": rows}, headers=headers)


DERIVED_TABLES = {
    "annotations": RestTable(
        key=("image_id",),
        description="Objects, main label and number of objects of every annotated image.",
        row=AnnotationRow,
        conditions=AnnotationFilter,
    ),
    "selection_frequencies": RestTable(
        key=("image_id", "label_id"),
        description="How often each label was selected for each image, of the times it was shown.",
        row=FrequencyRow,
        conditions=FrequencyFilter,
    ),
}


def table_views() -> dict[str, Callable[..., HttpResponseBase]]:
    """Return a view for each exported table, by name."""
    tables = DERIVED_TABLES | {kind.votes.rows.name: kind.votes.table for kind in task_kinds()}
    return {name: _view_of(rows, tables[name]) for name, rows in exported_tables().items()}


def _view_of(rows: ExportedRows, table: RestTable) -> Callable[..., HttpResponseBase]:
    view = cast(type[Table], type("Table", (Table,), {"rows": rows, "table": table}))
    return view.as_view()


def checked_query(
    request: Request, query_type: type[serializers.Serializer], filter_type: type[serializers.Serializer]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was asked for, and the conditions on rows.

    Only what is declared can be asked for: a mistyped condition must not give all rows, and no reader names columns
    or look-ups of the database.
    """
    given = request.query_params.dict()
    query, conditions = query_type(data=given), filter_type(data=given)
    known = [*query.fields, *conditions.fields]
    unknown = sorted(set(given) - set(known))
    if unknown:
        message = f"There is no parameter {unknown[0]!r} here. Parameters: {', '.join(known)}."
        raise ValidationError(message, code="unknown_parameter")
    query.is_valid(raise_exception=True)
    conditions.is_valid(raise_exception=True)
    return query.validated_data, conditions.validated_data


def readable_dataset(token: ApiToken, name: str | None) -> Dataset:
    """The dataset a request reads. A token made for one learns nothing of others, not even that they exist."""
    if token.dataset is None:
        if name is None:
            raise ValidationError("Say which dataset: add dataset=NAME to the address.", code="dataset_missing")
        return dataset_named(name)
    if name in (None, token.dataset.name):
        return token.dataset
    raise NotFound("This token reads one dataset, and none of this name.", code="unknown_dataset")


def address_of(request: Request, cursor: str | None) -> str | None:
    """The same request, going on behind the cursor."""
    if cursor is None:
        return None
    following = request.query_params.dict() | {"cursor": cursor}
    return request.build_absolute_uri(f"{request.path}?{urlencode(following)}")


class Index(ReadOnlyView):
    """The addresses there are. It needs no token."""

    schema = IndexSchema()
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        names = (*exported_tables(), "schema")
        return Response({name: request.build_absolute_uri(reverse(f"api-{name}")) for name in names})


class OpenAPISchema(SpectacularJSONAPIView):
    http_method_names = ("get", "head")
    authentication_classes = ()
    permission_classes = (AllowAny,)


class NoSuchAddress(ReadOnlyView):
    """Whatever else is asked for under /api/v1/ gets an error of the same shape."""

    schema = None
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, address: str) -> Response:
        raise NotFound(f"There is nothing at this address. {reverse('api-index')} names what there is.")
