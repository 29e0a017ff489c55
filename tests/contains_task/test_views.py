"""The grid page: what it shows, what it takes, and what it refuses without storing anything."""

import html
import json
import re
from datetime import timedelta

import pytest

from catalog import reads as catalog_reads
from catalog.reads import now
from contains_task.models import ContainsVote, Grid
from tests.factories import make_batch, make_dataset, make_grid, make_images, start, worker_client
from tests.required import require
from workforce.actions import close_batch, expire_leases
from workforce.models import Lease, Submission, Worker
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db
MEGABYTE = 1024 * 1024


def address(grid: Grid, name: str = "ann") -> str:
    return f"/contains/{grid.hit.public_id}/?worker={name}"


def joined(grid: Grid, name: str = "ann"):
    """The grid's page for a person who was given it."""
    response = start(grid.hit.batch, name, follow=True)
    assert response.redirect_chain[-1][0] == address(grid, name)
    return response


def hidden(response) -> dict[str, str]:
    page = response.content.decode()
    values = {name: require(re.search(rf'name="{name}" value="([^"]+)"', page))[1] for name in ("token", "key")}
    return values | {"none": "yes"}


def cells(grid: Grid, name: str = "ann") -> list[str]:
    """Return the handles of the grid's images on this worker's page."""
    lease = Lease.objects.get(hit=grid.hit, worker__identity__external_id=name)
    return [image_handle(lease, cell.image.public_id) for cell in grid.cells.order_by("position")]


def shown(response) -> list[str]:
    return re.findall(r'name="selected" value="([^"]+)"', response.content.decode())


def answer(grid: Grid, fields: dict, name: str = "ann", **headers: str):
    return worker_client().post(address(grid, name), fields, headers=headers)


def answer_as_json(grid: Grid, fields: object):
    return worker_client().post(address(grid), json.dumps(fields), content_type="application/json")


def nothing_is_stored() -> bool:
    return not Submission.objects.exists() and not ContainsVote.objects.exists()


def test_the_page_asks_the_question_and_explains_it():
    grid = make_grid(n_images=3, label=2)
    page = html.unescape(joined(grid).content.decode())
    assert 'that shows: <em lang="en">thing 2</em>' in page
    assert "a thing numbered 2" in page
    assert "Any number may match, even none" in page
    assert [page.count(f'name="selected" value="{cell}"') for cell in cells(grid)] == [1, 1, 1]
    assert not [cell for cell in grid.cells.all() if cell.image.public_id in page]


def test_the_order_of_cells_stays_on_reload_and_differs_between_people():
    grid = make_grid(n_images=12, n_slots=6)
    orders = {name: shown(joined(grid, name)) for name in "abcdef"}
    assert orders["a"] == shown(worker_client().get(address(grid, "a")))
    handles = {name: cells(grid, name) for name in orders}
    places = {tuple(handles[name].index(handle) for handle in order) for name, order in orders.items()}
    assert len(places) == 6


def test_the_order_in_which_cells_were_shown_is_in_the_raw_answer():
    grid = make_grid(n_images=12)
    response = joined(grid)
    answer(grid, hidden(response) | {"selected": cells(grid)[:2]})
    image_of = dict(zip(cells(grid), (cell.image.public_id for cell in grid.cells.order_by("position")), strict=True))
    stored = Submission.objects.get().answer
    assert stored["shown"] == [image_of[handle] for handle in shown(response)]
    assert stored["selected"] == sorted(image_of[handle] for handle in cells(grid)[:2])


def test_the_other_words_of_a_label_are_shown():
    grid = make_grid()
    grid.label.words = "tabby, tabby cat, mouser"
    grid.label.save()
    page = joined(grid).content.decode()
    assert 'that shows: <em lang="en">tabby</em>' in page
    assert '</b> <span lang="en">tabby cat, mouser<' in page


def test_a_wikipedia_link_opens_apart_and_tells_nothing():
    grid = make_grid()
    grid.label.wikipedia_url = "https://en.wikipedia.org/wiki/Thing"
    grid.label.save()
    link = require(re.search(r'<a href="https://en.wikipedia.org/wiki/Thing"[^>]*>', joined(grid).content.decode()))[0]
    assert 'target="_blank"' in link
    assert "noopener" in link


