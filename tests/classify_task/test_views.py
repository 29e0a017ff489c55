"""The form page: at least one label, one per object, the main one among them, or nothing is stored."""

import html
import json
import re

import pytest

from classify_task.models import ClassifyVote, Form
from tests.factories import (
    make_dataset,
    make_form,
    make_grid,
    make_images,
    make_lease,
    make_worker,
    start,
    worker_client,
)
from tests.required import require
from workforce.models import Lease, Submission, Worker
from workforce.reads import image_handle

pytestmark = pytest.mark.django_db


def address(form: Form, name: str = "ann") -> str:
    return f"/classify/{form.hit.public_id}/?worker={name}"


def joined(form: Form, name: str = "ann"):
    """The form's page for a person who was given it."""
    response = start(form.hit.batch, name, follow=True)
    assert response.redirect_chain[-1][0] == address(form, name)
    return response


def hidden(response) -> dict[str, str]:
    page = response.content.decode()
    return {name: require(re.search(rf'name="{name}" value="([^"]+)"', page))[1] for name in ("token", "key")}


def answer(form: Form, fields: dict, name: str = "ann", **headers: str):
    return worker_client().post(address(form, name), fields, headers=headers)


def answer_as_json(form: Form, fields: object):
    return worker_client().post(address(form), json.dumps(fields), content_type="application/json")


def offered(response) -> list[int]:
    return [int(index) for index in re.findall(r'name="selected" value="(\d+)"', response.content.decode())]


def marked(response, name: str) -> list[int]:
    values = re.findall(rf'name="{name}" value="(\d+)"[^>]* checked', response.content.decode())
    return sorted(int(index) for index in values)


def nothing_is_stored() -> bool:
    return not Submission.objects.exists() and not ClassifyVote.objects.exists()


def test_the_page_shows_the_photograph_and_explains_every_label():
    form = make_form(labels=(0, 2, 3))
    response = joined(form)
    page = html.unescape(response.content.decode())
    lease = Lease.objects.get(hit=form.hit)
    handle = image_handle(lease, form.image.public_id)
    address = f"/i/{lease.public_id}/{handle}.jpg"
    assert (page.count(f'"{address}"'), page.count(f'"/i/{lease.public_id}/720/{handle}"')) == (1, 1)
    assert form.image.public_id not in page
    picture = worker_client().get(address)
    assert b"".join(picture).startswith(b"\xff\xd8")
    assert sorted(offered(response)) == [0, 2, 3]
    assert all(f"a thing numbered {index}" in page for index in (0, 2, 3))
    assert form.image.name not in page


def test_the_order_of_labels_stays_on_reload_and_differs_between_people():
    form = make_form(labels=(0, 1, 2, 3), n_slots=8)
    orders = set()
    for name in "abcdefgh":
        first = offered(joined(form, name))
        assert offered(worker_client().get(address(form, name))) == first
        orders.add(tuple(first))
    assert len(orders) > 1


def test_words_of_a_label_are_escaped():
    form = make_form()
    form.image.dataset.label_set.labels.update(words="<b>bold</b>", gloss="<script>alert(1)</script>")
    page = joined(form).content.decode()
    assert "<b>bold" not in page
    assert "<script>alert" not in page


def test_an_answer_becomes_a_vote():
    form = make_form(labels=(0, 1, 2))
    response = answer(form, hidden(joined(form)) | {"selected": ["2", "0"], "main": "2"})
    assert response.status_code == 303
    assert response.headers["Location"] == f"/join/{form.hit.batch.public_id}?worker=ann"
    vote = ClassifyVote.objects.get()
    assert (vote.selected, vote.main, vote.counted) == ([0, 2], 2, True)


