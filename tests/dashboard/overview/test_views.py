"""The overview pages: open to researchers alone, true to the votes, and fast however many images there are."""

import html
import re

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aggregation.actions import aggregate
from aggregation.models import CandidateSet
from catalog.actions import change_settings
from catalog.models import Dataset, Image
from classify_task.actions import classify_batch, record_vote
from contains_task.models import Grid
from dashboard.overview.reads import progress_of_batches
from tests.factories import (
    make_batch,
    make_dataset,
    make_form,
    make_grid,
    make_hits,
    make_images,
    make_lease,
    make_worker,
    staff_client,
    tick_images,
    unique,
    worker_client,
)
from tests.required import require
from tests.workforce.assignments_by_hand import make_offered_grid
from workforce.actions import close_batch

pytestmark = pytest.mark.django_db


def page(path: str, **parameters: str) -> str:
    response = staff_client().get(path, parameters)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def key() -> str:
    return unique("key" * 6)


def answer_grid(grid: Grid, selected: list[Image]) -> None:
    lease = make_lease(grid.hit.batch, make_worker())
    tick_images(lease=lease, selected=[image.public_id for image in selected], idempotency_key=key())


def annotated_image(*, answers: list[tuple[list[int], int]], name: str | None = None) -> Image:
    """Return an image of dataset label 0 whose form (labels 0 to 3) got these (selected, main) answers."""
    dataset = make_dataset(classify_answers=len(answers), name=name)
    image = make_images(dataset, 1)[0]
    make_form(labels=(0, 1, 2, 3), image=image)
    for selected, main in answers:
        lease = make_lease(classify_batch(dataset=dataset), make_worker())
        record_vote(lease=lease, selected=selected, main=main, idempotency_key=key())
    aggregate()
    return image


def tiles(text: str) -> list[str]:
    return re.findall(r'<h3><a href="/images/[^"]+">([^<]+)</a></h3>', text)


# Access


@pytest.mark.parametrize("path", ["/", "/datasets/any/", "/images/any/"])
def test_without_a_login_every_page_leads_to_the_sign_in(path):
    response = staff_client(signed_in=False).get(path)
    assert response.status_code == 302
    assert response["Location"] == f"/login/?next={path}"


def test_the_sign_in_speaks_of_no_role_and_a_refused_photograph_of_the_role_that_sees_it():
    visitor = staff_client(signed_in=False)
    words = visitor.get("/login/?next=/datasets/any/").content.decode()
    assert "To open this page, sign in." in words and "researcher" not in words
    refused = visitor.get("/i/any.jpg")
    assert refused.status_code == 403
    assert "Only people whose role in this study allows it can open this address." in refused.content.decode()


@pytest.mark.parametrize("path", ["/datasets/any/", "/images/any/", "/login/", "/logout/"])
def test_the_worker_origin_knows_none_of_them(path):
    assert worker_client().get(path).status_code == 404


def test_no_site_may_frame_a_staff_page(settings):
    settings.WORKER_FRAME_ANCESTORS = ["https://worker.example.org"]
    for path in ("/", "/login/"):
        policy = staff_client().get(path).headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy


def test_on_one_shared_origin_no_page_may_be_framed(settings):
    settings.WORKER_FRAME_ANCESTORS = ["https://worker.example.org"]
    settings.WORKER_ORIGIN = settings.STAFF_ORIGIN
    response = staff_client(signed_in=False).get("/login/")
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


def test_a_researcher_signs_in_and_out():
    get_user_model().objects.create_user("rosa", password="a long pass phrase", is_staff=True)
    client = staff_client(signed_in=False)
    response = client.post("/login/", {"username": "rosa", "password": "a long pass phrase", "next": "/"})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    assert client.get("/logout/").status_code == 405, "a mere link must not sign anybody out"
    client.post("/logout/")
    assert client.get("/").status_code == 302


def test_a_failed_sign_in_does_not_say_whether_name_or_password_was_wrong():
    response = staff_client(signed_in=False).post("/login/", {"username": "nobody", "password": "x"})
    assert response.status_code == 200
    assert "Wrong name or password" in response.content.decode()


