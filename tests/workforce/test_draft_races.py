"""A draft and the submission of its task at the same moment, on a real Postgres."""

from functools import partial

import pytest

from tests.factories import make_hits, make_lease
from tests.threads import PATIENCE_SECONDS, started, waits, while_another_has_done
from workforce.actions import submit
from workforce.drafts.actions import save_draft
from workforce.models import Draft, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_draft_that_comes_during_the_submission_is_dropped():
    lease = make_lease(make_hits(1, 1)[0].batch)
    save_draft(lease=lease, base=0, content="{}")
    with (
        while_another_has_done(
            partial(submit, lease=lease, answer={"selected": []}, idempotency_key="k")
        ) as submission,
        started(partial(save_draft, lease=lease, base=1, content="{}")) as late,
    ):
        assert waits(late)
        submission.end(commit=True)
        assert late.result(PATIENCE_SECONDS) is None
    assert (Draft.objects.count(), Submission.objects.count()) == (0, 1)
