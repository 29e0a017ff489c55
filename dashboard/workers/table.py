"""The table of the page Workers: its columns, filters and order, from derived rows alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Page, Paginator
from django.utils.translation import gettext_lazy

from aggregation.quality.reads import Flag, MeasureValue, WorkerRow, worker_rows
from catalog.models import Dataset
from mturk.payments.reads import paid_by_worker
from workforce.kinds import kind_named
from workforce.models import Batch

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

ROWS_PER_PAGE = 50
NO_MEASURE = MeasureValue(None, None, None, 0, None, None)


@dataclass(frozen=True)
class RowShown:
    """A worker as a row of the table. `pay` is what the marketplace took for their work; None on study links."""

    row: WorkerRow
    pay: Decimal | None

    def measure(self, name: str) -> MeasureValue:
        return self.row.measures.get(name, NO_MEASURE)

    @property
    def measures(self) -> dict[str, MeasureValue]:
        return {name: self.measure(name) for name in MEASURES}

    @property
    def flags(self) -> list[Flag]:
        return self.row.flags


def _value_of(name: str) -> Callable[[RowShown], float | None]:
    return lambda item: item.measure(name).value


# The columns that show a measure, by its name.
MEASURES = ("share_selected", "recall", "false_alarms", "agreement", "seconds")
# Columns by name: title, the value that sorts (None at the end), and whether the largest comes first.
COLUMNS: "dict[str, tuple[StrPromise, Callable[[RowShown], Any], bool]]" = {
    "worker": (gettext_lazy("Worker"), lambda item: item.row.pseudonym, False),
    "answers": (gettext_lazy("Answers"), lambda item: item.row.n_answers, True),
    "share_selected": (gettext_lazy("Share selected"), _value_of("share_selected"), True),
    "recall": (gettext_lazy("Controls passed"), _value_of("recall"), False),
    "false_alarms": (gettext_lazy("False alarms"), _value_of("false_alarms"), True),
    "agreement": (gettext_lazy("Agreement"), _value_of("agreement"), False),
    "seconds": (gettext_lazy("Median seconds"), _value_of("seconds"), False),
    "pay": (gettext_lazy("Pay"), lambda item: item.pay, True),
    "flags": (gettext_lazy("Flags"), lambda item: len(item.flags), True),
}
FILTERS: "dict[str, tuple[StrPromise, Callable[[WorkerRow], bool]]]" = {
    "all": (gettext_lazy("All workers"), lambda row: True),
    "flagged": (gettext_lazy("Flagged"), lambda row: bool(row.flags)),
    "counting": (gettext_lazy("Their work counts"), lambda row: not row.excluded),
    "excluded": (gettext_lazy("Excluded"), lambda row: row.excluded),
    "barred": (gettext_lazy("Assigned no more work"), lambda row: row.barred),
}


class BatchField(forms.ModelChoiceField):
    """A choice of a batch by number, kind and marketplace."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.pk}, {kind_named(obj.kind).title}, {obj.marketplace}"


class TableForm(forms.Form):
    """The filters of the table, in the address."""

    batch = BatchField(
        label=gettext_lazy("Batch"), queryset=Batch.objects.none(), required=False, empty_label=gettext_lazy("All")
    )
    show = forms.ChoiceField(
        label=gettext_lazy("Show"), choices=[(key, title) for key, (title, _) in FILTERS.items()], required=False
    )
    fewest = forms.IntegerField(label=gettext_lazy("Answers, at least"), min_value=0, max_value=10**9, required=False)
    worker = forms.CharField(label=gettext_lazy("Pseudonym begins with"), max_length=40, required=False)
    sort = forms.ChoiceField(choices=[(key, key) for key in COLUMNS], required=False, widget=forms.HiddenInput)
    order = forms.ChoiceField(choices=[("up", "up"), ("down", "down")], required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, dataset: Dataset) -> None:
        super().__init__(data)
        field = self.fields["batch"]
        assert isinstance(field, BatchField)
        field.queryset = Batch.objects.filter(dataset=dataset).order_by("pk")


@dataclass(frozen=True)
class Heading:
    """A heading that sorts: its title, the query of its link, and the order that it has now ("" if another sorts)."""

    key: str
    title: "StrPromise"
    query: str
    order: str

    @property
    def aria(self) -> str:
        return {"up": "ascending", "down": "descending"}.get(self.order, "none")


@dataclass(frozen=True)
class Table:
    """A page of the table with its headings; `query` are the filters and the order, for links to other pages."""

    page: Page[RowShown]
    headings: list[Heading]
    query: str
    n_all: int
    n_flagged: int
    n_excluded: int
    has_pay: bool


def table_of(dataset: Dataset, form: TableForm, number: str) -> Table:
    """Return a page of the table as the valid fields of the form filter and sort it."""
    form.is_valid()
    values = getattr(form, "cleaned_data", {})
    rows = worker_rows(dataset, values.get("batch"))
    pay = paid_by_worker(dataset, values.get("batch"))
    items = [RowShown(row, pay.get(row.worker_id)) for row in _filtered(rows, values)]
    key = values.get("sort") or "answers"
    order = values.get("order") or _first_order(key)
    page = Paginator(_sorted(items, key, order), ROWS_PER_PAGE).get_page(number)
    kept = _query_values(form, values)
    return Table(
        page=page,
        headings=[_heading(each, kept, order if each == key else "") for each in COLUMNS if each != "pay" or pay],
        query=urlencode(kept | {"sort": key, "order": order}) + "&",
        n_all=len(rows),
        n_flagged=sum(bool(row.flags) for row in rows),
        n_excluded=sum(row.excluded for row in rows),
        has_pay=bool(pay),
    )


def _filtered(rows: Iterable[WorkerRow], values: dict[str, Any]) -> list[WorkerRow]:
    chosen = FILTERS[values.get("show") or "all"][1]
    fewest, begin = values.get("fewest") or 0, (values.get("worker") or "").strip().lower()
    return [row for row in rows if chosen(row) and row.n_answers >= fewest and row.pseudonym.startswith(begin)]


def _sorted(items: list[RowShown], key: str, order: str) -> list[RowShown]:
    """Return the rows in order; those without a value come last, whatever the order."""
    value_of = COLUMNS[key][1]
    with_value = [item for item in items if value_of(item) is not None]
    without = [item for item in items if value_of(item) is None]
    by_name = sorted(with_value, key=lambda item: item.row.pseudonym)
    return sorted(by_name, key=value_of, reverse=order == "down") + without


def _first_order(key: str) -> str:
    return "down" if COLUMNS[key][2] else "up"


def _query_values(form: TableForm, values: dict[str, Any]) -> dict[str, str]:
    return {name: form.data[name] for name in ("batch", "show", "fewest", "worker") if values.get(name)}


def _heading(key: str, kept: dict[str, str], order: str) -> Heading:
    other = {"up": "down", "down": "up"}.get(order) or _first_order(key)
    return Heading(key, COLUMNS[key][0], urlencode(kept | {"sort": key, "order": other}), order)
