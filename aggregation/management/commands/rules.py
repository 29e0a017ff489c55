"""`./manage rules --dataset NAME`: the rules of a study, whom they hit, and what they decided."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext

from aggregation.models import QualityRule, RuleDecision
from aggregation.quality.actions import answer_question, reverse, set_rule
from aggregation.quality.kinds import RuleFields
from aggregation.quality.reads import rules_of, standing_decisions, whom_it_hits
from catalog.errors import UserError, as_command_errors
from catalog.models import Dataset
from catalog.reads import dataset_named
from workforce.reads import pseudonym


class Command(BaseCommand):
    help = (
        "Print the rules of a dataset, the workers whom each hits now, and the decisions that stand. A rule never "
        "rejects work; what it decides can be reversed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dataset", required=True, metavar="NAME")
        change = parser.add_mutually_exclusive_group()
        change.add_argument(
            "--set",
            nargs=5,
            metavar=("MEASURE", "CONDITION", "THRESHOLD", "FEWEST", "ACTION"),
            help="add or change a rule: CONDITION is below, above or flagged; FEWEST the number of observations; "
            "ACTION is warn, assign_no_more, exclude or ask_a_person",
        )
        change.add_argument("--off", type=int, metavar="RULE", help="switch a rule off, by its number")
        change.add_argument("--reverse", type=int, metavar="DECISION", help="take a decision back, by its number")
        change.add_argument(
            "--confirm", type=int, metavar="DECISION", help="answer a rule's question with yes: exclude"
        )
        parser.add_argument("--preview", action="store_true", help="with --set, only print whom the rule would hit")
        parser.add_argument("--reason", metavar="TEXT", default="", help="why, for --reverse and --confirm")

    def handle(self, *args: Any, dataset: str, **options: Any) -> None:
        with as_command_errors():
            study = dataset_named(dataset)
            if options["set"]:
                fields = _fields(options["set"])
                if options["preview"]:
                    self._print_rule(QualityRule(dataset=study, **fields._asdict()))
                    return
                set_rule(dataset=study, fields=fields)
            elif options["off"] is not None:
                rule = _numbered(rules_of(study), options["off"])
                set_rule(dataset=study, fields=RuleFields.of(rule), is_on=False)
            elif options["reverse"] is not None:
                reverse(decision=_decision(study, options["reverse"]), reason=options["reason"])
            elif options["confirm"] is not None:
                decision = _decision(study, options["confirm"])
                answer_question(decision=decision, exclude=True, reason=options["reason"])
        self._print_all(study)

    def _print_all(self, study: Dataset) -> None:
        for rule in rules_of(study):
            self._print_rule(rule)
        for decision in standing_decisions(study):
            worker = pseudonym(study, decision.worker_id)
            self.stdout.write(f"decision {decision.pk}: {decision.rule.action} {worker}: {decision.reason}")

    def _print_rule(self, rule: QualityRule) -> None:
        hit = ", ".join(row.pseudonym for row in whom_it_hits(rule)) or gettext("nobody")
        number = "-" if rule.pk is None else rule.pk
        state = "" if rule.is_on else " (off)"
        self.stdout.write(f"rule {number}: {rule}, from {rule.fewest} observations{state}: {hit}")


def _fields(words: list[str]) -> RuleFields:
    measure, condition, threshold, fewest, action = words
    try:
        return RuleFields(measure, condition, float(threshold), int(fewest), action)
    except ValueError as error:
        raise UserError(gettext("THRESHOLD must be a number, and FEWEST a whole number.")) from error


def _numbered(rules: list[QualityRule], number: int) -> QualityRule:
    for rule in rules:
        if rule.pk == number:
            return rule
    raise UserError(gettext("There is no rule %(number)s in this dataset.") % {"number": number})


def _decision(dataset: Dataset, number: int) -> RuleDecision:
    decision = standing_decisions(dataset).filter(pk=number).first()
    if decision is None:
        raise UserError(gettext("There is no decision %(number)s that stands.") % {"number": number})
    return decision
