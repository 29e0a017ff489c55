"""Five simulated reviewers of known skill in a real review: their label sets, before and after consensus."""

import numpy as np
import pytest

from benchmarks.reviewers import REVIEWERS, standard_errors
from numerics.reviewers import PUBLISHED_PRIOR, count_verdicts, draw_verdicts, expected_set_error, wrong_sets
from numerics.verdicts import (
    CORRECT,
    DISPUTED,
    STATES,
    UNCLEAR,
    UNREVIEWED,
    VERDICTS,
    expected_error,
    final_states,
    settle_by_plurality,
)
from review_task.actions import give_verdicts, open_review, take_part
from review_task.consensus.actions import settle
from review_task.consensus.reads import Decision, queue_of
from review_task.models import Item
from review_task.progress.reads import states_of
from tests.factories import make_dataset, make_images
from tests.review_task.blind.studies import make_reviewers

pytestmark = pytest.mark.django_db

N_IMAGES, N_LABELS = 40, 4


class TestFiveReviewers:
    def review(self):
        dataset = make_dataset(n_labels=N_LABELS)
        names = [image.name for image in make_images(dataset, N_IMAGES)]
        said = [(name, label, 1) for name in names for label in range(N_LABELS)]
        self.opened = open_review(dataset=dataset, title="simulated", n_reviewers=5, predictions=said)
        self.page = self.opened.pages.get()
        self.items = list(Item.objects.filter(page=self.page).order_by("pk"))
        self.users = make_reviewers(dataset, 5)
        random = np.random.default_rng(20)
        self.truth = random.choice(3, len(self.items), p=PUBLISHED_PRIOR)
        self.verdicts = draw_verdicts(self.truth, REVIEWERS, random)
        for user, said_by in zip(self.users, self.verdicts.T, strict=True):
            take_part(page=self.page, user=user)
            words = [VERDICTS[verdict] for verdict in said_by]
            values = {item.public_id: value for item, value in zip(self.items, words, strict=True)}
            give_verdicts(page=self.page, user=user, verdicts=values)

    def states(self):
        table = states_of(self.opened)
        assert table.item_id.tolist() == [item.pk for item in self.items]
        return final_states(table.counts, table.settled, 5)

    def settle_by_plurality(self):
        """The reviewers settle what they dispute as most of them said; who says it takes turns."""
        items = {item.pk: item for item in self.items}
        for n, tally in enumerate(queue_of(self.opened, self.users[0])):
            verdict = STATES[settle_by_plurality(np.array([tally.counts]))[0]]
            settle(item=items[tally.item_id], user=self.users[n % 5], decision=Decision(verdict), last=None)

    def test_their_label_sets_are_as_wrong_as_their_skills_say_and_consensus_mends_most(self):
        self.review()
        counts = count_verdicts(self.verdicts)
        disputed = self.states()
        assert disputed.tolist() == final_states(counts, np.full(len(counts), UNREVIEWED), 5).tolist()
        before = np.where(disputed == DISPUTED, UNCLEAR, disputed)
        self.settle_by_plurality()
        after = self.states()
        assert set(after) <= {0, 1, 2}
        expected, n = expected_error(REVIEWERS, PUBLISHED_PRIOR), len(self.items)
        assert abs(standard_errors((before != self.truth).mean(), expected.before, n)) < 3.3
        assert abs((after != self.truth).sum() - n * expected.after) < 3
        assert (after != self.truth).sum() < (before != self.truth).sum() / 10
        image = np.repeat(np.arange(N_IMAGES), N_LABELS)
        sets = [wrong_sets(states == CORRECT, self.truth, image) for states in (before, after)]
        due = expected_set_error(expected.correct_before, np.full(N_IMAGES, N_LABELS))
        assert abs(standard_errors(sets[0], due, N_IMAGES)) < 3.3
        assert sets[1] <= 2 / N_IMAGES < sets[0]
