"""The table of the page Workers: its columns, filters and order, from derived rows alone."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.core.paginator import Page, Paginator
from django.utils.translation import gettext_lazy

from aggregation.models import WorkerMeasure
from aggregation.quality.kinds import ANSWERS
from aggregation.quality.reads import MeasureValue, WorkerRow, excluded_workers, standing_decisions, worker_rows
from catalog.models import Dataset
from mturk.payments.reads import paid_by_worker
from workforce.bars.reads import barred_from
from workforce.kinds import kind_named
from workforce.models import Batch
from workforce.reads import pseudonym_under

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    BatchChoice = forms.ModelChoiceField[Batch]
else:
    BatchChoice = forms.ModelChoiceField

ROWS_PER_PAGE = 50
NO_MEASURE = MeasureValue(None, None, None, 0, None, None)


@dataclass(frozen=True)
class Entry:
    """The fields that filter and sort a worker: no more, as all workers of the study are read for a page of 50."""

    worker_id: int
    pseudonym: str
    n_answers: int
    value: float | None
    pay: Decimal | None
    n_flags: int
    excluded: bool
    barred: bool


@dataclass(frozen=True)
class RowShown:
    """A worker as a row of the table. `pay` is what the marketplace took for their work; None on study links."""

    row: WorkerRow
    pay: Decimal | None

    @property
    def measures(self) -> dict[str, MeasureValue]:
        return {name: self.row.measures.get(name, NO_MEASURE) for name in MEASURES}


# The columns that show a measure, by its name.
MEASURES = ("share_selected", "recall", "false_alarms", "agreement", "seconds")
# Columns by name: title, the value that sorts (None at the end), and whether the largest comes first.
COLUMNS: "dict[str, tuple[StrPromise, Callable[[Entry], Any], bool]]" = {
    "worker": (gettext_lazy("Worker"), lambda entry: entry.pseudonym, False),
    "answers": (gettext_lazy("Answers"), lambda entry: entry.n_answers, True),
    "share_selected": (gettext_lazy("Share selected"), lambda entry: entry.value, True),
    "recall": (gettext_lazy("Controls passed"), lambda entry: entry.value, False),
    "false_alarms": (gettext_lazy("False alarms"), lambda entry: entry.value, True),
    "agreement": (gettext_lazy("Agreement"), lambda entry: entry.value, False),
    "seconds": (gettext_lazy("Median seconds"), lambda entry: entry.value, False),
    "pay": (gettext_lazy("Pay"), lambda entry: entry.pay, True),
    "flags": (gettext_lazy("Flags"), lambda entry: entry.n_flags, True),
}
FILTERS: "dict[str, tuple[StrPromise, Callable[[Entry], bool]]]" = {
    "all": (gettext_lazy("All workers"), lambda entry: True),
    "flagged": (gettext_lazy("Flagged"), lambda entry: entry.n_flags > 0),
    "counting": (gettext_lazy("Their work counts"), lambda entry: not entry.excluded),
    "excluded": (gettext_lazy("Excluded"), lambda entry: entry.excluded),
    "barred": (gettext_lazy("Assigned no more work"), lambda entry: entry.barred),
}


class BatchField(BatchChoice):
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

    page: Page[Entry]
    rows: list[RowShown]
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
    batch = values.get("batch")
    key = values.get("sort") or "answers"
    order = values.get("order") or _first_order(key)
    pay = paid_by_worker(dataset, batch)
    entries = _entries(dataset, batch, key, pay)
    page = Paginator(_sorted(_filtered(entries, values), key, order), ROWS_PER_PAGE).get_page(number)
    kept = _query_values(form, values)
    return Table(
        page=page,
        rows=_rows(dataset, batch, list(page), pay),
        headings=[_heading(each, kept, order if each == key else "") for each in COLUMNS if each != "pay" or pay],
        query=urlencode(kept | {"sort": key, "order": order}) + "&",
        n_all=len(entries),
        n_flagged=sum(entry.n_flags > 0 for entry in entries),
        n_excluded=sum(entry.excluded for entry in entries),
        has_pay=bool(pay),
    )


def _entries(dataset: Dataset, batch: Batch | None, key: str, pay: dict[int, Decimal]) -> list[Entry]:
    """Return the workers of a dataset, or of a batch of it, with the measure that sorts them."""
    measures = WorkerMeasure.objects.filter(dataset=dataset, batch=batch).order_by()
    # Nearly every worker has each of them; another measure's rows are not read.
    values = dict(measures.filter(measure=key).values_list("worker", "value")) if key in MEASURES else {}
    answers = measures.filter(measure=ANSWERS).values_list("worker", "n")
    n_flags = Counter(standing_decisions(dataset).order_by().values_list("worker", flat=True))
    excluded, barred = excluded_workers(dataset, batch), barred_from(dataset)
    return [
        Entry(
            worker_id=worker,
            pseudonym=pseudonym_under(dataset.pseudonym_key, worker),
            n_answers=n_answers,
            value=values.get(worker),
            pay=pay.get(worker),
            n_flags=n_flags[worker],
            excluded=worker in excluded,
            barred=worker in barred,
        )
        for worker, n_answers in answers
    ]


def _rows(dataset: Dataset, batch: Batch | None, entries: list[Entry], pay: dict[int, Decimal]) -> list[RowShown]:
    """Return what a page shows of its workers, in the same order."""
    rows = {row.worker_id: row for row in worker_rows(dataset, batch, [entry.worker_id for entry in entries])}
    workers = [entry.worker_id for entry in entries if entry.worker_id in rows]
    return [RowShown(rows[worker], pay.get(worker)) for worker in workers]


def _filtered(entries: Iterable[Entry], values: dict[str, Any]) -> list[Entry]:
    chosen = FILTERS[values.get("show") or "all"][1]
    fewest, begin = values.get("fewest") or 0, (values.get("worker") or "").strip().lower()
    fitting = (entry for entry in entries if chosen(entry) and entry.n_answers >= fewest)
    return [entry for entry in fitting if entry.pseudonym.startswith(begin)]


def _sorted(entries: list[Entry], key: str, order: str) -> list[Entry]:
    """Return the entries in order; those without a value come last, whatever the order."""
    value_of = COLUMNS[key][1]
    by_name = sorted(entries, key=lambda entry: entry.pseudonym)
    with_value = [entry for entry in by_name if value_of(entry) is not None]
    without = [entry for entry in by_name if value_of(entry) is None]
    return sorted(with_value, key=value_of, reverse=order == "down") + without


def _first_order(key: str) -> str:
    return "down" if COLUMNS[key][2] else "up"


def _query_values(form: TableForm, values: dict[str, Any]) -> dict[str, str]:
    return {name: form.data[name] for name in ("batch", "show", "fewest", "worker") if values.get(name)}


def _heading(key: str, kept: dict[str, str], order: str) -> Heading:
    other = {"up": "down", "down": "up"}.get(order) or _first_order(key)
    return Heading(key, COLUMNS[key][0], urlencode(kept | {"sort": key, "order": other}), order)
