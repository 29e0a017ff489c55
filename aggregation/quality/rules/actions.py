"""Rules of a study, and what they do to workers: warn, assign no more, exclude, or ask a person.

Every decision is a row with its reason, recorded, and reversible. A person's reversal is final: no rule of the same
measure and action decides about that worker again. Pay is never touched, and no work is ever rejected from here.
"""

import logging
import math
import secrets
from collections import defaultdict

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext

from aggregation.models import QualityRule, RuleDecision, WorkerMeasure
from aggregation.quality.kinds import MEASURE_NAMES, RuleFields
from aggregation.quality.reads import default_rules, measures_met, reason_of, rules_of
from audit.actions import Area, record
from catalog.errors import UserError
from catalog.models import Dataset
from catalog.reads import LockName, now, wait_for_lock
from workforce.bars.actions import bar_workers, lift_bars
from workforce.exclusions.actions import exclude_at_once, lift_step
from workforce.models import Exclusion, Submission
from workforce.reads import pseudonym

log = logging.getLogger(__name__)

Action = QualityRule.Action
LONGEST_REASON = 500
TURN = "SELECT pg_advisory_xact_lock(hashtextextended('rules', %s))"
# Their decisions end by themselves once the measure is better; what touches people's work, people end.
PASSING = (Action.WARN, Action.ASK_A_PERSON)


# Settings


@transaction.atomic
def keep_default_rules(*, dataset: Dataset) -> None:
    """Store the default rules of a study that has none yet."""
    wait_for_lock(LockName.SETTINGS, dataset)
    if not QualityRule.objects.filter(dataset=dataset).exists():
        QualityRule.objects.bulk_create(default_rules(dataset))


@transaction.atomic
def set_rule(*, dataset: Dataset, fields: RuleFields, is_on: bool = True) -> QualityRule:
    """Add a rule, or change the threshold, the fewest observations or the switch of the one like it.

    Raises UserError for values that make no rule. Work starts at the next computation of the measures.
    """
    _check(fields)
    keep_default_rules(dataset=dataset)
    same = {"measure": fields.measure, "condition": fields.condition, "action": fields.action}
    before = QualityRule.objects.filter(dataset=dataset, replaced_at=None, **same).first()
    if before and (before.threshold, before.fewest, before.is_on) == (fields.threshold, fields.fewest, is_on):
        return before
    if before:
        QualityRule.objects.filter(pk=before.pk).update(replaced_at=now())
    rule = QualityRule.objects.create(dataset=dataset, **fields._asdict(), is_on=is_on)
    figures = [{"threshold": row.threshold, "fewest": row.fewest, "is_on": row.is_on} for row in (before, rule) if row]
    subject = f"rule {fields.measure} {fields.condition}: {fields.action} of dataset {dataset}"
    record(
        area=Area.CONFIG,
        action="rule.change",
        subject=subject,
        before=figures[0] if before else None,
        after=figures[-1],
    )
    return rule


def _check(fields: RuleFields) -> None:
    for name, value, choices in (
        ("measure", fields.measure, list(MEASURE_NAMES)),
        ("condition", fields.condition, QualityRule.Condition.values),
        ("action", fields.action, QualityRule.Action.values),
    ):
        if value not in choices:
            message = gettext("%(name)s is “%(value)s”. It must be one of: %(choices)s.")
            raise UserError(message % {"name": name, "value": value, "choices": ", ".join(choices)})
    if not math.isfinite(fields.threshold):
        raise UserError(gettext("The threshold must be a number."))
    if fields.condition == QualityRule.Condition.FLAGGED and not 0 < fields.threshold <= 0.1:
        raise UserError(gettext("The false-alarm probability must be above 0 and at most 0.1."))
    if not 1 <= fields.fewest < 2**31:
        raise UserError(gettext("The fewest observations must be a whole number, 1 or more."))


# Application


def apply_rules(*, dataset: Dataset) -> int:
    """Decide about the workers whom the rules hit now, and end warnings that hold no more. Idempotent.

    Returns the number of new decisions. Two transactions: exclusions lock submissions, as the aggregation does, and
    nothing else may be locked before them.
    """
    n = _decide(dataset=dataset)
    _exclude_as_decided(dataset=dataset)
    return n


@transaction.atomic
def _decide(*, dataset: Dataset) -> int:
    _wait_for_turn(dataset)
    keep_default_rules(dataset=dataset)
    met = {rule: {row.worker_id: row for row in measures_met(rule)} for rule in rules_of(dataset) if rule.is_on}
    _end_passing(dataset, met)
    decided = _decided(dataset)
    new = {
        (rule.measure, rule.action, worker): (rule, row)
        for rule, rows in met.items()
        for worker, row in rows.items()
        if worker not in decided[rule.measure, rule.action]
    }
    for rule, row in new.values():
        _act(dataset, rule, row)
    return len(new)


def _wait_for_turn(dataset: Dataset) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TURN, [dataset.pk])


def _decided(dataset: Dataset) -> dict[tuple[str, str], set[int]]:
    """Return the workers about whom is decided, or was until a person reversed it, by measure and action."""
    decided: dict[tuple[str, str], set[int]] = defaultdict(set)
    rows = RuleDecision.objects.filter(rule__dataset=dataset).exclude(is_reversed=False, lifted_at__isnull=False)
    for measure, action, worker in rows.values_list("rule__measure", "rule__action", "worker"):
        decided[measure, action].add(worker)
    return decided