def test_the_sign_in_leads_to_no_other_site():
    get_user_model().objects.create_user("rosa", password="a long pass phrase")
    fields = {"username": "rosa", "password": "a long pass phrase", "next": "https://evil.example.org/"}
    assert staff_client(signed_in=False).post("/login/", fields)["Location"] == "/"


# Datasets and batches


def test_a_fresh_site_leads_to_the_first_dataset():
    assert "No datasets yet" in page("/")


def test_a_batch_is_listed_with_its_progress_and_address(settings):
    settings.WORKER_ORIGIN = "https://work.example.org"
    batch = make_batch()
    grid = make_grid(batch=batch, n_images=2)
    answer_grid(grid, [])
    make_lease(batch)
    text = page("/")
    n_answers = batch.settings.contains_answers
    placeholders = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    assert f'value="https://work.example.org/join/{batch.public_id}?{placeholders}" readonly' in text
    assert f'href="https://work.example.org/join/{batch.public_id}?worker=researcher' in text
    assert f"<code>https://work.example.org/join/{batch.public_id}?worker=NAME</code>" in text
    assert f"1 of {n_answers} answers submitted · 1 in progress · {n_answers - 2} not yet assigned" in " ".join(
        text.split()
    )


@pytest.mark.parametrize("marketplace", ["link", "replay"])
def test_a_closed_or_replayed_batch_has_no_address(marketplace):
    batch = make_batch(marketplace=marketplace)
    if marketplace == "link":
        close_batch(batch=batch)
    assert f"/join/{batch.public_id}" not in page("/")


def test_two_batches_of_a_kind_are_distinguishable():
    dataset = make_dataset()
    first = make_batch(dataset, completion_code="C0DE<7>", hits_per_worker=5)
    change_settings(dataset=dataset, min_shown=2)
    second = make_batch(dataset, completion_url="https://app.example.org/complete?cc=C1&n=2")
    make_grid(batch=first)
    text = " ".join(page("/").split())
    [of_second, of_first] = re.split(r'<article class="batch"', text)[1:]
    for batch, part in ((first, of_first), (second, of_second)):
        assert f"Batch {batch.pk}: CONTAINS" in part
        assert f"settings version {batch.settings.version}" in part
        assert f"{batch.created_at:%b %Y}" in part
        assert f'/setup/grids/{batch.dataset.name}/#batch-{batch.pk}"' in part
    assert "1 HIT ·" in of_first
    assert "at most 5 per worker" in of_first
    assert "completion code <code>C0DE<7></code>" in of_first
    assert "no limit per worker" in of_second
    assert "no completion code" in of_second
    assert "completion link <code>https://app.example.org/complete?cc=C1&n=2</code>" in of_second


def test_closed_batches_are_folded_and_replayed_ones_not_counted():
    dataset = make_dataset()
    closed = close_batch(batch=make_grid(batch=make_batch(dataset), n_slots=1).hit.batch)
    replayed = make_batch(dataset, marketplace="replay")
    make_hits(7, 3, batch=replayed)
    current = make_batch(dataset)
    published = make_batch(dataset, marketplace="mturk")
    visible, folded = page("/").split("<details")
    assert "2 closed or replayed batches" in folded
    assert f"Batch {current.pk}:" in visible
    assert f"Batch {published.pk}:" in visible
    assert f"Batch {closed.pk}:" in folded
    assert f"Batch {replayed.pk}:" in folded
    assert closed.pk in progress_of_batches()
    assert replayed.pk not in progress_of_batches()


def test_the_results_lead_to_the_batches_of_their_dataset():
    dataset = make_dataset()
    assert f'href="/#dataset-{dataset.pk}"' in page(f"/datasets/{dataset.name}/")
    assert f'id="dataset-{dataset.pk}"' in page("/")


