"""The pages of rules: preview, switch, questions, and undo."""

import pytest

from aggregation.models import QualityRule, RuleDecision
from aggregation.quality.actions import apply_rules
from tests.dashboard.workers.studies_of_workers import SmallStudy
from tests.factories import make_worker, staff_client
from workforce.models import Bar, Exclusion
from workforce.reads import pseudonym

pytestmark = pytest.mark.django_db

RULE = {"measure": "recall", "condition": "below", "threshold": "0.9", "fewest": "5"}


@pytest.fixture
def client():
    return staff_client()


@pytest.fixture
def study() -> SmallStudy:
    study = SmallStudy()
    submission = study.answer([0])
    for worker, high in ((submission.worker, 0.5), (make_worker(), 1.0)):
        study.measure(worker, "answers", None, n=4)
        study.measure(worker, "recall", high / 2, high=high)
    study.bad = submission.worker
    return study


def words_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_a_rule_shows_whom_it_hits_before_it_is_switched_on(client, study):
    place = f"/setup/rule/{study.dataset.name}/"
    response = client.get(place, RULE | {"action": "exclude"})
    assert [row.worker_id for row in response.context["hits"]] == [study.bad.pk]
    assert "Hits 1 worker now" in words_of(response) and "Switch rule on" in words_of(response)
    assert not QualityRule.objects.exists(), "a preview stores nothing"
    assert client.post(place, RULE | {"action": "exclude", "do": "on"}).status_code == 302
    rule = QualityRule.objects.get(action="exclude", replaced_at=None)
    assert (rule.threshold, rule.fewest, rule.is_on) == (0.9, 5, True)
    assert "Switch rule off" in words_of(client.get(place, RULE | {"action": "exclude"}))
    client.post(place, RULE | {"action": "exclude", "do": "off"})
    assert not QualityRule.objects.get(action="exclude", replaced_at=None).is_on


@pytest.mark.parametrize(
    "odd",
    [{"threshold": "nan"}, {"fewest": "0"}, {"measure": "x"}, {"condition": "flagged", "threshold": "0.5"}],
    ids=str,
)
def test_odd_rules_are_refused(client, study, odd):
    place = f"/setup/rule/{study.dataset.name}/"
    assert client.post(place, RULE | {"action": "warn", "do": "on"} | odd).status_code == 422
    assert not QualityRule.objects.filter(threshold=0.9).exists()


def test_a_decision_is_listed_and_reversed_with_a_reason(client, study):
    client.post(f"/setup/rule/{study.dataset.name}/", RULE | {"action": "exclude", "do": "on"})
    apply_rules(dataset=study.dataset)
    assert Exclusion.objects.filter(lifted_at=None).count() == 1
    page = words_of(client.get(f"/setup/rules/{study.dataset.name}/"))
    decision = RuleDecision.objects.get(rule__action="exclude")
    assert pseudonym(study.dataset, study.bad.pk) in page and f"/setup/rule-decision/{decision.pk}/reverse/" in page
    place = f"/setup/rule-decision/{decision.pk}/reverse/"
    assert client.post(place, {"reason": ""}).status_code == 422
    client.post(place, {"reason": "They worked well."})
    assert not Exclusion.objects.filter(lifted_at=None).exists() and not Bar.objects.filter(lifted_at=None).exists()
    assert client.post(place, {"reason": "Again."}).status_code == 422


@pytest.mark.parametrize(("act", "n_excluded"), [("confirm", 1), ("dismiss", 0)])
def test_a_question_of_a_rule_is_answered_by_a_person(client, study, act, n_excluded):
    client.post(f"/setup/rule/{study.dataset.name}/", RULE | {"action": "ask_a_person", "do": "on"})
    apply_rules(dataset=study.dataset)
    assert "Rules ask you" in words_of(client.get(f"/setup/rules/{study.dataset.name}/"))
    decision = RuleDecision.objects.get(rule__action="ask_a_person")
    client.post(f"/setup/rule-decision/{decision.pk}/{act}/", {"reason": "Looked at all of it."})
    assert Exclusion.objects.filter(lifted_at=None).count() == n_excluded
    assert "Rules ask you" not in words_of(client.get(f"/setup/rules/{study.dataset.name}/"))


def test_the_page_of_a_worker_has_their_measures_and_flags(client, study):
    apply_rules(dataset=study.dataset)
    page = words_of(client.get(f"/setup/worker/{pseudonym(study.dataset, study.bad.pk)}/{study.dataset.name}/"))
    assert "Controls that show the label, selected" in page and "0.25" in page and "Not measured yet" not in page
    assert "Flagged" in words_of(client.get(f"/setup/workers/{study.dataset.name}/"))