def test_the_page_gives_no_photograph_away():
    dataset = make_dataset(name="secret-dataset")
    grid = make_grid(images=make_images(dataset, 2, label=1), label=2)
    page = joined(grid).content.decode()
    assert all(cell.image.name not in page for cell in grid.cells.all())
    assert "secret-dataset" not in page
    assert "thing 1" not in page
    assert re.findall(r'alt="([^"]*)"', page)[:2] == ["photograph 1", "photograph 2"]


def test_the_first_photographs_are_loaded_at_once_and_the_others_when_needed():
    page = joined(make_grid(n_images=20)).content.decode()
    assert page.count('loading="lazy"') == 8


def test_words_of_a_label_are_escaped():
    grid = make_grid()
    grid.label.words = "<script>alert(1)</script>"
    grid.label.gloss = '"><img src=x onerror=alert(1)>'
    grid.label.save()
    page = joined(grid).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_selected_and_unselected_cells_become_votes():
    grid = make_grid(n_images=3)
    fields = hidden(joined(grid))
    first, _, third = cells(grid)
    response = answer(grid, fields | {"selected": [first, third]})
    assert response.status_code == 303
    assert response.headers["Location"] == f"/join/{grid.hit.batch.public_id}?worker=ann"
    votes = dict(ContainsVote.objects.values_list("image", "selected"))
    assert [votes[cell.image_id] for cell in grid.cells.order_by("position")] == [True, False, True]


def test_the_script_hands_in_json_and_reads_where_to_go_next():
    grid = make_grid(n_images=2)
    response = answer_as_json(grid, hidden(joined(grid)) | {"selected": cells(grid)[:1], "main": None})
    assert response.status_code == 200
    assert response.json() == {"next": f"/join/{grid.hit.batch.public_id}?worker=ann"}
    assert ContainsVote.objects.filter(selected=True).count() == 1


@pytest.mark.parametrize("none", [{}, {"none": ""}, {"none": "no"}])
def test_a_grid_that_nobody_touched_is_asked_about_before_it_is_stored(none):
    grid = make_grid(n_images=2)
    fields = hidden(joined(grid))
    del fields["none"]
    response = answer(grid, fields | none | {"unloaded": cells(grid)[:1]})
    assert (response.status_code, nothing_is_stored()) == (422, True)
    page = response.content.decode()
    asked = 'name="none" value="yes" autofocus> <span>None of the 2 photographs shows: <span lang="en">thing'
    assert asked in page
    assert re.findall(r'name="unloaded" value="([^"]+)" checked', page) == cells(grid)[:1]
    as_json = answer_as_json(grid, fields | none)
    assert (as_json.status_code, as_json.json()["ask"], nothing_is_stored()) == (422, "none", True)
    assert answer(grid, fields | {"none": "yes"}).status_code == 303
    assert ContainsVote.objects.filter(selected=False).count() == 2


def test_maybe_is_an_answer_where_a_batch_has_three():
    grid = make_grid(n_images=3, batch=make_batch(answers="three"))
    fields = hidden(joined(grid))
    del fields["none"]
    assert answer(grid, fields | {"maybe": ["x"]}).status_code == 422
    assert answer(grid, fields | {"maybe": cells(grid)[:1]}).status_code == 303
    images = [cell.image.public_id for cell in grid.cells.order_by("position")]
    assert (Submission.objects.get().answer["maybe"], Submission.objects.get().answer["selected"]) == (images[:1], [])


def test_maybe_is_no_answer_where_a_batch_has_two():
    grid = make_grid(n_images=2)
    response = joined(grid)
    assert 'name="maybe"' not in response.content.decode()
    fields = hidden(response)
    assert answer(grid, fields | {"maybe": cells(grid)}).status_code == 422
    assert nothing_is_stored()