def test_a_form_without_the_current_candidate_labels_is_flagged():
    dataset = make_dataset(contains_answers=1, min_shown=1)
    settled, followed, _ = settled_and_followed(dataset)
    words = "these are no longer the candidate labels"
    assert words not in page(f"/images/{followed.public_id}/")
    CandidateSet.objects.filter(image=followed).update(labels=[0, 3])
    text = page(f"/images/{followed.public_id}/")
    assert words in text
    assert "The form offers thing 0, thing 1;" in text
    assert words not in page(f"/images/{settled.public_id}/")


@pytest.mark.parametrize("name", ["a/b", "what?", "100% <b>", "näh me", "#1"])
def test_a_dataset_of_any_name_has_a_page(name):
    make_dataset(name=name)
    address = require(re.search(r'<h2><a href="([^"]+)">', staff_client().get("/").content.decode()))[1]
    assert name in page(html.unescape(address))


def test_an_unknown_dataset_leads_to_the_existing_ones():
    assert "No datasets yet." in html.unescape(staff_client().get("/datasets/none/").content.decode())
    make_dataset(name="a/b <c>")
    for path in ("/datasets/none/", "/setup/grids/none/", "/setup/rows/grids/csv/none/"):
        response = staff_client().get(path)
        assert response.status_code == 404
        text = html.unescape(response.content.decode())
        assert "There is no dataset named “none”." in text
        assert '<a href="/datasets/a/b%20%3Cc%3E/">a/b <c></a>' in text


def test_an_unknown_dataset_is_not_answered_to_visitors():
    make_dataset(name="secret")
    assert "secret" not in staff_client(signed_in=False).get("/datasets/none/", follow=True).content.decode()


def test_an_unknown_dataset_image_or_filter_is_not_found():
    dataset = make_dataset()
    client = staff_client()
    for path in ("/datasets/nothing/", "/images/nothing/", f"/datasets/{dataset.name}/?show=password"):
        assert client.get(path).status_code == 404


# Results


def test_selection_frequencies_are_shown_as_counts_of_those_who_saw_the_pair():
    grid = make_grid(n_images=1, n_slots=3)
    image = grid.cells.get().image
    for selected in ([image], [image], []):
        answer_grid(grid, selected)
    aggregate()
    text = page(f"/datasets/{image.dataset.name}/")
    assert "2/3" in text
    assert 'width="66.7%"' in text


def test_an_annotation_appears_with_objects_shares_and_the_main_object():
    image = annotated_image(answers=[([0, 1], 1), ([0, 1], 1), ([0, 1], 0)])
    text = " ".join(page(f"/datasets/{image.dataset.name}/").split())
    assert "3 annotators" in text
    assert "2 objects" in text
    assert "main label thing 1" in text
    assert '<span>thing 1</span><span class="tag good">main object</span>' in text
    assert '<span>thing 0</span><span class="tag">has the dataset label</span>' in text
    assert "main object differs" in text


def test_labels_without_a_place_and_ties_are_flagged():
    image = annotated_image(answers=[([0, 1], 0), ([1, 2], 1), ([0, 2], 2), ([3], 3)])
    text = page(f"/images/{image.public_id}/")
    assert "partitions tie" in text
    assert "Not part of any object, because never selected together with another label: thing 3." in text


def test_a_waiting_image_shows_its_progress():
    dataset = make_dataset(contains_answers=2, classify_answers=3)
    waiting, followed = make_images(dataset, 2)
    answer_grid(make_grid(images=[waiting]), [])
    make_form(image=followed)
    text = page(f"/datasets/{dataset.name}/")
    assert "CONTAINS: 1 of 2 answers" in text
    assert "CLASSIFY: 0 of 3 answers" in text


def test_an_image_without_a_file_has_a_placeholder():
    dataset = make_dataset()
    Image.objects.create(dataset=dataset, name="replayed")
    text = page(f"/datasets/{dataset.name}/")
    assert "no image file" in text
    assert "/i/" not in text


def test_an_image_without_a_dataset_label_is_shown():
    dataset = make_dataset(contains_answers=1)
    [image] = make_images(dataset, 1, label=None)
    answer_grid(make_grid(images=[image], label=2), [image])
    aggregate()
    text = page(f"/datasets/{dataset.name}/")
    assert "no dataset label" in text
    assert "1/1" in text


