"""A slow plain model of a review with several reviewers, to compare with the tables after every action."""

from collections import defaultdict
from random import Random

from django.contrib.auth.models import User

from review_task.actions import give_verdict, give_verdicts, take_back, take_part
from review_task.errors import NoSeat
from review_task.models import ClassPage, Item, Review, VerdictValue
from workforce.actions import exclude_submission, readmit_submission
from workforce.kinds import kind_named
from workforce.votes.actions import settle_votes

UNREVIEWED = VerdictValue.UNREVIEWED.value
VALUES = [*VerdictValue.values]


class PlainReview:
    """The words of people as lists: a verdict that repeats the last one is none, and taking back pops one."""

    def __init__(self, review: Review, people: list[User], seed: int) -> None:
        self.review, self.people, self.chance = review, people, Random(seed)
        self.pages = list(review.pages.select_related("hit", "review__batch__dataset").order_by("number"))
        self.items = {page: list(page.items.order_by("position")) for page in self.pages}
        self.seats: dict[ClassPage, list[User]] = defaultdict(list)
        self.stack: dict[tuple[User, Item], list[str]] = defaultdict(list)
        self.n_rows = 0
        self.excluded: set[tuple[ClassPage, User]] = set()

    def act(self) -> None:
        """Do something at random, here and on the site, and expect the same outcome."""
        page, user = self.chance.choice(self.pages), self.chance.choice(self.people)
        if user not in self.seats[page] and len(self.seats[page]) == self.review.n_reviewers:
            return self._refuse(page, user)
        act = self.chance.choice(
            (self._judge, self._judge, self._judge, self._take_back, self._send_all, self._exclude)
        )
        act(page, user)
        if user not in self.seats[page] and act != self._exclude:
            self.seats[page].append(user)
        return None

    def verdict(self, user: User, item: Item) -> str:
        """The verdict that stands."""
        stack = self.stack[user, item]
        return stack[-1] if stack else UNREVIEWED

    def counts(self, item: Item, page: ClassPage) -> list[int]:
        said = [self.verdict(user, item) for user in self.seats[page] if (page, user) not in self.excluded]
        return [said.count(value) for value in VALUES[:4]]

    def n_done(self, page: ClassPage, user: User) -> int:
        if (page, user) in self.excluded:
            return 0
        return sum(self.verdict(user, item) != UNREVIEWED for item in self.items[page])

    def _refuse(self, page: ClassPage, user: User) -> None:
        item = self.chance.choice(self.items[page])
        for attempt in (
            lambda: take_part(page=page, user=user),
            lambda: give_verdict(page=page, user=user, item=item, verdict="correct"),
            lambda: take_back(page=page, user=user, item=item),
            lambda: give_verdicts(page=page, user=user, verdicts={item.public_id: "wrong"}),
        ):
            try:
                attempt()
            except NoSeat:
                continue
            raise AssertionError("there is no seat for them")

    def _judge(self, page: ClassPage, user: User) -> None:
        item, value = self.chance.choice(self.items[page]), self.chance.choice(VALUES)
        self._push(user, item, value, is_new=value != self.verdict(user, item) or not self._rows(user, item))
        assert give_verdict(page=page, user=user, item=item, verdict=value).verdict == value

    def _take_back(self, page: ClassPage, user: User) -> None:
        item = self.chance.choice(self.items[page])
        stack = self.stack[user, item]
        row = take_back(page=page, user=user, item=item)
        assert (row is None) == (not stack)
        if row is not None:
            stack.pop()
            self.n_rows += 1
            assert row.verdict == self.verdict(user, item)

    def _send_all(self, page: ClassPage, user: User) -> None:
        chosen = {item: self.chance.choice(VALUES) for item in self.items[page]}
        new = {item: value for item, value in chosen.items() if value != self.verdict(user, item)}
        for item, value in new.items():
            self._push(user, item, value, is_new=True)
        sent = {item.public_id: value for item, value in chosen.items()}
        assert give_verdicts(page=page, user=user, verdicts=sent) == len(new)

    def _exclude(self, page: ClassPage, user: User) -> None:
        """Exclude or readmit somebody who takes part, as the aggregation then settles it."""
        if user not in self.seats[page]:
            return
        submission = take_part(page=page, user=user)
        if (page, user) in self.excluded:
            self.excluded.remove((page, user))
            readmit_submission(submission=submission)
        else:
            self.excluded.add((page, user))
            exclude_submission(submission=submission, reason="a test")
        settle_votes(kind=kind_named("review"), submission_ids=[submission.pk])

    def _push(self, user: User, item: Item, value: str, *, is_new: bool) -> None:
        if is_new:
            self.stack[user, item].append(value)
            self.n_rows += 1

    def _rows(self, user: User, item: Item) -> bool:
        return item.verdicts.filter(worker__identity__external_id=str(user.pk)).exists()