def test_the_instructions_are_folded_from_the_second_task_on():
    batch = make_batch()
    first, second = make_grid(batch=batch), make_grid(batch=batch)
    response = joined(first)
    assert '<details class="how" open>' in response.content.decode()
    answer(first, hidden(response))
    assert '<details class="how">' in joined(second).content.decode()


def test_ticking_nothing_is_an_answer():
    grid = make_grid(n_images=2)
    assert answer(grid, hidden(joined(grid))).status_code == 303
    assert ContainsVote.objects.filter(selected=False).count() == 2


def test_the_same_answer_sent_again_is_stored_once():
    grid = make_grid(n_images=2)
    fields = hidden(joined(grid)) | {"selected": cells(grid)[:1]}
    first, second = answer(grid, fields), answer(grid, fields)
    assert (first.status_code, first.headers["Location"]) == (second.status_code, second.headers["Location"])
    assert Submission.objects.count() == 1
    assert ContainsVote.objects.count() == 2


def test_a_second_answer_from_another_tab_is_refused_with_a_way_on():
    grid = make_grid(n_images=2)
    one_tab, other_tab = hidden(joined(grid)), hidden(joined(grid))
    answer(grid, one_tab | {"selected": cells(grid)})
    response = answer(grid, other_tab)
    assert response.status_code == 409
    assert "already saved" in response.content.decode()
    assert f"/join/{grid.hit.batch.public_id}?worker=ann" in response.content.decode()
    assert ContainsVote.objects.filter(selected=True).count() == 2


def test_the_page_of_handed_in_work_leads_on():
    grid = make_grid()
    answer(grid, hidden(joined(grid)))
    response = worker_client().get(address(grid))
    assert response.status_code == 302
    assert response["Location"] == f"/join/{grid.hit.batch.public_id}?worker=ann"


def test_a_forged_cell_is_refused_and_nothing_stored():
    grid, other = make_grid(), make_grid()
    fields = hidden(joined(grid))
    joined(other)
    response = answer(grid, fields | {"selected": [cells(grid)[0], cells(other)[0]]})
    assert response.status_code == 422
    assert cells(other)[0] in response.content.decode()
    assert nothing_is_stored()


def test_what_stands_for_an_image_on_another_persons_page_is_refused():
    grid = make_grid()
    fields = hidden(joined(grid))
    joined(grid, "bob")
    assert answer(grid, fields | {"selected": cells(grid, "bob")}).status_code == 422
    public_ids = [cell.image.public_id for cell in grid.cells.all()]
    assert answer(grid, fields | {"selected": public_ids}).status_code == 422
    assert nothing_is_stored()


@pytest.mark.parametrize("forged", ["", "x" * 400, "'; DROP TABLE", "\u202e", "0"])
def test_an_unknown_handle_is_refused_with_the_whole_selection(forged):
    grid = make_grid()
    fields = hidden(joined(grid))
    assert answer(grid, fields | {"selected": [cells(grid)[0], forged]}).status_code == 422
    assert answer_as_json(grid, fields | {"selected": [cells(grid)[0], forged]}).status_code == 422
    assert nothing_is_stored()


@pytest.mark.parametrize("token", ["", "made-up", "made:up", "\N{SNOWMAN}", "x" * 5000])
def test_a_forged_token_is_refused_and_nothing_stored(token):
    grid = make_grid()
    response = answer(grid, hidden(joined(grid)) | {"token": token})
    assert response.status_code == 403
    assert "Nothing was saved" in response.content.decode()
    assert nothing_is_stored()


def test_the_token_of_another_grid_is_refused_and_nothing_stored():
    grid, other = make_grid(), make_grid()
    joined(grid)
    assert answer(grid, hidden(joined(other, "bob"))).status_code == 403
    assert nothing_is_stored()


def test_a_token_replayed_under_another_name_still_counts_for_its_owner_once():
    grid = make_grid(n_slots=5)
    fields = hidden(joined(grid))
    joined(grid, "bob")
    answer(grid, fields)
    answer(grid, fields | {"key": "another-key-of-bob"}, name="bob")
    assert [submission.worker.identity.external_id for submission in Submission.objects.all()] == ["ann"]