def test_the_script_hands_in_json_and_reads_where_to_go_next():
    form = make_form()
    response = answer_as_json(form, hidden(joined(form)) | {"selected": ["1"], "main": "1"})
    assert response.status_code == 200
    assert response.json() == {"next": f"/join/{form.hit.batch.public_id}?worker=ann"}
    assert ClassifyVote.objects.get().selected == [1]


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({}, "at least one label"),
        ({"main": "1"}, "at least one label"),
        ({"selected": ["0", "1"]}, "which of the selected labels is the main object"),
        ({"selected": ["0", "1"], "main": "2"}, "must be a selected label"),
        ({"selected": ["0"], "main": "1"}, "must be a selected label"),
        ({"selected": ["0", "3"], "main": "0"}, "does not belong to this task"),
        ({"selected": ["0"], "main": "3"}, "does not belong to this task"),
        ({"selected": ["0", "banana"], "main": "0"}, "does not belong to this task"),
        ({"selected": ["0", "0"], "main": "0"}, "selected twice"),
        ({"selected": ["-1"], "main": "-1"}, "does not belong to this task"),
        ({"selected": ["9" * 400], "main": "0"}, "does not belong to this task"),
    ],
)
@pytest.mark.parametrize("send", [answer, answer_as_json])
def test_an_answer_that_cannot_be_is_refused_and_nothing_stored(send, chosen, says):
    form = make_form(labels=(0, 1, 2))
    response = send(form, hidden(joined(form)) | chosen)
    assert response.status_code == 422
    assert says in html.unescape(response.content.decode())
    assert nothing_is_stored()


@pytest.mark.parametrize("selected", ["0", 7, {"a": 0}, [[0]], [None], [True]])
def test_json_of_the_wrong_shape_is_refused_and_nothing_stored(selected):
    form = make_form()
    response = answer_as_json(form, hidden(joined(form)) | {"selected": selected, "main": 0})
    assert response.status_code == 422
    assert nothing_is_stored()


def test_what_was_chosen_is_still_chosen_after_an_error():
    form = make_form(labels=(0, 1, 2))
    response = answer(form, hidden(joined(form)) | {"selected": ["1", "2"], "main": "0"})
    assert marked(response, "selected") == [1, 2]
    assert marked(response, "main") == [0]


@pytest.mark.parametrize(("chosen", "group"), [({}, "selected"), ({"selected": ["0", "1"]}, "main")])
def test_an_error_stands_at_its_group_and_leads_there(chosen, group):
    form = make_form(labels=(0, 1, 2))
    fields = hidden(joined(form)) | chosen
    page = answer(form, fields).content.decode()
    at_group = page[page.index(f'data-group="{group}"') :]
    assert at_group.startswith(f'data-group="{group}" autofocus aria-describedby="problem"')
    assert page.count("autofocus") == page.count('id="problem"') == 1
    assert 'id="problem"' in at_group[: at_group.index("</fieldset>")]
    assert answer_as_json(form, fields).json()["group"] == group


def test_a_single_selected_label_needs_no_mark_as_main_object():
    form = make_form(labels=(0, 1, 2))
    assert answer(form, hidden(joined(form)) | {"selected": ["2"]}).status_code == 303
    assert ClassifyVote.objects.get().main == 2


def test_the_order_stored_is_the_order_shown():
    form = make_form(labels=(0, 1, 2, 3), n_slots=8)
    for name in "abcd":
        page = joined(form, name)
        answer(form, hidden(page) | {"selected": ["1"]}, name)
        assert Submission.objects.latest("pk").answer["shown"] == offered(page)


def test_a_photograph_of_another_page_is_refused_as_not_loaded():
    form = make_form()
    fields = hidden(joined(form)) | {"selected": ["1"], "unloaded": ["another"]}
    assert answer(form, fields).status_code == 422
    assert nothing_is_stored()


def test_instructions_are_folded_from_the_second_task_on():
    first, second = (make_form(image=image) for image in make_images(make_dataset(classify_answers=1), 2))
    assert first.hit.batch == second.hit.batch
    page = start(first.hit.batch, "ann", follow=True)
    assert '<details class="help" open>' in page.content.decode()
    address = page.redirect_chain[-1][0]
    following = worker_client().post(address, hidden(page) | {"selected": ["1"]}, follow=True)
    assert '<details class="help">' in following.content.decode()


def test_the_page_after_an_error_can_be_handed_in():
    form = make_form(labels=(0, 1, 2))
    refused = answer(form, hidden(joined(form)) | {"selected": ["0", "1"]})
    assert answer(form, hidden(refused) | {"selected": ["1"], "main": "1"}).status_code == 303
    assert ClassifyVote.objects.count() == 1


def test_the_same_answer_sent_again_is_stored_once():
    form = make_form()
    fields = hidden(joined(form)) | {"selected": ["1"], "main": "1"}
    first, second = answer(form, fields), answer(form, fields)
    assert (first.status_code, first.headers["Location"]) == (second.status_code, second.headers["Location"])
    assert ClassifyVote.objects.count() == 1


