"""Rules: whom they hit, what they do, and that a person has the last word."""

import math
from collections.abc import Iterator
from copy import deepcopy

import pytest

from aggregation.models import QualityRule, RuleDecision, WorkerMeasure
from aggregation.quality import actions as quality
from aggregation.quality.actions import (
    answer_question,
    apply_rules,
    recompute,
    recompute_changed,
    reverse,
    set_rule,
)
from aggregation.quality.kinds import DEFAULT_RULES, Action, Condition, RuleFields
from aggregation.quality.reads import questions_to_people, rules_of, standing_decisions, whom_it_hits, worker_rows
from aggregation.quality.rules import actions as rules
from audit.models import AuditEntry
from catalog.errors import UserError
from mturk.models import Rejection
from tests.aggregation.judged_study import JudgedStudy, answered_study_of_a_module, selects_all
from tests.commands import refusal, said
from tests.factories import make_dataset
from tests.required import require
from workforce.models import Bar, Exclusion, Submission
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db

FAILS_NEGATIVES = RuleFields("false_alarms", Condition.ABOVE, 0.5, 5, Action.WARN)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Have every study be a small one, however busy the machine is."""
    monkeypatch.setattr(quality, "ALWAYS_SECONDS", math.inf)


@pytest.fixture(scope="module")
def shared_study(django_db_setup, django_db_blocker) -> Iterator[JudgedStudy]:
    with answered_study_of_a_module(django_db_blocker, 5) as made_study:
        yield made_study


@pytest.fixture
def study(shared_study) -> JudgedStudy:
    """Five honest people, who answered two grids each, and one who selects everything."""
    return deepcopy(shared_study)


def only(study: JudgedStudy, action: str) -> QualityRule:
    """Switch all rules off but one with this action."""
    for rule in rules_of(study.dataset):
        set_rule(dataset=study.dataset, fields=RuleFields.of(rule), is_on=False)
    return set_rule(dataset=study.dataset, fields=FAILS_NEGATIVES._replace(action=action))


def decided(study: JudgedStudy) -> RuleDecision:
    apply_rules(dataset=study.dataset)
    return standing_decisions(study.dataset).get()


def excluded(study: JudgedStudy) -> set[int]:
    return set(Exclusion.objects.filter(lifted_at=None).values_list("submission__worker", flat=True))


def test_a_study_begins_with_rules_that_only_warn(study):
    assert {rule.action for rule in rules_of(study.dataset)} == {"warn"}
    assert len(rules_of(study.dataset)) == len(rules_of(make_dataset())) == len(DEFAULT_RULES)
    assert {decision.worker_id for decision in standing_decisions(study.dataset)} == {study.guesser.pk}
    assert not Exclusion.objects.exists() and not Bar.objects.exists()


def test_a_rule_shows_beforehand_whom_it_would_hit(study):
    stored, n_entries = RuleDecision.objects.count(), AuditEntry.objects.count()
    rule = QualityRule(dataset=study.dataset, **FAILS_NEGATIVES._replace(action="exclude")._asdict())
    assert [row.worker_id for row in whom_it_hits(rule)] == [study.guesser.pk]
    rule.threshold = 0.99
    assert whom_it_hits(rule) == []
    rule.threshold, rule.fewest = 0.5, 7
    assert whom_it_hits(rule) == []
    assert (RuleDecision.objects.count(), AuditEntry.objects.count()) == (stored, n_entries)


def test_below_and_above_mean_the_whole_interval(study):
    (guesser,) = [row for row in worker_rows(study.dataset) if row.worker_id == study.guesser.pk]
    low = require(guesser.measures["false_alarms"].low)
    fields = FAILS_NEGATIVES._asdict()
    rules_around = [QualityRule(dataset=study.dataset, **fields | {"threshold": low + by}) for by in (-0.01, 0.01)]
    above = [whom_it_hits(rule) for rule in rules_around]
    assert [len(hit) for hit in above] == [1, 0]


def test_a_warning_is_a_record_and_ends_when_it_holds_no_more(study):
    only(study, "warn")
    decision = decided(study)
    assert decision.reason.startswith("Controls that do not show the label, selected: 1 (")
    entry = AuditEntry.objects.get(action="rule.warn", after__decision=decision.pk)
    assert entry.reason == decision.reason and pseudonym(study.dataset, study.guesser.pk) in entry.subject
    study.answer(n_grids=2, worker=study.guesser)
    study.aggregate()
    recompute_changed()
    assert not standing_decisions(study.dataset).exists()
    assert not RuleDecision.objects.filter(is_reversed=True).exists()


def test_applying_rules_again_decides_nothing_twice(study):
    only(study, "exclude")
    decided(study)
    n = RuleDecision.objects.count(), Exclusion.objects.count(), AuditEntry.objects.count()
    assert apply_rules(dataset=study.dataset) == 0
    recompute(study.dataset)
    assert (RuleDecision.objects.count(), Exclusion.objects.count(), AuditEntry.objects.count()) == n


def test_assigning_no_more_leaves_the_work_as_it_is(study):
    only(study, "assign_no_more")
    decision = decided(study)
    assert Bar.objects.get(lifted_at=None).worker == study.guesser
    assert excluded(study) == set()
    reverse(decision=decision, reason="They asked, and may go on.")
    assert not Bar.objects.filter(lifted_at=None).exists()
    assert apply_rules(dataset=study.dataset) == 0 and not Bar.objects.filter(lifted_at=None).exists()


def test_an_exclusion_covers_later_answers_too_and_is_reversed_as_a_whole(study):
    only(study, "exclude")
    decision = decided(study)
    assert excluded(study) == {study.guesser.pk} and Exclusion.objects.count() == 2
    Bar.objects.update(lifted_at=decision.created_at)
    study.answer(selects_all, n_grids=1, worker=study.guesser)
    study.aggregate()
    recompute_changed()
    assert Exclusion.objects.filter(lifted_at=None, step=decision.step).count() == 3
    reverse(decision=decision, reason="The class was explained badly.")
    study.aggregate()
    recompute_changed()
    assert excluded(study) == set() and not standing_decisions(study.dataset).exists()
    assert AuditEntry.objects.get(action="rule.reverse").reason == "The class was explained badly."


def test_an_answer_that_a_person_readmitted_is_not_excluded_again(study):
    only(study, "exclude")
    decided(study)
    Exclusion.objects.filter(pk=Exclusion.objects.earliest("pk").pk).update(lifted_at="2026-01-01T00:00Z")
    apply_rules(dataset=study.dataset)
    assert Exclusion.objects.filter(lifted_at=None).count() == 1


def test_after_a_reversal_a_changed_rule_does_not_decide_about_the_worker_either(study):
    only(study, "exclude")
    reverse(decision=decided(study), reason="Known to be honest.")
    set_rule(dataset=study.dataset, fields=FAILS_NEGATIVES._replace(action="exclude", threshold=0.3))
    assert apply_rules(dataset=study.dataset) == 0
    assert excluded(study) == set()


def test_a_question_waits_for_a_person(study):
    only(study, "ask_a_person")
    decision = decided(study)
    assert list(questions_to_people(study.dataset)) == [decision]
    assert excluded(study) == set() and not Bar.objects.exists()
    answer_question(decision=decision, exclude=True, reason="Selected everything.")
    assert excluded(study) == {study.guesser.pk} and Bar.objects.filter(lifted_at=None).count() == 1
    assert not questions_to_people(study.dataset).exists()
    with pytest.raises(UserError, match="no question"):
        answer_question(decision=decision, exclude=True, reason="Again.")
    # What a person confirmed does not end by itself.
    WorkerMeasure.objects.filter(worker=study.guesser).update(low=0)
    assert apply_rules(dataset=study.dataset) == 0
    assert standing_decisions(study.dataset).get() == decision
    reverse(decision=decision, reason="A mistake.")
    assert excluded(study) == set()


def test_a_question_can_be_answered_with_no(study):
    only(study, "ask_a_person")
    answer_question(decision=decided(study), exclude=False, reason="They are honest.")
    assert apply_rules(dataset=study.dataset) == 0 and excluded(study) == set()


@pytest.mark.parametrize("action", ["warn", "assign_no_more", "exclude", "ask_a_person"])
def test_no_rule_touches_pay(study, action):
    states = set(Submission.objects.values_list("pk", "state", "slot"))
    only(study, action)
    decided(study)
    assert set(Submission.objects.values_list("pk", "state", "slot")) == states
    assert not Rejection.objects.exists()


def test_a_killed_application_is_finished_by_the_next(study, monkeypatch):
    only(study, "exclude")

    def killed(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(rules, "_exclude_as_decided", killed)
        apply_rules(dataset=study.dataset)
    assert excluded(study) == set()
    apply_rules(dataset=study.dataset)
    assert excluded(study) == {study.guesser.pk}


def test_a_decision_keeps_the_rule_as_it_was(study):
    only(study, "exclude")
    decision = decided(study)
    set_rule(dataset=study.dataset, fields=FAILS_NEGATIVES._replace(action="exclude", threshold=0.4))
    decision.refresh_from_db()
    assert decision.rule.threshold == 0.5 and decision.rule.replaced_at is not None
    assert apply_rules(dataset=study.dataset) == 0
    entry = AuditEntry.objects.filter(action="rule.change").latest("pk")
    assert (require(entry.before)["threshold"], require(entry.after)["threshold"]) == (0.5, 0.4)


def test_the_same_rule_again_is_no_change(study):
    first = only(study, "exclude")
    n = QualityRule.objects.count()
    assert set_rule(dataset=study.dataset, fields=RuleFields.of(first)) == first
    assert QualityRule.objects.count() == n


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measure": "charm"}, "measure is “charm”"),
        ({"condition": "near"}, "condition is “near”"),
        ({"action": "reject"}, "action is “reject”"),
        ({"threshold": float("nan")}, "must be a number"),
        ({"condition": "flagged", "threshold": 0.5}, "false-alarm probability"),
        ({"fewest": 0}, "fewest observations"),
    ],
)
def test_what_makes_no_rule_is_refused(changed, message):
    with pytest.raises(UserError, match=message):
        set_rule(dataset=make_dataset(), fields=FAILS_NEGATIVES._replace(**changed))


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_a_reversal_needs_a_reason(study, reason):
    with pytest.raises(UserError, match="reason"):
        reverse(decision=standing_decisions(study.dataset)[0], reason=reason)


def test_a_decision_is_reversed_once(study):
    decision = standing_decisions(study.dataset)[0]
    reverse(decision=decision, reason="Honest.")
    with pytest.raises(UserError, match="taken back already"):
        reverse(decision=decision, reason="Honest.")


# The commands


def test_the_command_prints_the_workers_and_their_flags(study):
    text, _ = said("measure", "--dataset", study.dataset.name, "--again")
    lines = text.splitlines()
    assert len(lines) == 8 and lines[-1].startswith("6 controls, of which 0 are switched off.")
    (line,) = [line for line in lines if line.startswith(pseudonym(study.dataset, study.guesser.pk))]
    assert "false_alarms" in line and line.split()[1:4] == ["2", "1.000", "1.000"]


def test_the_command_sets_rules_and_reverses_decisions(study):
    name, worker = study.dataset.name, pseudonym(study.dataset, study.guesser.pk)
    rule = ["--set", "false_alarms", "above", "0.5", "5", "exclude"]
    preview, _ = said("rules", "--dataset", name, *rule, "--preview")
    assert preview == f"rule -: false_alarms above 0.5: exclude, from 5 observations: {worker}\n"
    assert not QualityRule.objects.filter(action="exclude").exists()
    said("rules", "--dataset", name, *rule)
    recompute(study.dataset)
    decision = standing_decisions(study.dataset).get(rule__action="exclude")
    assert f"decision {decision.pk}: exclude {worker}: " in said("rules", "--dataset", name)[0]
    assert "reason" in refusal("rules", "--dataset", name, "--reverse", decision.pk)
    said("rules", "--dataset", name, "--reverse", decision.pk, "--reason", "Honest.")
    assert excluded(study) == set()
    text, _ = said("rules", "--dataset", name, "--off", decision.rule_id)
    assert "exclude, from 5 observations (off)" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "recall", "below", "half", "5", "warn"], "must be a number"),
        (["--off", "999999"], "no rule 999999"),
        (["--reverse", "999999", "--reason", "x"], "no decision 999999"),
    ],
)
def test_the_command_refuses_with_the_reason(words, message):
    assert message in refusal("rules", "--dataset", make_dataset().name, *words)


def test_the_command_confirms_what_a_rule_asks(study):
    only(study, "ask_a_person")
    said("rules", "--dataset", study.dataset.name, "--confirm", decided(study).pk, "--reason", "Yes.")
    assert excluded(study) == {study.guesser.pk}