@pytest.mark.parametrize("key", ["", "short", "ä" * 20, "x" * 65])
def test_a_broken_key_is_refused_and_nothing_stored(key):
    grid = make_grid()
    assert answer(grid, hidden(joined(grid)) | {"key": key}).status_code == 422
    assert nothing_is_stored()


def test_a_key_that_two_people_share_stores_both():
    grid = make_grid(n_slots=2)
    for name in ("ann", "bob"):
        fields = hidden(joined(grid, name)) | {"key": "the-very-same-key"}
        assert answer(grid, fields, name).status_code == 303
    assert Submission.objects.count() == 2


@pytest.mark.parametrize("body", ["[]", "nonsense", "7", "[" * 100_000, '{"token": NaN, "key": {}}', "\x00"])
def test_unreadable_json_is_refused_and_nothing_stored(body):
    grid = make_grid()
    joined(grid)
    response = worker_client().post(address(grid), body, content_type="application/json")
    assert response.status_code in (400, 403)
    assert response.json()["message"]
    assert nothing_is_stored()


@pytest.mark.parametrize("selected", ["not-a-list", 7, [["nested"]], [None], {"a": 1}])
def test_json_of_the_wrong_shape_is_refused_and_nothing_stored(selected):
    grid = make_grid()
    response = answer_as_json(grid, hidden(joined(grid)) | {"selected": selected})
    assert response.status_code == 422
    assert nothing_is_stored()


def test_plain_text_is_refused_although_any_site_may_send_it():
    grid = make_grid()
    body = json.dumps(hidden(joined(grid)))
    assert worker_client().post(address(grid), body, content_type="text/plain").status_code == 400
    assert nothing_is_stored()


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_an_answer_from_another_sites_page_is_refused(site):
    grid = make_grid()
    assert answer(grid, hidden(joined(grid)), **{"Sec-Fetch-Site": site}).status_code == 403
    assert nothing_is_stored()


def test_an_answer_from_our_own_page_is_taken():
    grid = make_grid()
    assert answer(grid, hidden(joined(grid)), **{"Sec-Fetch-Site": "same-origin"}).status_code == 303


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_of_10_megabytes_is_refused_and_nothing_stored(content_type):
    grid = make_grid()
    joined(grid)
    response = worker_client().post(address(grid), b"a" * 10 * MEGABYTE, content_type=content_type)
    assert response.status_code == 413
    assert "not saved" in response.content.decode()
    assert nothing_is_stored()