def test_a_second_answer_from_another_tab_is_refused_with_a_way_on():
    form = make_form()
    one_tab, other_tab = hidden(joined(form)), hidden(joined(form))
    answer(form, one_tab | {"selected": ["1"], "main": "1"})
    response = answer(form, other_tab | {"selected": ["2"], "main": "2"})
    assert response.status_code == 409
    assert f"/join/{form.hit.batch.public_id}?worker=ann" in response.content.decode()
    assert ClassifyVote.objects.get().selected == [1]


def test_the_page_of_handed_in_work_leads_on():
    form = make_form()
    answer(form, hidden(joined(form)) | {"selected": ["1"], "main": "1"})
    assert worker_client().get(address(form))["Location"] == f"/join/{form.hit.batch.public_id}?worker=ann"


@pytest.mark.parametrize("token", ["", "made-up", "made:up"])
def test_a_forged_token_is_refused_and_nothing_stored(token):
    form = make_form()
    response = answer(form, hidden(joined(form)) | {"token": token, "selected": ["1"], "main": "1"})
    assert response.status_code == 403
    assert "Nothing was saved" in response.content.decode()
    assert nothing_is_stored()


def test_the_token_of_another_form_or_of_a_grid_is_refused_and_nothing_stored():
    form, other, grid = make_form(), make_form(), make_grid()
    joined(form)
    foreign = hidden(joined(other, "bob"))
    make_lease(grid.hit.batch, make_worker("ann"))
    page = worker_client().get(f"/contains/{grid.hit.public_id}/?worker=ann")
    for fields in (foreign, hidden(page)):
        assert answer(form, fields | {"selected": ["1"], "main": "1"}).status_code == 403
    assert nothing_is_stored()


def test_a_broken_key_is_refused_and_nothing_stored():
    form = make_form()
    response = answer(form, hidden(joined(form)) | {"key": "", "selected": ["1"], "main": "1"})
    assert response.status_code == 422
    assert nothing_is_stored()


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_an_answer_from_another_sites_page_is_refused(site):
    form = make_form()
    fields = hidden(joined(form)) | {"selected": ["1"], "main": "1"}
    assert answer(form, fields, **{"Sec-Fetch-Site": site}).status_code == 403
    assert nothing_is_stored()


@pytest.mark.parametrize("body", ["[]", "nonsense", "[" * 100_000])
def test_unreadable_json_is_refused_and_nothing_stored(body):
    form = make_form()
    joined(form)
    response = worker_client().post(address(form), body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["message"]
    assert nothing_is_stored()


def test_a_body_of_10_megabytes_is_refused_and_nothing_stored():
    form = make_form()
    joined(form)
    body = b"a" * 10 * 1024 * 1024
    response = worker_client().post(address(form), body, content_type="application/json")
    assert response.status_code == 413
    assert nothing_is_stored()


def test_a_form_is_shown_only_to_its_worker():
    form = make_form()
    assert worker_client().get(address(form, "stranger")).status_code == 403
    assert worker_client().get(f"/classify/{form.hit.public_id}/").status_code == 400
    assert not Worker.objects.exists(), "looking must not make anybody known"


def test_a_grid_has_no_form_page_nor_a_form_a_grid_page():
    form, grid = make_form(), make_grid()
    assert worker_client().get(f"/classify/{grid.hit.public_id}/?worker=ann").status_code == 404
    assert worker_client().get(f"/contains/{form.hit.public_id}/?worker=ann").status_code == 404


def test_no_cookie_is_set_and_the_page_is_not_kept():
    form = make_form()
    response = joined(form)
    posted = answer(form, hidden(response) | {"selected": ["1"], "main": "1"})
    assert not response.cookies
    assert not posted.cookies
    assert "no-store" in response.headers["Cache-Control"]


def test_a_form_sent_before_its_script_ran_is_shown_again_and_then_taken():
    form = make_form(labels=(0, 1))
    fields = hidden(joined(form)) | {"selected": ["1"]}
    again = answer(form, fields | {"scripts": "awaited"})
    assert (again.status_code, ClassifyVote.objects.count()) == (422, 0)
    assert "The page was not ready yet." in again.content.decode()
    assert answer(form, fields | {"scripts": "none"}).status_code == 303
    assert ClassifyVote.objects.get().main == 1