def test_names_and_words_of_researchers_are_escaped():
    dataset = make_dataset(name="<i>set</i>")
    image = Image.objects.create(
        dataset=dataset, name='"><script>alert(1)</script>', dataset_label=dataset.label_set.labels.first()
    )
    dataset.label_set.labels.update(words="<b>bold</b>")
    client = staff_client()
    for path in ("/", "/datasets/<i>set<%2Fi>/", f"/images/{image.public_id}/"):
        text = client.get(path).content.decode()
        assert not re.search(r"<i>|<b>|<script>alert", text)


# Filters, summary, pages


def settled_and_followed(dataset: Dataset) -> tuple[Image, Image, Image]:
    """Return an image that is settled, one in follow-up, and one without answers."""
    settled, followed, waiting = make_images(dataset, 3)
    for label, selected in ((0, [settled, followed]), (1, [followed])):
        answer_grid(make_grid(images=[settled, followed], label=label), selected)
    aggregate()
    return settled, followed, waiting


@pytest.mark.parametrize(
    ("show", "expected"), [("settled", [0]), ("follow-up", [1]), ("waiting", [1, 2]), ("all", [0, 1, 2])]
)
def test_a_filter_keeps_what_it_names_and_counts_it(show, expected):
    dataset = make_dataset(contains_answers=1, min_shown=1)
    images = settled_and_followed(dataset)
    text = page(f"/datasets/{dataset.name}/", show=show)
    assert tiles(text) == [images[index].name for index in expected]
    current = require(re.search(r'aria-current="page">[^<]*\((\d+)\)', text))[1]
    assert int(current) == len(expected)


def test_images_of_several_objects_and_of_another_main_object_can_be_picked_out():
    several = annotated_image(answers=[([0, 1], 1)] * 3, name="several")
    annotated_image(answers=[([0], 0)] * 3, name="single")
    for show in ("multi", "main-differs"):
        assert tiles(page("/datasets/several/", show=show)) == [several.name]
        assert tiles(page("/datasets/single/", show=show)) == []


def test_a_long_dataset_comes_in_pages():
    dataset = make_dataset()
    Image.objects.bulk_create([Image(dataset=dataset, name=f"{n:03}") for n in range(50)])
    path = f"/datasets/{dataset.name}/"
    assert tiles(page(path)) == [f"{n:03}" for n in range(24)]
    assert tiles(page(path, page="3")) == ["048", "049"]
    assert tiles(page(path, page="99")) == ["048", "049"], "a page too far is the last"
    assert tiles(page(path, page="x")) == [f"{n:03}" for n in range(24)]


def n_queries(path: str) -> int:
    client = staff_client()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_more_images_and_batches_take_no_more_queries():
    dataset = make_dataset(contains_answers=1)
    path = f"/datasets/{dataset.name}/"
    answer_grid(make_grid(images=make_images(dataset, 1)), [])
    aggregate()
    few = n_queries(path), n_queries("/")
    for _ in range(4):
        images = make_images(dataset, 5)
        answer_grid(make_grid(images=images), images)
    aggregate()
    assert (n_queries(path), n_queries("/")) == few


def test_looking_changes_nothing():
    image = annotated_image(answers=[([0, 1], 1)] * 2)
    client = staff_client()
    with CaptureQueriesContext(connection) as queries:
        for path in ("/", f"/datasets/{image.dataset.name}/", f"/images/{image.public_id}/"):
            client.get(path)
    statements = [query["sql"].strip() for query in queries]
    reads = ("SELECT", "WITH", "SAVEPOINT", "RELEASE")
    assert not [sql for sql in statements if not sql.startswith(reads) or re.search("INSERT|UPDATE|DELETE", sql)]


def test_a_batch_on_the_marketplace_says_so_and_how_far_it_is():
    grid, _ = make_offered_grid(n_slots=2)
    page = staff_client().get("/").content.decode()
    assert "on the marketplace" in page
    assert "0 of 2 answers submitted" in page
    assert f"/join/{grid.hit.batch.public_id}" not in page
