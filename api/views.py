"""The REST interface: tables of a dataset, page by page. The rooms' api.py describe the rows."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aggregation.api import AnnotationFilter, AnnotationRow, FrequencyFilter, FrequencyRow
from api.models import ApiToken
from api.pace.reads import check_key, check_network
from api.pagination import page_of
from api.schema import IndexSchema, TableSchema
from catalog.models import Dataset
from catalog.reads import dataset_named, labels_by_index
from data_export.reads import SimulatedRows, check_accepts_simulated, exported_tables, permission_to_read
from workforce.kinds import ExportedRows, RestTable, task_kinds

LARGEST_PAGE = 1000


class Query(serializers.Serializer):
    """Parameters of every list."""

    dataset = serializers.CharField(
        required=False, help_text="Name of the dataset. Tokens for one dataset do not need it."
    )
    names = serializers.BooleanField(default=False, help_text="Add wnid and words to class indexes.")
    limit = serializers.IntegerField(
        default=100, min_value=1, max_value=LARGEST_PAGE, help_text="Maximum number of rows on a page."
    )
    simulated = serializers.BooleanField(
        default=False, help_text="Accept results in which answers of simulated people count; refused otherwise."
    )
    cursor = serializers.CharField(required=False, help_text="Start of the page; part of the `next` address.")


class PacedView(APIView):
    """A view that counts requests: of a network before a key is looked up, and of a key."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        check_network(request)
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiToken):
            check_key(request.auth.pk)


class ReadOnlyView(PacedView):
    http_method_names = ("get", "head")


class RowEncoder(json.JSONEncoder):
    """A JSON encoder that writes times as the exported files do."""

    def default(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else super().default(value)


class RowRenderer(JSONRenderer):
    encoder_class = RowEncoder


class Table(ReadOnlyView):
    """One of the exported tables, page by page: derived rows by image, in the order of import; votes in the order of
    submission.

    Rows are the same as in the files; `table.row` describes them in the schema.
    """

    renderer_classes = (RowRenderer,)
    schema = TableSchema()
    query = Query
    rows: ClassVar[ExportedRows]
    table: ClassVar[RestTable]

    def get(self, request: Request) -> Response:
        token = cast(ApiToken, request.auth)
        check_scope(token, self.rows.name)
        query, conditions = checked_query(request, self.query, self.table.conditions)
        dataset = readable_dataset(token, query.get("dataset"))
        refuse_simulated(dataset, self.rows.name, accepted=query["simulated"])
        page, cursor = page_of(
            self.rows.rows_of(dataset).filter(**conditions),
            listing=self.rows.name,
            key=self.table.key,
            cursor=query.get("cursor"),
            limit=query["limit"],
        )
        labels = labels_by_index(dataset) if query["names"] else None
        rows = [self.rows.row(row, labels) for row in page]
        # Raw votes must not stay in a cache on the way.
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
        description="How often each label was shown for each image, and how often it was selected.",
        row=FrequencyRow,
        conditions=FrequencyFilter,
    ),
}


def table_views() -> dict[str, Callable[..., HttpResponseBase]]:
    """Return a view for each exported table, by name."""
    kinds = task_kinds()
    tables = DERIVED_TABLES | {derived.rows.name: derived.table for kind in kinds for derived in kind.derived}
    tables |= {kind.votes.rows.name: kind.votes.table for kind in kinds}
    return {name: _view_of(rows, tables[name]) for name, rows in exported_tables().items()}


def _view_of(rows: ExportedRows, table: RestTable) -> Callable[..., HttpResponseBase]:
    view = cast(type[Table], type("Table", (Table,), {"rows": rows, "table": table}))
    return view.as_view()


def checked_query(
    request: Request, query_type: type[serializers.Serializer], filter_type: type[serializers.Serializer]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of every list, and the conditions on rows.

    Undeclared parameters are refused: a mistyped condition must not return all rows, and no reader names columns or
    look-ups of the database.
    """
    parameters = request.query_params.dict()
    query, conditions = query_type(data=parameters), filter_type(data=parameters)
    declared = [*query.fields, *conditions.fields]
    unknown = sorted(set(parameters) - set(declared))
    if unknown:
        message = gettext("There is no parameter “%(name)s” here. Parameters: %(names)s.")
        names = {"name": unknown[0], "names": ", ".join(declared)}
        raise ValidationError(message % names, code="unknown_parameter")
    query.is_valid(raise_exception=True)
    conditions.is_valid(raise_exception=True)
    return query.validated_data, conditions.validated_data


def check_scope(token: ApiToken, table: str) -> None:
    """Refuse a table that the token may not read, whatever the study."""
    if permission_to_read(table) not in token.powers:
        message = gettext("This token may not read %(table)s. Create a token that may.")
        raise PermissionDenied(message % {"table": table}, code="scope_missing")


def readable_dataset(token: ApiToken, name: str | None) -> Dataset:
    """Return the dataset of a request. A token for one dataset reveals nothing of others, not even their names."""
    if token.dataset is None:
        if name is None:
            message = gettext("The dataset is missing: add dataset=NAME to the address.")
            raise ValidationError(message, code="dataset_missing")
        return dataset_named(name)
    if name in (None, token.dataset.name):
        return token.dataset
    raise NotFound(gettext("This token cannot read a dataset of this name."), code="unknown_dataset")


def refuse_simulated(dataset: Dataset, table: str, *, accepted: bool) -> None:
    """Refuse results in which answers of simulated people count, unless the request accepts them."""
    try:
        if not accepted:
            check_accepts_simulated(dataset, table)
    except SimulatedRows as error:
        raise ValidationError(error.for_page, code="simulated") from error


def address_of(request: Request, cursor: str | None) -> str | None:
    """Return the address of the next page, behind the cursor; None after the last."""
    if cursor is None:
        return None
    following = request.query_params.dict() | {"cursor": cursor}
    return request.build_absolute_uri(f"{request.path}?{urlencode(following)}")


class Index(ReadOnlyView):
    """The list of addresses, which needs no token."""

    schema = IndexSchema()
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        names = (*exported_tables(), "schema")
        return Response({name: request.build_absolute_uri(reverse(f"api-{name}")) for name in names})


class OpenAPISchema(PacedView, SpectacularJSONAPIView):
    http_method_names = ("get", "head")
    authentication_classes = ()
    permission_classes = (AllowAny,)


class NoSuchAddress(ReadOnlyView):
    """All other addresses under /api/v1/, answered by an error of the same shape."""

    schema = None
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, address: str) -> Response:
        message = gettext("There is no page at this address. All addresses are listed at %(index)s")
        raise NotFound(message % {"index": reverse("api-index")})
