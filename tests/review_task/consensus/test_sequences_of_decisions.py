"""Long discussions of reviewers, a researcher and a stranger, compared with a plain model of what is in dispute."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User

from access.models import Role
from review_task.actions import give_verdict
from review_task.consensus.actions import NotInConsensus, NotSettled, SettledMeanwhile, add_comment, reopen, settle
from review_task.consensus.discussions.reads import discussion_of
from review_task.consensus.reads import Decision, next_dispute, queue_of, tally_for
from review_task.models import Comment, ConsensusVerdict, Item, Verdict
from tests.chance import seeds
from tests.factories import make_member
from tests.required import require
from tests.review_task.panels import items_of, review_of

pytestmark = pytest.mark.django_db
Expected = type[Exception] | None


@dataclass
class PlainItem:
    """An item as a plain model sees it. `decisions` are verdicts; `n_changed` verdicts came since the last one."""

    said: dict[int, str] = field(default_factory=dict)
    decisions: list[str] = field(default_factory=list)
    n_comments: int = 0
    n_changed: int = 0

    @property
    def settled(self) -> str:
        return self.decisions[-1] if self.decisions and self.decisions[-1] != "unreviewed" else ""

    def is_complete(self, n_reviewers: int) -> bool:
        return sum(verdict != "unreviewed" for verdict in self.said.values()) >= n_reviewers

    @property
    def standing(self) -> str | None:
        """Of an item of a page that is complete."""
        if self.settled:
            return "settled"
        if len({verdict for verdict in self.said.values() if verdict != "dontknow"}) != 1:
            return "open"
        return "agreed" if self.n_comments or self.decisions else None


class PlainPage:
    """The items of a page in a plain model, and what each act on them should come to."""

    def __init__(self, n_items: int, n_reviewers: int) -> None:
        self.items, self.n_reviewers = [PlainItem() for _ in range(n_items)], n_reviewers

    @property
    def queue(self) -> list[tuple[int, str, bool]]:
        if not all(item.is_complete(self.n_reviewers) for item in self.items):
            return []
        return [
            (number, item.standing, bool(item.settled and item.n_changed))
            for number, item in enumerate(self.items)
            if item.standing
        ]

    def is_discussed(self, number: int) -> bool:
        return number in [position for position, *_ in self.queue]

    def say(self, number: int, user: int, verdict: str) -> None:
        item = self.items[number]
        item.n_changed += item.said.get(user) != verdict
        item.said[user] = verdict

    def comment(self, number: int, is_reader: bool) -> Expected:
        if not (is_reader and self.is_discussed(number)):
            return NotInConsensus
        self.items[number].n_comments += 1
        return None

    def settle(self, number: int, is_reader: bool, verdict: str, is_last: bool) -> Expected:
        item = self.items[number]
        if not (is_reader and self.is_discussed(number)):
            return NotInConsensus
        if item.decisions and item.decisions[-1] == verdict:
            return None
        return self._decide(item, verdict, is_last)

    def reopen(self, number: int, is_reader: bool, is_last: bool) -> Expected:
        item = self.items[number]
        if not (is_reader and self.is_discussed(number)):
            return NotInConsensus
        return self._decide(item, "unreviewed", is_last) if item.settled else NotSettled

    def _decide(self, item: PlainItem, verdict: str, is_last: bool) -> Expected:
        if item.decisions and not is_last:
            return SettledMeanwhile
        item.decisions.append(verdict)
        item.n_changed = 0
        return None


def outcome_of(act: Callable[[], object]) -> Expected:
    try:
        act()
    except (NotInConsensus, NotSettled, SettledMeanwhile) as error:
        assert error.for_page
        return type(error)
    return None


def queue_seen(review, user: User) -> list[tuple[int, str, bool]]:
    return [(tally.position, str(tally.standing), tally.has_changed) for tally in queue_of(review, user)]


@pytest.mark.parametrize("seed", seeds(6))
def test_a_discussion_comes_to_what_a_plain_model_says(seed):
    chance = random.Random(seed)
    n_reviewers = 2 + seed % 2
    review, reviewers = review_of(["   "] * n_reviewers)
    items, model = items_of(review), PlainPage(3, n_reviewers)
    researcher, stranger = (make_member(review.batch.dataset, role) for role in (Role.RESEARCHER, Role.REVIEWER))
    for user in reviewers:
        for number, item in enumerate(items):
            said = chance.choice(["correct", "wrong"])
            give_verdict(page=item.page, user=user, item=item, verdict=said)
            model.say(number, user.pk, said)
    for _ in range(35):
        number, user = chance.randrange(3), chance.choice([*reviewers, researcher, stranger])
        step(chance, model, number, items[number], user, is_reader=user != stranger, may_judge=user in reviewers)
        for reader in (*reviewers, researcher):
            assert queue_seen(review, reader) == model.queue
        assert queue_seen(review, stranger) == []
        first = next((position for position, standing, _ in model.queue if standing == "open"), None)
        chosen = next_dispute(review, chance.choice(reviewers))
        assert (chosen and chosen.position) == first and next_dispute(review, stranger) is None
    assert_rows(items, model)


def step(
    chance: random.Random, model: PlainPage, number: int, item: Item, user: User, *, is_reader: bool, may_judge: bool
) -> None:
    """Let a person do something by chance, in both worlds."""
    last = ConsensusVerdict.objects.filter(item=item, is_last=True).values_list("pk", flat=True).first()
    is_last = chance.random() < 0.8
    seen = last if is_last else None
    act = chance.choice(["say", "say", "settle", "settle", "reopen", "comment"])
    verdict = chance.choice(["correct", "wrong", "unclear"])
    if act == "say" and may_judge:
        verdict = chance.choice([verdict, verdict, "dontknow", "unreviewed"])
        give_verdict(page=item.page, user=user, item=item, verdict=verdict)
        model.say(number, user.pk, verdict)
    elif act == "settle":
        result = outcome_of(lambda: settle(item=item, user=user, decision=Decision(verdict), last=seen))
        assert result == model.settle(number, is_reader, verdict, is_last)
    elif act == "reopen":
        assert outcome_of(lambda: reopen(item=item, user=user, last=seen)) == model.reopen(number, is_reader, is_last)
    elif act == "comment":
        result = outcome_of(lambda: add_comment(item=item, user=user, words="Look."))
        assert result == model.comment(number, is_reader)


def assert_rows(items: list[Item], model: PlainPage) -> None:
    """Decisions are added and none is changed; the last one is marked."""
    for item, plain in zip(items, model.items, strict=True):
        rows = list(ConsensusVerdict.objects.filter(item=item).order_by("pk").values_list("verdict", "is_last"))
        n_rows = len(plain.decisions)
        assert rows == [(verdict, number == n_rows - 1) for number, verdict in enumerate(plain.decisions)]
        assert Comment.objects.filter(item=item).count() == plain.n_comments


@pytest.mark.parametrize("seed", seeds(4))
def test_everybody_reads_the_same_discussion_under_letters_of_its_own_page(seed):
    chance, n = random.Random(seed), 4
    said = ["".join(chance.choice("cwu") for _ in range(3)) for _ in range(n)]
    said[0], said[1] = "ccc", "www"
    review, reviewers = review_of(said)
    for item in items_of(review):
        for user in reviewers:
            add_comment(item=item, user=user, words=f"“{user.pk}”")
        for reader in reviewers:
            shown = discussion_of(item, require(tally_for(item, reader)), reader)
            verdicts = {opinion.name: opinion.decision.verdict for opinion in shown.opinions}
            assert sorted(verdicts) == ["A", "B", "C", "D"]
            author_of = {remark.words: remark.name for remark in shown.comments}
            assert len(set(author_of.values())) == n
            for user in reviewers:
                row = Verdict.objects.get(item=item, counted=True, worker__identity__external_id=str(user.pk))
                assert verdicts[author_of[f"“{user.pk}”"]] == row.verdict, "a letter is one person throughout"
            (theirs,) = [opinion for opinion in shown.opinions if opinion.is_reader]
            assert theirs.name == author_of[f"“{reader.pk}”"]
