"""Tests of the text that a rejected worker reads: the reason, and the way and time to object."""

from datetime import UTC, datetime

import pytest

from mturk.models import Call, ListedAssignment
from mturk.rejections.actions import LONGEST_REASON, CannotReject, reject
from tests.mturk.marketplace_breakers import researcher
from tests.mturk.test_rejections import listed_assignments
from tests.required import require
from workforce.introductions.actions import introduce
from workforce.models import Introduction

pytestmark = pytest.mark.django_db
MOST_ON_THE_MARKETPLACE = 1024


def feedback_on(listed: ListedAssignment, reason: str) -> str:
    ListedAssignment.objects.filter(pk=listed.pk).update(submitted_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    rejection = reject(listed=listed, reason=reason, decided_by=researcher())
    return Call.objects.get(purpose=f"reject:{rejection.pk}").payload["RequesterFeedback"]


def test_a_rejection_names_where_and_until_when_to_object():
    listed = listed_assignments(100)
    words = feedback_on(listed[0], "Nothing was ticked.")
    assert words.startswith(
        "Nothing was ticked. If you think this is wrong, contact the requester through the marketplace"
    )
    assert "by 30 March 2026 (UTC)" in words, "within the 30 days in which it can be reversed"
    introduce(dataset=listed[0].marketplace_hit.terms.batch.dataset, fields={"contact": "lab@example.org"})
    assert "write to lab@example.org by 30 March 2026" in feedback_on(listed[1], "Nothing was ticked.")


def test_the_longest_reason_and_contact_still_fit_what_the_marketplace_takes():
    listed = listed_assignments(50)
    longest = Introduction._meta.get_field("contact").max_length
    introduce(dataset=listed[0].marketplace_hit.terms.batch.dataset, fields={"contact": "c" * require(longest)})
    assert len(feedback_on(listed[0], "x" * LONGEST_REASON)) <= MOST_ON_THE_MARKETPLACE
    with pytest.raises(CannotReject):
        reject(listed=listed[1], reason="x" * (LONGEST_REASON + 1), decided_by=researcher())
