"""The same press in several requests at once, and decisions of several people at once, on a real Postgres."""

import pytest

from review_task.consensus.actions import SettledMeanwhile, settle
from review_task.consensus.reads import Decision
from review_task.models import ConsensusVerdict, Press, Verdict
from review_task.presses.actions import store_press
from review_task.reads import page_content
from tests.review_task.panels import items_of, review_of
from tests.review_task.presses.reviewing import Class, verdict_press
from tests.threads import in_threads
from workforce.models import Submission

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_log_of_presses_that_is_sent_four_times_at_once_is_stored_once():
    here = Class(n_reviewers=2)
    user, others = here.member(), here.items[1:]
    log = [verdict_press(here.items[0], verdict) for verdict in ("correct", "wrong", "unclear")]
    log += [verdict_press(item, "correct") for item in others]

    def send(number: int) -> list[str]:
        return [store_press(page=here.page, user=user, press=press).verdict for press in log]

    answers = in_threads(4, send)
    assert {answer[-1] for answer in answers} == {"correct"}
    assert list(Verdict.objects.filter(item=here.items[0]).order_by("pk").values_list("verdict", flat=True)) == [
        *("correct", "wrong", "unclear")
    ]
    assert Press.objects.count() == len(log) and Submission.objects.filter(hit=here.page.hit).count() == 1
    assert [row.verdict for row in page_content(here.page, user).items] == ["unclear", *["correct"] * len(others)]


def test_of_decisions_at_once_one_stands_and_the_others_are_told():
    review, reviewers = review_of(["c", "w", "u"])
    (item,) = items_of(review)

    def decide(number: int) -> bool:
        verdict = ("correct", "wrong", "unclear")[number]
        try:
            settle(item=item, user=reviewers[number], decision=Decision(verdict), last=None)
        except SettledMeanwhile:
            return False
        return True

    assert sum(in_threads(3, decide)) == 1
    assert ConsensusVerdict.objects.get().is_last
