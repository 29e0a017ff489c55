"""The list of kinds of task: what it names, and what is asked of it."""

import pytest

from classify_task.kind import CLASSIFY
from contains_task.kind import CONTAINS
from review_task.kind import REVIEW
from tests.factories import make_batch
from tests.made_up_task.kind import COUNT
from workforce.kinds import NotOffered, UnknownKind, kind_named, offer_of, task_kinds
from workforce.templatetags.task_kinds import kind_title

MADE_UP = "tests.made_up_task.kind.COUNT"


def test_the_setting_lists_the_kinds_in_its_order(settings):
    assert task_kinds() == (CONTAINS, CLASSIFY, REVIEW)
    settings.TASK_KINDS = [MADE_UP, *settings.TASK_KINDS]
    assert task_kinds() == (COUNT, CONTAINS, CLASSIFY, REVIEW)
    assert kind_named("count") is COUNT


def test_an_unknown_kind_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownKind, match="no kind of task “count”. TASK_KINDS lists: contains, classify"):
        kind_named("count")


def test_two_records_of_one_name_are_refused(settings):
    settings.TASK_KINDS = [MADE_UP, MADE_UP]
    with pytest.raises(ValueError, match="the same name"):
        task_kinds()


@pytest.mark.django_db
def test_a_batch_is_opened_of_listed_kinds_only(settings):
    with pytest.raises(UnknownKind, match="count"):
        make_batch(kind="count")
    settings.TASK_KINDS = [*settings.TASK_KINDS, MADE_UP]
    batch = make_batch(kind="count")
    assert (batch.kind, kind_title(batch.kind)) == ("count", "COUNT")


def test_a_kind_without_an_offer_is_not_for_a_marketplace(settings):
    settings.TASK_KINDS = [*settings.TASK_KINDS, "tests.made_up_task.kind.LINKS_ONLY"]
    assert offer_of("contains") is CONTAINS.offer
    with pytest.raises(NotOffered, match="COUNT batches cannot be published on a marketplace"):
        offer_of("links_only")
