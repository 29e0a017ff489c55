"""Pages of a study's rules: the list with decisions, the preview of whom a rule would hit, and undo."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_lazy

from access.permissions.reads import May
from aggregation.models import QualityRule, RuleDecision
from aggregation.quality.actions import answer_question, reverse, set_rule
from aggregation.quality.kinds import MEASURE_NAMES, RuleFields
from aggregation.quality.reads import (
    WorkerRow,
    decisions_of,
    measures_met,
    questions_to_people,
    rules_of,
    whom_it_hits,
)
from catalog.errors import UserError
from catalog.models import Dataset
from dashboard.pages import dataset_or_404, staff_page
from dashboard.subjects import study_of_rule_decision
from workforce.reads import pseudonym

DECISIONS_PER_PAGE, HITS_SHOWN = 25, 50
KEY = ("measure", "condition", "action")


class RuleForm(forms.Form):
    """A rule: measure, condition and action."""

    measure = forms.ChoiceField(label=gettext_lazy("Measure"), choices=list(MEASURE_NAMES.items()))
    condition = forms.ChoiceField(label=gettext_lazy("Condition"), choices=QualityRule.Condition.choices)
    threshold = forms.FloatField(
        label=gettext_lazy("Threshold"),
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=gettext_lazy("“Surely” compares the whole 95 % interval. A false-alarm probability is at most 0.1."),
    )
    fewest = forms.IntegerField(label=gettext_lazy("Observations, at least"), min_value=1, max_value=2**31 - 1)
    action = forms.ChoiceField(label=gettext_lazy("Action"), choices=QualityRule.Action.choices)

    def fields_of_rule(self) -> RuleFields:
        return RuleFields(**{name: self.cleaned_data[name] for name in RuleFields._fields})


class DecisionForm(forms.Form):
    """The reason of a person for what becomes of a rule's decision."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500)


@dataclass(frozen=True)
class RuleShown:
    """A rule with the number of workers that it hits now."""

    rule: QualityRule
    n_hit: int

    @property
    def key(self) -> dict[str, Any]:
        return {name: getattr(self.rule, name) for name in RuleFields._fields}


@dataclass(frozen=True)
class DecisionShown:
    """A decision of a rule, and its worker's pseudonym."""

    decision: RuleDecision
    worker: str

    @property
    def is_question(self) -> bool:
        """Return whether it waits for a person."""
        row = self.decision
        is_open = row.lifted_at is None and row.confirmed_at is None
        return row.rule.action == QualityRule.Action.ASK_A_PERSON and is_open


@staff_page("GET", may=May.SEE_WORKERS, of=dataset_or_404)
def rules(request: HttpRequest, name: str) -> HttpResponse:
    """List the rules of a study, and their decisions, the latest first."""
    dataset = dataset_or_404(name)
    page = Paginator(decisions_of(dataset), DECISIONS_PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "dataset": dataset,
        "tab": "workers",
        "rules": [RuleShown(rule, measures_met(rule).count()) for rule in rules_of(dataset)],
        "page": page,
        "decisions": _shown(dataset, page),
        "questions": _shown(dataset, questions_to_people(dataset)[:HITS_SHOWN]),
    }
    return render(request, "dashboard/workers/rules.html", context)


def _shown(dataset: Dataset, decisions: Any) -> list[DecisionShown]:
    return [DecisionShown(decision, pseudonym(dataset, decision.worker_id)) for decision in decisions]


@staff_page("GET", "POST", may=May.EDIT_STUDY, of=dataset_or_404)
def rule(request: HttpRequest, name: str) -> HttpResponse:
    """Show whom a rule would hit, as the address describes it; switch it on or off."""
    dataset = dataset_or_404(name)
    values = request.POST if request.method == "POST" else request.GET
    form = RuleForm(values or None)
    is_valid = form.is_bound and form.is_valid()
    if request.method == "POST" and is_valid and _set(request, dataset, form):
        return redirect("study-rules", name)
    hits = _hits(dataset, form) if is_valid and not form.errors else None
    context = {
        "dataset": dataset,
        "tab": "workers",
        "form": form,
        "hits": hits,
        "hits_shown": (hits or [])[:HITS_SHOWN],
    }
    context["measure"] = form.data.get("measure", "")
    context["stored"] = _stored(dataset, form) if is_valid else None
    return render(request, "dashboard/workers/rule.html", context, status=422 if form.errors else 200)


def _hits(dataset: Dataset, form: RuleForm) -> list[WorkerRow]:
    return whom_it_hits(QualityRule(dataset=dataset, **form.fields_of_rule()._asdict()))


def _stored(dataset: Dataset, form: RuleForm) -> QualityRule | None:
    """Return the study's rule of the same measure, condition and action."""
    same = [row for row in rules_of(dataset) if all(getattr(row, each) == form.cleaned_data[each] for each in KEY)]
    return same[0] if same else None


def _set(request: HttpRequest, dataset: Dataset, form: RuleForm) -> bool:
    is_on = request.POST.get("do") != "off"
    try:
        set_rule(dataset=dataset, fields=form.fields_of_rule(), is_on=is_on)
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    if is_on:
        messages.success(request, gettext("The rule is on. It acts with the next answers, or when you recompute."))
    else:
        messages.success(request, gettext("The rule is off. Earlier exclusions and stops stand until reversed."))
    return True


ACTS = {"reverse", "confirm", "dismiss"}


@staff_page("GET", "POST", may=May.EXCLUDE_WORKERS, of=study_of_rule_decision)
def about_decision(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Take a rule's decision back, or answer the question that it asks."""
    row = get_object_or_404(RuleDecision.objects.select_related("rule__dataset"), pk=pk)
    dataset = row.rule.dataset
    item = DecisionShown(row, pseudonym(dataset, row.worker_id))
    if act not in ACTS or (act != "reverse" and not item.is_question and request.method == "GET"):
        raise Http404
    form = DecisionForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and _decide(request, row, act, form):
        return redirect("study-rules", dataset.name)
    context = {"dataset": dataset, "tab": "workers", "item": item, "act": act, "form": form}
    return render(request, "dashboard/workers/rule_decision.html", context, status=422 if form.errors else 200)


def _decide(request: HttpRequest, decision: RuleDecision, act: str, form: DecisionForm) -> bool:
    reason = form.cleaned_data["reason"]
    try:
        if act == "reverse":
            reverse(decision=decision, reason=reason)
        else:
            answer_question(decision=decision, exclude=act == "confirm", reason=reason)
    except UserError as error:
        form.add_error(None, error.for_page)
        return False
    if act == "confirm":
        messages.success(request, gettext("The worker is excluded, and gets no more work."))
    else:
        messages.success(request, gettext("The decision is taken back. The rule does not decide about them again."))
    return True