def test_too_many_fields_are_refused_and_nothing_stored():
    grid = make_grid()
    body = "&".join(["selected=x"] * 5000)
    joined(grid)
    response = worker_client().post(address(grid), body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 400
    assert nothing_is_stored()


def test_a_grid_is_shown_only_to_its_worker():
    grid = make_grid()
    assert worker_client().get(address(grid, "stranger")).status_code == 403
    assert worker_client().get(f"/contains/{grid.hit.public_id}/").status_code == 400
    assert not Worker.objects.exists(), "looking must not make anybody known"


@pytest.mark.parametrize("parameter", ["worker", "PROLIFIC_PID"])
def test_a_worker_who_opens_somebody_elses_grid_is_led_to_theirs(parameter):
    grid = make_grid()
    response = worker_client().get(f"/contains/{grid.hit.public_id}/?{parameter}=stranger")
    assert response.status_code == 403
    assert f'href="/join/{grid.hit.batch.public_id}?worker=stranger"' in response.content.decode()


def test_an_unknown_grid_is_a_404():
    assert worker_client().get("/contains/no-such-hit/?worker=ann").status_code == 404


def test_work_handed_in_after_the_lease_ran_out_is_kept():
    grid = make_grid(n_slots=1)
    fields = hidden(joined(grid))
    catalog_reads.fixed_now = now() + timedelta(days=1)
    try:
        expire_leases()
        assert answer(grid, fields).status_code == 303
    finally:
        catalog_reads.fixed_now = None
    assert Submission.objects.get().state == "confirmed"


def test_work_in_hand_may_be_handed_in_after_the_batch_was_closed():
    grid = make_grid()
    fields = hidden(joined(grid))
    close_batch(batch=grid.hit.batch)
    assert answer(grid, fields).status_code == 303
    assert Submission.objects.count() == 1


def test_the_page_shows_the_progress():
    batch = make_batch(hits_per_worker=2)
    first, second = make_grid(batch=batch), make_grid(batch=batch)
    response = joined(first)
    assert "Task 1 of 2" in response.content.decode()
    answer(first, hidden(response))
    assert "Task 2 of 2" in joined(second).content.decode()


def test_stopping_early_is_offered_once_something_is_done():
    batch = make_batch()
    first, second = make_grid(batch=batch), make_grid(batch=batch)
    response = joined(first)
    assert "/finish" not in response.content.decode()
    answer(first, hidden(response))
    assert f"/join/{batch.public_id}/finish?worker=ann" in joined(second).content.decode()


def test_no_cookie_is_set_and_the_page_is_not_kept():
    grid = make_grid()
    response = joined(grid)
    posted = answer(grid, hidden(response))
    assert not response.cookies
    assert not posted.cookies
    assert "no-store" in response.headers["Cache-Control"]


def test_looking_at_a_grid_again_changes_nothing():
    grid = make_grid()
    joined(grid)
    before = list(Lease.objects.values())
    worker_client().get(address(grid))
    assert list(Lease.objects.values()) == before


def test_a_frame_is_allowed_to_the_named_marketplace_alone(settings):
    settings.WORKER_FRAME_ANCESTORS = ["https://worker.example.org"]
    assert "frame-ancestors https://worker.example.org" in joined(make_grid()).headers["Content-Security-Policy"]


def test_a_page_of_three_answers_offers_maybe_and_takes_it():
    grid = make_grid(batch=make_batch(make_dataset(contains_answers=1), answers="three"), n_images=3)
    page = joined(grid)
    assert re.findall(r'name="maybe" value="([^"]+)"', page.content.decode()) == shown(page)
    first, second, _ = shown(page)
    assert answer(grid, hidden(page) | {"selected": [first], "maybe": [second]}).status_code == 303
    assert sorted(vote.answer for vote in ContainsVote.objects.all()) == ["maybe", "no", "yes"]


def test_a_grid_of_maybes_alone_needs_no_confirmation():
    grid = make_grid(batch=make_batch(make_dataset(contains_answers=1), answers="three"), n_images=2)
    page = joined(grid)
    assert answer_as_json(grid, hidden(page) | {"none": "", "maybe": shown(page)}).status_code == 200
    assert ContainsVote.objects.filter(maybe=True).count() == 2


def test_a_page_of_two_answers_takes_no_maybe():
    grid = make_grid(n_images=2)
    page = joined(grid)
    assert 'name="maybe"' not in page.content.decode()
    assert answer(grid, hidden(page) | {"maybe": shown(page)[:1]}).status_code == 422
    assert nothing_is_stored()


def test_a_grid_sent_before_its_script_ran_is_shown_again_and_then_taken():
    grid = make_grid(n_images=2)
    page = joined(grid).content.decode()
    assert re.findall(r'name="scripts" value="(\w+)"', page) == ["awaited", "none"]
    fields = hidden(joined(grid)) | {"selected": cells(grid)[:1]}
    again = answer(grid, fields | {"scripts": "awaited"})
    assert (again.status_code, nothing_is_stored()) == (422, True)
    page = again.content.decode()
    assert "The page was not ready yet." in page
    assert re.findall(r'name="scripts" value="(\w+)"', page) == ["none"]
    assert (page.count('name="unloaded"'), page.count("<noscript><label")) == (2, 0)
    assert re.findall(r'name="selected" value="([^"]+)" checked', page) == cells(grid)[:1]
    assert answer(grid, fields | {"scripts": ["awaited", "none"], "unloaded": cells(grid)[1:]}).status_code == 303
    assert ContainsVote.objects.get().selected
