"""Long sequences of presses of several people on several devices, compared with a plain model of what stands."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from catalog.reads import now
from review_task.models import Item, Press, Verdict, VerdictValue
from review_task.presses.actions import Outcome, store_press
from review_task.presses.reads import ReviewerPress
from review_task.reads import page_content
from tests.chance import seeds
from tests.review_task.presses.reviewing import Class, verdict_press
from workforce.models import Slot, Submission

pytestmark = pytest.mark.django_db
DEVICES = ("laptop", "phone", "desktop")


@dataclass
class PlainReviewer:
    """A reviewer in a plain model: the verdicts by item, and the presses that were stored, with their times."""

    clock: float = 0
    said: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    keys: set[str] = field(default_factory=set)
    pressed: list[tuple[str, str, float]] = field(default_factory=list)

    def standing(self, item: str) -> str:
        return self.said[item][-1] if self.said[item] else "unreviewed"

    def store(self, press: ReviewerPress) -> Outcome:
        minutes = press.age.total_seconds() / 60
        if press.key in self.keys:
            return Outcome(self.standing(press.item), is_late=False)
        self.keys.add(press.key)
        since = [
            True
            for item, device, moment in self.pressed
            if item == press.item and device != press.device and moment > self.clock - minutes + 1 / 6
        ]
        if minutes >= 1 and since:
            return Outcome(self.standing(press.item), is_late=True)
        self.pressed.append((press.item, press.device, self.clock))
        if not self.said[press.item] or self.said[press.item][-1] != press.verdict:
            self.said[press.item].append(press.verdict)
        return Outcome(press.verdict)

    def wait(self, minutes: float) -> None:
        self.clock += minutes


def pass_minutes(minutes: float) -> None:
    """Let time pass: all that is stored was stored so much earlier."""
    for press in Press.objects.all():
        Press.objects.filter(pk=press.pk).update(created_at=press.created_at - timedelta(minutes=minutes))


@pytest.mark.parametrize("seed", seeds(6))
def test_a_sequence_of_presses_comes_to_what_a_plain_model_says(seed):
    chance, here = random.Random(seed), Class(n_reviewers=2, n_images=1)
    people = [here.member() for _ in range(2)]
    models: dict[int, PlainReviewer] = {user.pk: PlainReviewer() for user in people}
    sent: dict[int, list[ReviewerPress]] = {user.pk: [] for user in people}
    for _ in range(40):
        user, model = (chosen := chance.choice(people)), models[chosen.pk]
        if chance.random() < 0.2:
            minutes = chance.choice([0.5, 3, 30])
            pass_minutes(minutes)
            for each in models.values():
                each.wait(minutes)
        if sent[user.pk] and chance.random() < 0.2:
            press = chance.choice(sent[user.pk])
        else:
            press = verdict_press(
                chance.choice(here.items),
                chance.choice(VerdictValue.values),
                device=chance.choice(DEVICES),
                minutes=chance.choice([0, 0, 0, 0.25, 2, 20, 600]),
            )
            sent[user.pk].append(press)
        assert store_press(page=here.page, user=user, press=press) == model.store(press)
        assert_stands(here, people, models)


def assert_stands(here: Class, people: list[User], models: dict[int, PlainReviewer]) -> None:
    for user in people:
        rows = page_content(here.page, user).items
        assert [row.verdict for row in rows] == [models[user.pk].standing(row.public_id) for row in rows]


@pytest.mark.parametrize("seed", seeds(3))
def test_every_row_stays_and_the_last_of_a_reviewer_on_an_item_counts(seed):
    chance, here = random.Random(seed), Class(n_reviewers=3)
    people = [here.member() for _ in range(3)]
    said: dict[tuple[int, int], list[str]] = defaultdict(list)
    for _ in range(50):
        user, item, verdict = chance.choice(people), chance.choice(here.items), chance.choice(VerdictValue.values)
        store_press(page=here.page, user=user, press=verdict_press(item, verdict))
        if said[user.pk, item.pk][-1:] != [verdict]:
            said[user.pk, item.pk].append(verdict)
    for (account, item_id), verdicts in said.items():
        rows = Verdict.objects.filter(item=item_id, worker__identity__external_id=str(account)).order_by("pk")
        assert [row.verdict for row in rows] == verdicts
        assert [row.counted for row in rows] == [False] * (len(verdicts) - 1) + [True]
    assert Press.objects.count() == 50 and Submission.objects.filter(hit=here.page.hit).count() == 3


@pytest.mark.parametrize("seed", seeds(3))
def test_a_log_that_is_sent_again_in_pieces_changes_nothing(seed):
    """An outbox that lost its answers sends what it has again, from the beginning, and again after that."""
    chance, here = random.Random(seed), Class()
    user = here.member()
    log = [verdict_press(chance.choice(here.items), chance.choice(VerdictValue.values)) for _ in range(20)]
    for press in log:
        store_press(page=here.page, user=user, press=press)
    rows, standing = (
        list(Verdict.objects.order_by("pk").values()),
        [row.verdict for row in page_content(here.page, user).items],
    )
    verdict_of = dict(zip([row.public_id for row in here.items], standing, strict=True))
    for _ in range(2):
        begin = chance.randrange(len(log))
        for press in log[begin:]:
            assert store_press(page=here.page, user=user, press=press) == Outcome(verdict_of[press.item])
    assert list(Verdict.objects.order_by("pk").values()) == rows and Press.objects.count() == len(log)


def test_the_same_key_of_two_reviewers_is_two_presses():
    here = Class(n_reviewers=2)
    press = verdict_press(here.items[0], "correct", key="laptop.1")
    for user in (here.member(), here.member()):
        assert store_press(page=here.page, user=user, press=press) == Outcome("correct")
    assert Press.objects.filter(key="laptop.1").count() == 2 == Verdict.objects.filter(item=here.items[0]).count()


def test_the_same_key_on_two_pages_is_two_presses():
    first = Class()
    second, user = Class(dataset=first.dataset), first.member()
    for here in (first, second):
        store_press(page=here.page, user=user, press=verdict_press(here.items[0], "wrong", key="laptop.1"))
    assert Press.objects.count() == Verdict.objects.count() == 2


@pytest.mark.parametrize(
    ("minutes", "seconds_before", "is_late"),
    [(0.99, 0, False), (1, 0, True), (10, 9 * 60, True), (10, 595, False), (10, 660, False), (130_000, 10**6, True)],
)
def test_a_press_is_late_if_another_device_said_something_since(minutes, seconds_before, is_late):
    here = Class()
    user, (item, *_) = here.member(), here.items
    store_press(page=here.page, user=user, press=verdict_press(item, "wrong", device="phone"))
    Press.objects.update(created_at=now() - timedelta(seconds=seconds_before))
    outcome = store_press(page=here.page, user=user, press=verdict_press(item, "correct", minutes=minutes))
    assert outcome == (Outcome("wrong", is_late=True) if is_late else Outcome("correct"))


def test_what_came_too_late_makes_nothing_else_late():
    here = Class()
    user, (item, *_) = here.member(), here.items
    for device, verdict, minutes in (("phone", "wrong", 0), ("laptop", "correct", 5)):
        store_press(page=here.page, user=user, press=verdict_press(item, verdict, device=device, minutes=minutes))
    assert list(Press.objects.order_by("pk").values_list("item", flat=True)) == [item.pk, None]
    press = verdict_press(item, "unclear", device="phone", minutes=4)
    assert store_press(page=here.page, user=user, press=press) == Outcome("unclear"), "the phone said its own before"


def test_other_items_and_other_people_make_no_press_late():
    here = Class(n_reviewers=2)
    ann, ben, (first, second, *_) = here.member(), here.member(), here.items
    store_press(page=here.page, user=ann, press=verdict_press(second, "wrong", device="phone"))
    store_press(page=here.page, user=ben, press=verdict_press(first, "wrong", device="phone"))
    assert not store_press(page=here.page, user=ann, press=verdict_press(first, "correct", minutes=60)).is_late


def test_many_presses_take_one_seat():
    here = Class(n_reviewers=3)
    user = here.member()
    for item in here.items * 3:
        store_press(page=here.page, user=user, press=verdict_press(item, "correct"))
    assert Slot.objects.filter(hit=here.page.hit, state=Slot.State.FREE).count() == 2
    assert Item.objects.filter(verdicts__counted=True).count() == len(here.items) == Verdict.objects.count()