def _end_passing(dataset: Dataset, met: dict[QualityRule, dict[int, WorkerMeasure]]) -> None:
    """End warnings and open questions whose rule is off or replaced, or whose measure meets the condition no more."""
    hit = {(rule.pk, worker) for rule, workers in met.items() for worker in workers}
    standing = RuleDecision.objects.filter(rule__dataset=dataset, lifted_at=None, confirmed_at=None)
    rows = standing.filter(rule__action__in=PASSING).values_list("pk", "rule", "worker")
    over = [pk for pk, rule, worker in rows if (rule, worker) not in hit]
    RuleDecision.objects.filter(pk__in=over).update(lifted_at=now())


def _act(dataset: Dataset, rule: QualityRule, measure: WorkerMeasure) -> None:
    """Make a decision; one that ended by itself and holds again is taken up, and not recorded each time."""
    reason = reason_of(rule, measure)[:LONGEST_REASON]
    former = RuleDecision.objects.filter(rule=rule, worker=measure.worker_id, is_reversed=False)
    if former.update(lifted_at=None, reason=reason):
        return
    step = "" if rule.action == Action.WARN else secrets.token_hex(8)
    decision = RuleDecision.objects.create(rule=rule, worker_id=measure.worker_id, reason=reason, step=step)
    if rule.action in (Action.ASSIGN_NO_MORE, Action.EXCLUDE):
        _bar(dataset, decision)
    subject = _subject(dataset, decision)
    after = {"decision": decision.pk, "rule": str(rule)}
    record(area=Area.REVIEW, action=f"rule.{rule.action}", subject=subject, after=after, reason=reason)
    log.info("Rule “%s” hits %s: %s", rule, subject, reason)


def _subject(dataset: Dataset, decision: RuleDecision) -> str:
    return f"worker {pseudonym(dataset, decision.worker_id)} of dataset {dataset}"


def _bar(dataset: Dataset, decision: RuleDecision) -> None:
    bar_workers(dataset=dataset, workers=[decision.worker_id], reason=decision.reason, step=decision.step)


@transaction.atomic
def _exclude_as_decided(*, dataset: Dataset) -> None:
    """Exclude the answers of workers who are to be excluded, also later ones; none that a person readmitted."""
    _wait_for_turn(dataset)
    standing = RuleDecision.objects.filter(rule__dataset=dataset, lifted_at=None)
    confirmed = Q(rule__action=Action.ASK_A_PERSON, confirmed_at__isnull=False)
    for decision in standing.filter(Q(rule__action=Action.EXCLUDE) | confirmed).order_by("pk"):
        of_worker = Submission.objects.filter(hit__batch__dataset=dataset, worker=decision.worker_id, state="confirmed")
        new = of_worker.exclude(pk__in=Exclusion.objects.filter(step=decision.step).values("submission"))
        if new.exists():
            exclude_at_once(submissions=new, reason=decision.reason, step=decision.step)


# People


@transaction.atomic
def reverse(*, decision: RuleDecision, reason: str) -> None:
    """Take a decision of a rule back: its exclusions and its bar are lifted, and it is not made again.

    Raises UserError without a reason, or if the decision does not stand.
    """
    _check_reason(reason)
    standing = _standing(decision)
    dataset = standing.rule.dataset
    _wait_for_turn(dataset)
    if standing.step:
        lift_step(step=standing.step)
        lift_bars(dataset=dataset, workers=[standing.worker_id], reason=reason.strip(), step=standing.step)
    changed = RuleDecision.objects.filter(pk=standing.pk, lifted_at=None).update(lifted_at=now(), is_reversed=True)
    if changed:
        before = {"decision": standing.pk, "rule": str(standing.rule)}
        subject = _subject(dataset, standing)
        record(area=Area.REVIEW, action="rule.reverse", subject=subject, before=before, reason=reason.strip())


def answer_question(*, decision: RuleDecision, exclude: bool, reason: str) -> None:
    """Answer the question of a rule: exclude the worker and assign them no more, or let them go on."""
    _check_reason(reason)
    standing = _standing(decision)
    if standing.rule.action != Action.ASK_A_PERSON or standing.confirmed_at is not None:
        raise UserError(gettext("This decision asks no question."))
    if not exclude:
        reverse(decision=standing, reason=reason)
        return
    _confirm(decision=standing, reason=reason.strip())
    _exclude_as_decided(dataset=standing.rule.dataset)


@transaction.atomic
def _confirm(*, decision: RuleDecision, reason: str) -> None:
    dataset = decision.rule.dataset
    _wait_for_turn(dataset)
    RuleDecision.objects.filter(pk=decision.pk).update(confirmed_at=now())
    _bar(dataset, decision)
    after = {"decision": decision.pk, "rule": str(decision.rule)}
    record(area=Area.REVIEW, action="rule.confirm", subject=_subject(dataset, decision), after=after, reason=reason)


def _standing(decision: RuleDecision) -> RuleDecision:
    rows = RuleDecision.objects.filter(pk=decision.pk, lifted_at=None).select_related("rule__dataset")
    standing = rows.first()
    if standing is None:
        raise UserError(gettext("This decision was taken back already, or holds no more."))
    return standing


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise UserError(gettext("Write a reason of at most %(n)s characters.") % {"n": LONGEST_REASON})
