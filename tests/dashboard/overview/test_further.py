"""Asking for missing answers and recomputing, in one press beside the results."""

import html

import pytest

from aggregation.actions import aggregate
from aggregation.models import SelectionFrequency
from tests.aggregation.test_further import answer
from tests.aggregation.test_replacements import answered, exclude, free, readmit
from tests.factories import make_lease, staff_client
from workforce.actions import close_batch
from workforce.models import Submission

pytestmark = pytest.mark.django_db


def page_of(dataset, client) -> str:
    return html.unescape(client.get(f"/datasets/{dataset.name}/").content.decode())


def test_missing_answers_are_asked_for_in_one_press():
    batch, _, (first, _) = answered(3, asks_again=False)
    client = staff_client()
    assert "missing" not in page_of(batch.dataset, client)
    exclude(first)
    text = page_of(batch.dataset, client)
    assert "Missing votes: 3, on 3 images." in text
    assert "Ask for the 3 missing answers</button>" in text
    assert (
        "Ask for the 3 missing answers</button>"
        in client.get(f"/setup/networks/{batch.dataset.name}/").content.decode()
    )
    response = client.post(f"/setup/ask/{batch.dataset.name}/", follow=True)
    assert "1 more worker is asked now." in response.content.decode()
    assert "missing" not in page_of(batch.dataset, client)
    assert free(batch) == 1
    response = client.post(f"/setup/ask/{batch.dataset.name}/", follow=True)
    assert "No answer is missing that an open batch could ask for." in response.content.decode()


def test_what_closed_batches_lack_is_said_and_has_no_button():
    batch, _, (first, _) = answered(3)
    close_batch(batch=batch)
    exclude(first)
    text = page_of(batch.dataset, staff_client())
    assert "Of these, 3 belong to closed batches, which ask nobody." in text
    assert "missing answers</button>" not in text


def test_surplus_votes_are_shown():
    batch, _, (first, _) = answered(3)
    exclude(first)
    answer(make_lease(batch))
    readmit(first)
    assert "3 votes are surplus: they were paid" in page_of(batch.dataset, staff_client())


def test_results_are_recomputed_in_one_press():
    batch, images, _ = answered(3)
    SelectionFrequency.objects.update(n_shown=99)
    client = staff_client()
    assert "Recompute</button>" in page_of(batch.dataset, client)
    client.post(f"/setup/recompute/{batch.dataset.name}/")
    assert "The votes of 2 submissions are being counted." in page_of(batch.dataset, client)
    assert Submission.objects.filter(aggregated_at=None).count() == 2
    aggregate()
    assert set(SelectionFrequency.objects.values_list("n_shown", flat=True)) == {2}
    assert "being counted" not in page_of(batch.dataset, client)
